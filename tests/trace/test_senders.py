"""Who sent a message, and may they: told from packets alone, and unknown where they do not tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import dns.dnssec
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from scapy.layers.inet import UDP
from scapy.packet import Raw
from talk import Talk, capture, watch

from testbed.authentication.keys import generated
from testbed.authentication.signing import sign
from testbed.trace.analysis import Analysis
from testbed.trace.authentication.judged import Judged
from tests.command import testbed

ALICE, CREPES, LIST, SCHOOL, RESOLVER = "192.0.2.10", "192.0.2.20", "192.0.2.30", "198.51.100.25", "198.51.100.53"
KEY = generated("ed25519")
LETTER = (
    b"From: Alice <alice@crepes.fr>\r\nTo: lunch@lists.fr\r\nSubject: Lunch?\r\nMessage-ID: <1@crepes.fr>\r\n\r\n"
    b"Crepes at noon?\r\n.\r\nAlice\r\n"
)
SIGNED = sign(LETTER, KEY, "crepes.fr", "s1") + LETTER
FOOTER = b"-- \r\nlunch@lists.fr\r\nleave: lunch-leave@lists.fr\r\n"
ON_THE_LIST = b"Received: from crepes.fr by lists.fr; now\r\n" + SIGNED.replace(b"Lunch?", b"[lunch] Lunch?") + FOOTER
SPF = ("crepes.fr", "TXT", '"v=spf1 ip4:192.0.2.20 -all"')
NO_SPF = ("lists.fr", "TXT")
DKIM = ("s1._domainkey.crepes.fr", "TXT", f'"{KEY.record}"')
DMARC = ("_dmarc.crepes.fr", "TXT", '"v=DMARC1; p=reject"')
TOP = ("_dmarc.fr", "TXT")
PTR = ("20.2.0.192.in-addr.arpa", "PTR", "mail.crepes.fr.")
ADDRESS = ("mail.crepes.fr", "A", "192.0.2.20")
LISTED = ("20.2.0.192.bl.example", "A")
ALL = (SPF, DKIM, DMARC, TOP)


def asked(*questions: tuple[str, ...], by: str = SCHOOL, rcode: str = "", ttl: int = 300, before: float = 0) -> Talk:
    """A resolver's answers: name, type, and data of each record; without data, there is no such name."""
    talk = Talk(hosts=(by, RESOLVER), server_port=53).wait(before)
    for number, (name, kind, *data) in enumerate(questions, 1):
        query = dns.message.make_query(name, kind, id=number)
        answer = dns.message.make_response(query)
        answer.set_rcode(dns.rcode.from_text(rcode or ("NOERROR" if data else "NXDOMAIN")))
        if data and not rcode:
            of = "CNAME" if data[0].startswith("CNAME ") else kind
            answer.answer.append(
                dns.rrset.from_text(f"{name}.", ttl, "IN", of, *(d.removeprefix("CNAME ") for d in data))
            )
        ports = {"sport": 40_000 + number, "dport": 53}
        talk.packets.append(talk.ip(0) / UDP(**ports) / Raw(query.to_wire()))
        talk.packets.append(talk.ip(1) / UDP(sport=53, dport=ports["sport"]) / Raw(answer.to_wire()))
    return talk


def hop(
    octets: bytes = SIGNED, client: str = CREPES, server: str = SCHOOL, sender: str = "alice@crepes.fr",
    reply: str = "250 2.0.0 Ok: queued as 4ABC", port: int = 25, before: float = 0,
) -> Talk:  # fmt: skip
    talk = Talk(hosts=(client, server), server_port=port).wait(before)
    talk.open().say("S 220 mx ESMTP", "C EHLO mail.crepes.fr", "S 250 mx", f"C MAIL FROM:<{sender}>", "S 250 ok")
    talk.say("C RCPT TO:<bob@someschool.edu>", "S 250 ok", "C DATA", "S 354 go")
    stuffed = octets.replace(b"\r\n.", b"\r\n..")
    for at in range(0, len(stuffed), 300):
        talk.segment(0, "PA", stuffed[at : at + 300])
    return talk.say("C .", f"S {reply}", "C QUIT", "S 221 bye").close()


REFUSAL = "550 5.7.26 Unauthenticated email from crepes.fr is not accepted due to domain's DMARC policy"


def judged(analysis: Analysis) -> list[Judged]:
    return list(analysis.authentication.judged) if analysis.authentication is not None else []


def results(analysis: Analysis) -> str:
    """``spf pass, dkim pass, dmarc pass``, messages apart by a bar."""
    return " | ".join(", ".join(f"{c.method} {c.result}" for c in one.checks) for one in judged(analysis))


CASES: dict[str, tuple[tuple[Talk, ...], str]] = {
    "all is as it should be": ((asked(*ALL), hop()), "spf pass, dkim pass, dmarc pass"),
    "asked while it came": ((hop(), asked(*ALL)), "spf pass, dkim pass, dmarc pass"),
    "asked much later": ((hop(), asked(*ALL, before=600)), "spf unknown, dkim unknown, dmarc unknown"),
    "an answer that still holds": ((asked(*ALL), hop(before=200)), "spf pass, dkim pass, dmarc pass"),
    "an answer that no longer holds": ((asked(*ALL), hop(before=400)), "spf unknown, dkim unknown, dmarc unknown"),
    "nobody asked for the top": ((asked(*ALL[:3]), hop()), "spf pass, dkim pass, dmarc pass"),
    "nobody asked for the key": ((asked(SPF, DMARC), hop()), "spf pass, dkim unknown, dmarc pass"),
    "nobody asked for SPF": ((asked(DKIM, DMARC), hop()), "spf unknown, dkim pass, dmarc pass"),
    "nobody asked for the policy": ((asked(SPF, DKIM), hop()), "spf pass, dkim pass, dmarc unknown"),
    "only the key is known": ((asked(DKIM), hop()), "spf unknown, dkim pass, dmarc unknown"),
    "nothing is known of what is signed": ((hop(),), "spf unknown, dkim unknown, dmarc unknown"),
    "nothing is known, nothing is signed": ((hop(LETTER),), ""),
    "nothing is signed": ((asked(*ALL), hop(LETTER)), "spf pass, dmarc pass"),
    "from elsewhere": ((asked(*ALL), hop(client=ALICE)), "spf fail, dkim pass, dmarc pass"),
    "from elsewhere, unsigned": ((asked(*ALL), hop(LETTER, client=ALICE)), "spf fail, dmarc fail"),
    "from elsewhere, no key": ((asked(SPF, DMARC), hop(client=ALICE)), "spf fail, dkim unknown, dmarc unknown"),
    "changed, and no key": ((asked(SPF, DMARC), hop(ON_THE_LIST, client=ALICE)), "spf fail, dkim fail, dmarc fail"),
    "a submission": ((asked(*ALL), hop(port=587)), "dkim pass"),
    "SERVFAIL": ((asked(SPF, rcode="SERVFAIL"), asked(DKIM, DMARC), hop(LETTER)), "spf temperror, dmarc temperror"),
    "an answer at last": ((asked(*ALL, rcode="SERVFAIL"), asked(*ALL), hop()), "spf pass, dkim pass, dmarc pass"),
    "no such name": ((asked(NO_SPF), hop(LETTER, sender="lunch@lists.fr")), "spf none, dmarc unknown"),
    "an alias": (
        (asked(SPF, DMARC, (DKIM[0], "TXT", "CNAME k.esp.example."), ("k.esp.example", *DKIM[1:])), hop()),
        "spf pass, dkim pass, dmarc pass",
    ),
    "an alias to what nobody asked for": (
        (asked(SPF, DMARC, (DKIM[0], "TXT", "CNAME k.esp.example.")), hop()),
        "spf pass, dkim unknown, dmarc pass",
    ),
    "a name that leads back": ((asked(PTR, ADDRESS), hop(LETTER)), "ptr pass, spf unknown, dmarc unknown"),
    "a name that leads elsewhere": (
        (asked(PTR, (*ADDRESS[:2], "192.0.2.99")), hop(LETTER)),
        "ptr fail, spf unknown, dmarc unknown",
    ),
    "no name": ((asked(PTR[:2]), hop(LETTER)), "ptr permerror, spf unknown, dmarc unknown"),
    "nobody asked where the name leads": ((asked(PTR), hop(LETTER)), "ptr unknown, spf unknown, dmarc unknown"),
    "a block list": ((asked((*LISTED, "127.0.0.2")), hop(LETTER)), "dnsbl listed, spf unknown, dmarc unknown"),
    "a block list without it": ((asked(LISTED), hop(LETTER)), "dnsbl not listed, spf unknown, dmarc unknown"),
    "a block list that does not serve": (
        (asked((*LISTED, "127.255.255.254")), hop(LETTER)),
        "dnsbl refused, spf unknown, dmarc unknown",
    ),
    "a block list of the whole world": (
        (asked((*LISTED, "127.0.0.2"), ("1.0.0.127.bl.example", "A", "127.0.0.2")), hop(LETTER)),
        "dnsbl broken, spf unknown, dmarc unknown",
    ),
    "text in several strings": (
        (asked((*SPF[:2], '"v=spf1 ip4:192.0.2" ".20 -all"'), DMARC), hop(LETTER)),
        "spf pass, dmarc pass",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_results(case: str) -> None:
    talks, wanted = CASES[case]
    assert results(watch(*talks)) == wanted


def test_what_is_missing_is_named() -> None:
    (one,) = judged(watch(asked(SPF, DMARC), hop()))
    (check,) = one.of("dkim")
    assert check.reason == (
        "DKIM of crepes.fr cannot be checked: the capture has no answer for s1._domainkey.crepes.fr TXT"
    )


def said(analysis: Analysis) -> list[str]:
    own = ("spf-", "dkim-", "dmarc-", "arc-", "refusal-", "results-", "signature-", "unsigned-")
    return [finding.text for finding in analysis.findings if finding.code.startswith(own)]


def test_unknown_is_no_finding() -> None:
    assert said(watch(asked(SPF), hop(client=CREPES))) == []
    assert said(watch(hop())) == []


def test_a_list_breaks_a_signature() -> None:
    by_list = hop(ON_THE_LIST, LIST, SCHOOL, "lunch-bounces@lists.fr", REFUSAL)
    analysis = watch(hop(server=LIST), asked(*ALL), asked(("lists.fr", "TXT", '"v=spf1 ip4:192.0.2.30 -all"')), by_list)
    broken, failed, refused = said(analysis)
    assert broken == (
        f"{LIST} added 3 lines at the end and put '[lunch]' before the Subject in <1@crepes.fr>: "
        "the body hash and the signed Subject of crepes.fr no longer fit"
    )
    assert failed.startswith(
        "DMARC of crepes.fr fails for <1@crepes.fr>: what passed is of lists.fr, and the author is"
    )
    assert "550 5.7.26 because of DMARC, and the capture bears it out: " in refused


def test_a_refusal_that_is_not_right() -> None:
    (text,) = said(watch(asked(*ALL), hop(reply=REFUSAL)))
    assert "because of DMARC, but the capture says otherwise: " in text


RESULTS = b"Authentication-Results: mx;\r\n spf=pass smtp.mailfrom=crepes.fr;\r\n dkim=%s header.d=crepes.fr\r\n"


BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.20] blocked using bl.example"
REFUSALS = [
    (((*LISTED, "127.0.0.2"),), BLOCKED, "refusal-borne-out", "192.0.2.20 is on bl.example (127.0.0.2)"),
    ((LISTED,), BLOCKED, "refusal-contradicted", "192.0.2.20 is not on bl.example"),
    (((*LISTED, "127.255.255.254"),), BLOCKED, "refusal-contradicted", "does not answer to public resolvers"),
    ((LISTED,), BLOCKED.replace("bl.example", "other.example"), "", ""),
    ((), BLOCKED, "", ""),
    ((PTR, ADDRESS), "550 5.7.25 No reverse DNS", "refusal-contradicted", "mail.crepes.fr has that address"),
    ((PTR, (*ADDRESS[:2], "192.0.2.99")), "550 5.7.25 No", "refusal-borne-out", "does not have that address"),
    ((PTR[:2],), "550 5.7.25 No", "refusal-borne-out", "192.0.2.20 has no PTR record"),
    ((PTR,), "550 5.7.25 No", "", ""),
]


@pytest.mark.parametrize(("answers", "reply", "code", "said"), REFUSALS)
def test_a_refusal_for_the_client_is_held_against_what_dns_said(
    answers: tuple[tuple[str, ...], ...], reply: str, code: str, said: str
) -> None:
    """Where the capture lacks what it takes, or another list may be meant, nothing is said."""
    analysis = watch(asked(*answers), hop(LETTER, reply=reply))
    found = [one for one in analysis.findings if one.code.startswith("refusal-")]
    assert [one.code for one in found] == ([code] if code else [])
    assert all(said in one.text for one in found)


def test_who_speaks_for_another_is_not_asked_who_he_is() -> None:
    """SPF would be about the proxy; why it is not judged is told, and DKIM decides."""
    talk = hop()
    other = Talk(hosts=(CREPES, SCHOOL), server_port=25).open()
    other.say("S 220 mx ESMTP", "C XCLIENT ADDR=192.0.2.99", "S 220 mx", "C EHLO mail.crepes.fr", "S 250 mx")
    other.say("C MAIL FROM:<alice@crepes.fr>", "S 250 ok", "C RCPT TO:<bob@someschool.edu>", "S 250 ok")
    other.say("C DATA", "S 354 go")
    for at in range(0, len(SIGNED), 300):
        other.segment(0, "PA", SIGNED.replace(b"\r\n.", b"\r\n..")[at : at + 300])
    other.say("C .", "S 250 ok", "C QUIT", "S 221 bye").close()
    assert results(watch(asked(*ALL), talk)) == "spf pass, dkim pass, dmarc pass"
    analysis = watch(asked(*ALL), other)
    assert results(analysis) == "spf unknown, dkim pass, dmarc pass"
    assert judged(analysis)[0].checks[0].reason == (
        "SPF of crepes.fr cannot be checked: the client speaks for another (XCLIENT)"
    )


@pytest.mark.parametrize(("word", "findings"), [(b"pass", 0), (b"fail", 1), (b"temperror", 0), (b"policy", 0)])
def test_what_a_server_wrote_into_a_message(word: bytes, findings: int) -> None:
    onwards = hop(RESULTS % word + SIGNED, SCHOOL, ALICE)
    found = watch(asked(*ALL), hop(), onwards)
    contradicted = [text for text in said(found) if "wrote" in text]
    assert len(contradicted) == findings
    if findings:
        assert contradicted[0].startswith(
            "mx wrote dkim=fail for crepes.fr into <1@crepes.fr>, but the capture says pass"
        )


def test_what_was_there_before_is_nobody_elses_word() -> None:
    forged = RESULTS % b"fail" + SIGNED
    analysis = watch(asked(*ALL), hop(forged), hop(forged, SCHOOL, ALICE))
    assert [text for text in said(analysis) if "wrote" in text] == []


def test_text_behind_what_is_signed() -> None:
    short = sign(LETTER, KEY, "crepes.fr", "s1", length=len(LETTER.partition(b"\r\n\r\n")[2])) + LETTER
    analysis = watch(hop(short, server=LIST), hop(short + FOOTER, LIST, SCHOOL, before=1))
    assert "the signature of crepes.fr does not cover the end (l=)" in " ".join(said(analysis))


def files(folder: Path, **talks: Talk) -> list[str]:
    for name, talk in talks.items():
        (folder / f"{name}.pcapng").write_bytes(capture(talk))
    return [str(folder / f"{name}.pcapng") for name in talks]


ZONE = f"""\
$ORIGIN crepes.fr.
@ 300 IN SOA ns.lab. hostmaster 1 3600 600 86400 300
  IN TXT "v=spf1 ip4:192.0.2.20 " "-all"
s1._domainkey TXT "{KEY.record}"
_dmarc TXT "v=DMARC1; p=reject"
"""
LINE = "spf pass (crepes.fr) · dkim pass (crepes.fr) · dmarc pass (crepes.fr)"


def test_answers_from_a_zone_file(tmp_path: Path) -> None:
    (path,) = files(tmp_path, mail=hop())
    zone = tmp_path / "crepes.zone"
    zone.write_text(ZONE)
    assert LINE in testbed("inspect", "--dns", str(zone), path).stdout
    unknown = "dkim unknown (crepes.fr: the capture has no answer for s1._domainkey.crepes.fr TXT)"
    assert unknown in " ".join(testbed("inspect", path).stdout.split())


def test_answers_from_a_signed_zone(tmp_path: Path) -> None:
    """As a signer writes it, with its keys, signatures and proofs."""
    (path,) = files(tmp_path, mail=hop())
    found = dns.zone.from_text(ZONE + "@ NS ns.lab.\n", origin="crepes.fr.", relativize=False)
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssec.Algorithm.ED25519, flags=257)
    with found.writer() as transaction:
        dns.dnssec.sign_zone(found, txn=transaction, keys=[(private, key)], lifetime=86_400, add_dnskey=True)
    text = found.to_text(relativize=False)
    assert all(word in text for word in ("RRSIG", "NSEC", "DNSKEY"))
    zone = tmp_path / "crepes.zone"
    zone.write_text(text)
    assert LINE in testbed("inspect", "--dns", str(zone), path).stdout


def test_a_zone_file_that_is_none(tmp_path: Path) -> None:
    (path,) = files(tmp_path, mail=hop())
    zone = tmp_path / "crepes.zone"
    zone.write_text(ZONE + "www A 192.0.2.300\n")
    told = testbed("inspect", "--dns", str(zone), path)
    assert (told.returncode, "crepes.zone, line 6: " in told.stderr) == (2, True), told.stderr
    assert testbed("inspect", "--dns", str(tmp_path / "none"), path).returncode == 2


def test_answers_from_another_capture(tmp_path: Path) -> None:
    mail, name_server = files(tmp_path, mail=hop(), name_server=asked(*ALL))
    assert LINE in testbed("inspect", mail, name_server).stdout
    assert LINE not in testbed("inspect", mail).stdout


def test_in_the_json(tmp_path: Path) -> None:
    whole = hop(server=LIST)
    whole.packets += hop(ON_THE_LIST, LIST, SCHOOL).packets
    (path,) = files(tmp_path, mail=whole)
    (found,) = json.loads(testbed("inspect", "--json", path).stdout)["captures"]
    assert [check["result"] for check in found["authentication"][1]["checks"]] == ["unknown", "fail", "unknown"]
    (passage,) = found["passages"]
    assert (passage["before"], passage["after"]) == (1, 2)
    assert {change["kind"] for change in passage["changes"]} == {"field-added", "field-changed", "lines-added-at-end"}
    assert passage["signatures"][0]["fields"] == ["subject"]


WHOLE: tuple[Callable[[], Talk], ...] = (
    lambda: asked(*ALL),
    lambda: hop(server=LIST),
    lambda: hop(ON_THE_LIST, LIST, SCHOOL, reply="550 5.7.26 not accepted due to domain's DMARC policy"),
)


def results_by_hop(analysis: Analysis) -> dict[tuple[str, str, str], str]:
    """What is known of each message: by who brought it, method and domain."""
    every = [(one, check) for one in judged(analysis) for check in one.checks if check.known]
    return {(one.client.address, check.method, check.domain): check.result for one, check in every}


def openings(analysis: Analysis) -> set[str]:
    """The findings up to where their reasons begin, which may be other ones."""
    return {text.partition(": ")[0] for text in said(analysis)}


def test_without_a_packet_it_says_less_never_otherwise() -> None:
    """Each packet is left out in turn: whatever is known then was known before."""
    whole = watch(*(make() for make in WHOLE))
    truth, told = results_by_hop(whole), openings(whole) | {"the signature of crepes.fr in <1@crepes.fr>"}
    assert {*truth.values()} == {"pass", "fail"}
    for which, make in enumerate(WHOLE):
        for place in range(len(make().packets)):
            fewer = [make() for make in WHOLE]
            del fewer[which].packets[place]
            analysis = watch(*fewer)
            assert results_by_hop(analysis).items() <= truth.items(), (which, place)
            assert openings(analysis) <= told, (which, place)  # a signature that nobody is seen breaking is told itself

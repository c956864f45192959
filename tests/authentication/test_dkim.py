"""DKIM: the examples of the RFCs, what others sign and verify, and what each change to a message is answered with."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import dkim as dkimpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.authentication import canonical, dkim, keys, signing
from testbed.authentication.message import parse
from tests.authentication.messages import LETTER, RFC_6376, RFC_6376_KEY, RFC_8463, RFC_8463_KEYS, a_key, world

NAME = "s1._domainkey.crepes.fr"
NOW = 1_700_000_000


def signed(message: bytes = LETTER, kind: keys.KeyType = "rsa", **how: object) -> bytes:
    return signing.sign(message, a_key(kind), "crepes.fr", "s1", **how) + message  # type: ignore[arg-type]


def verdict(
    message: bytes, record: str | None = None, now: int | None = NOW, kind: keys.KeyType = "rsa"
) -> dkim.Verdict:
    lookup = world({NAME: a_key(kind).record if record is None else record})
    return dkim.verify(message, lookup, now)[0]


def test_the_example_of_rfc_6376() -> None:
    one = dkim.verify(RFC_6376, world({"brisbane._domainkey.example.com": RFC_6376_KEY}))[0]
    assert (one.result, one.domain, one.selector, one.key_bits) == ("pass", "example.com", "brisbane", 1024)


def test_the_example_of_rfc_8463() -> None:
    ed25519, rsa = dkim.verify(RFC_8463, world(RFC_8463_KEYS))
    assert (ed25519.result, ed25519.key_type, rsa.result, rsa.key_type) == ("pass", "ed25519", "pass", "rsa")
    assert ed25519.oversigned == ("from", "subject", "date")


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("header_form", ["simple", "relaxed"])
@pytest.mark.parametrize("body_form", ["simple", "relaxed"])
def test_what_is_signed_verifies(kind: keys.KeyType, header_form: canonical.Form, body_form: canonical.Form) -> None:
    message = signed(kind=kind, header_form=header_form, body_form=body_form, oversigned=("from",), now=NOW)
    assert verdict(message, kind=kind).result == "pass"
    assert all(len(line) <= 78 for line in message.split(b"\r\n"))


@pytest.mark.parametrize("header_form", ["simple", "relaxed"])
@pytest.mark.parametrize("body_form", ["simple", "relaxed"])
def test_dkimpy_verifies_what_is_signed(header_form: canonical.Form, body_form: canonical.Form) -> None:
    message = signed(header_form=header_form, body_form=body_form, oversigned=("from", "subject"), now=NOW)
    assert dkimpy.verify(message, dnsfunc=lambda name, timeout=5: a_key().record.encode())


@pytest.mark.parametrize("forms", [(h, b) for h in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")])
def test_what_dkimpy_signs_verifies(forms: tuple[bytes, bytes]) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = a_key().key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert verdict(dkimpy.sign(LETTER, b"s1", b"crepes.fr", pem, canonicalize=forms) + LETTER).result == "pass"


@dataclass(frozen=True)
class Change:
    """What became of a message on its way, and what a verifier says."""

    name: str
    change: Callable[[bytes], bytes]
    result: dkim.Result
    blame: dkim.Blame | None
    body_fits: bool | None = True
    header_fits: bool | None = True
    how: dict[str, object] = field(default_factory=dict)


def _replacing(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(message: bytes) -> bytes:
        assert old in message
        return message.replace(old, new, 1)

    return change


FOOTER = b"-- \r\nThe list\r\n"
SIMPLE = {"header_form": "simple", "body_form": "simple"}
CHANGES = [
    Change("nothing", lambda m: m, "pass", None),
    Change("a footer", lambda m: m + FOOTER, "fail", "body", False),
    Change("a footer behind l=", lambda m: m + FOOTER, "pass", None, how={"length": 26}),
    Change("a body cut short of l=", lambda m: m[:-15], "permerror", "body", False, None, {"length": 26}),
    Change("a subject tag", _replacing(b"Subject: ", b"Subject: [list] "), "fail", "header", True, False),
    Change("both", lambda m: _replacing(b"Subject: ", b"Subject: [x] ")(m) + FOOTER, "fail", "body", False, False),
    Change("spaces, relaxed", _replacing(b"Crepes at", b"Crepes \t at"), "pass", None),
    Change("spaces, simple", _replacing(b"Crepes at", b"Crepes  at"), "fail", "body", False, how=SIMPLE),
    Change("folding, relaxed", _replacing(b"Subject: Lunch?", b"Subject:\r\n Lunch?"), "pass", None),
    Change("folding, simple", _replacing(b"Subject: ", b"Subject:\r\n "), "fail", "header", True, False, SIMPLE),
    Change("case of a name, relaxed", _replacing(b"Subject:", b"SUBJECT:"), "pass", None),
    Change("empty lines at the end", lambda m: m + b"\r\n\r\n", "pass", None, how=SIMPLE),
    Change("a second From above", lambda m: b"From: eve@evil.example\r\n" + m, "pass", None),
    Change(
        "a second From, oversigned",
        lambda m: b"From: eve@evil.example\r\n" + m,
        "fail",
        "header",
        True,
        False,
        {"oversigned": ("from",)},
    ),
    Change("a field that is not covered", lambda m: b"X-Seen: yes\r\n" + m, "pass", None),
    Change("expired", lambda m: m, "fail", "time", how={"now": NOW - 100, "expires_at": NOW - 10}),
    Change("not yet expired", lambda m: m, "pass", None, how={"now": NOW - 100, "expires_at": NOW}),
    Change("of a subdomain", lambda m: m, "pass", None, how={"identity": "alice@mail.crepes.fr"}),
    Change("of another domain", lambda m: m, "permerror", "signature", None, None, {"identity": "@evilcrepes.fr"}),
    Change("without From", lambda m: m, "permerror", "signature", None, None, {"covered": ("subject",)}),
]


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.name)
def test_what_a_change_is_answered_with(case: Change) -> None:
    found = verdict(case.change(signed(**case.how)))
    assert (found.result, found.blame, found.body_fits, found.header_fits) == (
        case.result,
        case.blame,
        case.body_fits,
        case.header_fits,
    ), found.reason
    assert found.reason


def _rsa_record(bits: int) -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = RSAPublicNumbers(65_537, (1 << (bits - 1)) | 1).public_key()
    return "p=" + base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


P = a_key().record.partition("p=")[2]
RECORDS = [
    (f"p={P}", "pass", "fits"),
    (f"v=DKIM1; p={P}", "pass", "fits"),
    (f"v=DKIM1; h=sha1:sha256; s=email; t=s; p={P}; n=notes", "pass", "fits"),
    (f"v = DKIM1 ; p = {P[:20]} {P[20:]} ;", "pass", "fits"),
    (f"k=rsa; v=DKIM1; p={P}", "permerror", "not its first tag"),
    (f"v=DKIM2; p={P}", "permerror", "v= is not DKIM1"),
    (f"v=DKIM1; h=sha1; p={P}", "permerror", "does not allow SHA-256"),
    (f"v=DKIM1; s=tlsrpt; p={P}", "permerror", "not for e-mail"),
    (f"v=DKIM1; k=dsa; p={P}", "permerror", "k=dsa, which nobody knows"),
    (f"v=DKIM1; k=ed25519; p={P}", "permerror", "not 32"),
    (a_key("ed25519").record, "permerror", "is of type ed25519, the signature says a=rsa-sha256"),
    ("v=DKIM1; p=", "permerror", "revoked"),
    ("v=DKIM1; k=rsa", "permerror", "no key"),
    ("v=DKIM1; p=MIGfMA0G", "permerror", "can be read"),
    ("v=DKIM1; p=!!", "permerror", "p= is not base64"),
    ("v=DKIM1; p=A; p=B", "permerror", "the tag p= stands twice"),
    ("hello", "permerror", "is not a tag with a value"),
    (_rsa_record(512), "permerror", "512 bits"),
    (_rsa_record(1024), "fail", "does not fit the header"),
    (_rsa_record(16_384), "fail", "does not fit the header"),
    (_rsa_record(16_400), "permerror", "16,400 bits"),
    ("x" * 65_000, "permerror", "is not a tag"),
    ("a=;" * 1_000 + f"p={P}", "permerror", "more than 200 tags"),
]


@pytest.mark.parametrize(("record", "result", "word"), RECORDS, ids=range(len(RECORDS)))
def test_what_a_key_record_is_answered_with(record: str, result: str, word: str) -> None:
    found = verdict(signed(now=NOW), record)
    assert found.result == result, found.reason
    assert word in found.reason


def test_a_key_that_is_not_there_and_a_name_server_that_fails_differ() -> None:
    message = signed()
    assert dkim.verify(message, world())[0].result == "permerror"
    assert dkim.verify(message, world(servfail=NAME))[0].result == "temperror"


def test_of_several_keys_any_may_fit() -> None:
    other = keys.generated("rsa", 1024).record
    assert dkim.verify(signed(), world({NAME: [other, a_key().record]}))[0].result == "pass"


def test_the_signature_of_a_key_in_testing_says_so() -> None:
    assert verdict(signed(), f"t=y; p={P}").testing


def test_a_key_that_allows_no_subdomain() -> None:
    found = verdict(signed(identity="@mail.crepes.fr"), f"t=s; p={P}")
    assert (found.result, found.blame) == ("permerror", "key")


FIELDS = [
    ("v=1; a=rsa-sha256; d=crepes.fr; s=s1; h=from; b=AAAA", "bh= is missing"),
    ("v=2; a=rsa-sha256; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA", "v= is not 1"),
    ("v=1; a=rot13; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA", "a=rot13"),
    ("v=1; a=rsa-sha256; c=odd; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA", "c=odd"),
    ("v=1; a=rsa-sha256; d=crepes.fr; s=s1; h=from; bh=%%; b=AAAA", "bh= is not base64"),
    ("v=1; a=rsa-sha256; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA; l=-1", "l= is not a number"),
    ("v=1; a=rsa-sha256; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA; l=" + "9" * 76, "l= is not a number"),
    ("v=1; a=rsa-sha256; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA; t=9; x=9", "expired before it was made"),
    ("v=1; v=1; a=rsa-sha256; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA", "v= stands twice"),
    (";".join(f"t{n}=1" for n in range(1_000)), "more than 200 tags"),
    ("", "v= is missing"),
]


@pytest.mark.parametrize(("value", "word"), FIELDS, ids=range(len(FIELDS)))
def test_a_signature_that_cannot_be_read_is_neutral(value: str, word: str) -> None:
    found = verdict(f"DKIM-Signature: {value}\r\n".encode() + LETTER)
    assert found.result == "neutral"
    assert word in found.reason


def test_sha_1_no_longer_counts() -> None:
    found = verdict(signed().replace(b"a=rsa-sha256", b"a=rsa-sha1"))
    assert found.result == "permerror"
    assert "SHA-1" in found.reason


@pytest.mark.cpu_seconds(5)
def test_of_a_thousand_signatures_ten_are_looked_at() -> None:
    found = dkim.verify(
        signing.sign(LETTER, a_key(), "crepes.fr", "s1") * 1_000 + LETTER, world({NAME: a_key().record})
    )
    assert [one.result for one in found] == ["pass"] * 10 + ["neutral"] * 10
    assert "only the first 10" in found[-1].reason


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_hostile_signatures_are_answered(value: bytes, body: bytes) -> None:
    message = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=crepes.fr; s=s1; h=from; bh=AAAA; b=AAAA; " + value + b"\r\n" + body
    )
    for one in dkim.verify(message, world({NAME: a_key().record})):
        assert one.result != "pass"


@given(st.binary(max_size=400))
def test_a_message_taken_apart_is_still_all_there(octets: bytes) -> None:
    message = parse(octets)
    together = b"".join(one.octets for one in message.fields)
    assert together + b"\r\n" + message.body in (octets, octets + b"\r\n", octets + b"\r\n\r\n")


@given(st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r", b"\n"]), max_size=40).map(b"".join))
def test_canonical_bodies_are_those_of_dkimpy(body: bytes) -> None:
    from dkim.canonicalization import Relaxed, Simple

    assert canonical.body(body, "simple") == Simple.canonicalize_body(body)
    if not body.endswith((b" ", b"\t")):  # dkimpy leaves white space at the end of a last line without CRLF
        assert canonical.body(body, "relaxed") == Relaxed.canonicalize_body(body)

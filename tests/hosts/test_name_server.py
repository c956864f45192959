"""The name server's answers, as bytes in and bytes out (RFC 1034, RFC 1035)."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.hosts.dns.name_server import respond
from testbed.hosts.dns.zone import Zone, ZoneEntry
from testbed.hosts.zone_script import ZoneScript
from testbed.scenario.faults import ZoneFault

ZONE = Zone(
    [
        ZoneEntry("someschool.edu", "MX", "10 mx1.someschool.edu."),
        ZoneEntry("someschool.edu", "MX", "20 mx2.someschool.edu."),
        ZoneEntry("mx1.someschool.edu", "A", "127.0.0.30"),
        ZoneEntry("mx2.someschool.edu", "AAAA", "fd00::40"),
        ZoneEntry("www.someschool.edu", "CNAME", "mx1.someschool.edu."),
        ZoneEntry("loop.edu", "CNAME", "loop.edu."),
        *(ZoneEntry("large.edu", "MX", f"{n} mx{n}.a-rather-long-name-for-a-host.large.edu.") for n in range(40)),
    ]
)


def ask(name: str, kind: str, **options: int) -> dns.message.Message:
    wire = respond(ZONE, dns.message.make_query(name, kind, **options).to_wire(), 512)
    assert wire is not None
    return dns.message.from_wire(wire)


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "records"),
    [
        ("someschool.edu", "MX", "NOERROR", {"10 mx1.someschool.edu.", "20 mx2.someschool.edu."}),
        ("SomeSchool.EDU", "MX", "NOERROR", {"10 mx1.someschool.edu.", "20 mx2.someschool.edu."}),
        ("mx1.someschool.edu", "A", "NOERROR", {"127.0.0.30"}),
        ("mx1.someschool.edu", "AAAA", "NOERROR", set()),
        ("mx2.someschool.edu", "AAAA", "NOERROR", {"fd00::40"}),
        ("www.someschool.edu", "A", "NOERROR", {"mx1.someschool.edu.", "127.0.0.30"}),
        ("edu", "MX", "NOERROR", set()),
        ("loop.edu", "A", "NOERROR", {"loop.edu."}),
        ("nowhere.example", "MX", "NXDOMAIN", set()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answers(name: str, kind: str, rcode: str, records: set[str]) -> None:
    response = ask(name, kind)
    assert dns.rcode.to_text(response.rcode()) == rcode
    assert {rdata.to_text().lower() for rrset in response.answer for rdata in rrset} == records
    assert response.flags & dns.flags.AA


def test_answer_too_large_for_a_datagram_is_truncated_and_whole_over_tcp() -> None:
    query = dns.message.make_query("large.edu", "MX").to_wire()
    over_udp = respond(ZONE, query, 512)
    over_tcp = respond(ZONE, query)
    assert over_udp is not None
    assert over_tcp is not None
    assert len(over_udp) <= 512
    assert dns.message.from_wire(over_udp).flags & dns.flags.TC
    assert len(dns.message.from_wire(over_tcp).answer[0]) == 40


def test_edns_raises_the_datagram_limit() -> None:
    assert not ask("large.edu", "MX", use_edns=0, payload=4096).flags & dns.flags.TC


@pytest.mark.parametrize(
    ("wire", "answered"),
    [
        (b"", False),
        (b"\x00\x01", False),
        (b"\x00\x01\x80\x00" + bytes(8), False),
        (b"\x00\x01\x00\x00\x00\x01" + bytes(6), True),
    ],
    ids=["empty", "two octets", "a response", "a question that is missing"],
)
def test_garbage_gets_a_format_error_or_silence(wire: bytes, answered: bool) -> None:
    assert (respond(ZONE, wire) is not None) == answered


@given(st.binary(max_size=600))
def test_no_datagram_makes_the_server_fail(wire: bytes) -> None:
    response = respond(ZONE, wire, 512)
    assert response is None or len(response) <= max(512, len(wire))


def _script(*faults: dict[str, object]) -> ZoneScript:
    return ZoneScript([ZoneFault(**fault) for fault in faults], addresses={"mx9.lab": ("127.0.0.90", "fd00::90")})


@pytest.mark.parametrize(
    ("fault", "name", "kind", "rcode", "records"),
    [
        ({"answer": "NXDOMAIN"}, "someschool.edu", "MX", "NXDOMAIN", set()),
        ({"answer": "SERVFAIL"}, "mx1.someschool.edu", "A", "SERVFAIL", set()),
        ({"answer": "REFUSED", "kind": "MX"}, "someschool.edu", "MX", "REFUSED", set()),
        ({"answer": "REFUSED", "kind": "MX"}, "mx1.someschool.edu", "A", "NOERROR", {"127.0.0.30"}),
        ({"answer": "nothing"}, "someschool.edu", "MX", "NOERROR", set()),
        ({"answer": "nothing"}, "mx1.someschool.edu", "A", "NOERROR", {"127.0.0.30"}),
        ({"answer": "null-mx"}, "someschool.edu", "MX", "NOERROR", {"0 ."}),
        ({"answer": "loop"}, "someschool.edu", "MX", "NOERROR", {"someschool.edu."}),
        ({"records": ("MX 5 mx9.lab",)}, "someschool.edu", "MX", "NOERROR", {"5 mx9.lab."}),
        ({"records": ("A mx9.lab", "A 192.0.2.1")}, "someschool.edu", "A", "NOERROR", {"127.0.0.90", "192.0.2.1"}),
        ({"records": ("AAAA mx9.lab",)}, "someschool.edu", "AAAA", "NOERROR", {"fd00::90"}),
        ({"records": ("AAAA mx9.lab",)}, "someschool.edu", "A", "NOERROR", set()),
        (
            {"records": ("CNAME mx1.someschool.edu",)},
            "someschool.edu",
            "A",
            "NOERROR",
            {"mx1.someschool.edu.", "127.0.0.30"},
        ),
    ],
)
def test_a_fault_changes_the_answer(
    fault: dict[str, object], name: str, kind: str, rcode: str, records: set[str]
) -> None:
    script = _script({"zone": "someschool.edu", **fault})
    wire = respond(ZONE, dns.message.make_query(name, kind).to_wire(), 512, script=script)
    assert wire is not None
    response = dns.message.from_wire(wire)
    assert dns.rcode.to_text(response.rcode()) == rcode
    assert {rdata.to_text() for rrset in response.answer for rdata in rrset} == records


def test_faults_that_spoil_the_message() -> None:
    query = dns.message.make_query("someschool.edu", "MX")
    spoilt = {
        answer: respond(ZONE, query.to_wire(), 512, script=_script({"zone": "someschool.edu", "answer": answer}))
        for answer in ("silent", "truncated", "garbled", "wrong-id")
    }
    assert spoilt["silent"] is None
    assert spoilt["truncated"] is not None
    assert dns.message.from_wire(spoilt["truncated"]).flags & dns.flags.TC
    assert spoilt["garbled"] is not None
    with pytest.raises(dns.exception.FormError):
        dns.message.from_wire(spoilt["garbled"])
    assert spoilt["wrong-id"] is not None
    assert dns.message.from_wire(spoilt["wrong-id"]).id == query.id ^ 0xFFFF


LARGE = {"zone": "large.edu"}


@pytest.mark.parametrize(
    ("answer", "edns", "said"),
    [
        ("edns-dropped", True, "silence"),
        ("edns-dropped", False, "truncated"),
        ("edns-formerr", True, "FORMERR"),
        ("edns-formerr", False, "truncated"),
        ("edns-badvers", True, "BADVERS, with EDNS"),
        ("edns-badvers", False, "truncated"),
        ("edns-ignored", True, "truncated"),
        ("edns-small", True, "truncated, with EDNS"),
        ("large-dropped", True, "silence"),
        ("large-dropped", False, "truncated"),
    ],
)
def test_faults_of_edns(answer: str, edns: bool, said: str) -> None:
    query = dns.message.make_query("large.edu", "MX", **({"use_edns": 0, "payload": 4096} if edns else {}))
    wire = respond(ZONE, query.to_wire(), 512, script=_script({**LARGE, "answer": answer}))
    assert _in_words(wire) == said
    over_tcp = respond(ZONE, query.to_wire(), script=_script({**LARGE, "answer": "edns-small"}))
    assert _in_words(over_tcp) == ("40 records, with EDNS" if edns else "40 records")


def _in_words(wire: bytes | None) -> str:
    if wire is None:
        return "silence"
    response = dns.message.from_wire(wire)
    code = dns.rcode.to_text(response.rcode())
    words = code if code != "NOERROR" else f"{sum(map(len, response.answer))} records"
    words = "truncated" if response.flags & dns.flags.TC else words
    return words + (", with EDNS" if response.edns >= 0 else "")


@pytest.mark.parametrize(
    ("record", "question", "said"),
    [
        ('TXT "v=spf1 ip4:{address:mx9.lab} -all"', "someschool.edu TXT", '"v=spf1 ip4:127.0.0.90 -all"'),
        (f"TLSA 3 1 1 {'ab' * 32}", "someschool.edu TLSA", f"3 1 1 {'ab' * 32}"),
        ("SRV 0 1 587 mx9.lab", "someschool.edu SRV", "0 1 587 mx9.lab."),
        ("NS ns.lab", "someschool.edu NS", "ns.lab."),
        ("PTR elsewhere.example", "90.0.0.127.in-addr.arpa PTR", "elsewhere.example."),
    ],
)
def test_a_name_may_hold_any_type_of_record(record: str, question: str, said: str) -> None:
    name, kind = question.split()
    script = _script({"zone": "mx9.lab" if kind == "PTR" else "someschool.edu", "records": (record,)})
    wire = respond(ZONE, dns.message.make_query(name, kind).to_wire(), script=script)
    assert wire is not None
    assert [rdata.to_text() for rrset in dns.message.from_wire(wire).answer for rdata in rrset] == [said]


@pytest.mark.parametrize("kind", ["TXT", "TLSA", "PTR", "SRV", "MX", "A"])
@pytest.mark.parametrize("answer", ["NXDOMAIN", "SERVFAIL", "REFUSED", "nothing", "loop", "silent", "garbled"])
def test_every_answer_is_there_for_every_type(kind: str, answer: str) -> None:
    script = _script({"zone": "mx9.lab", "kind": kind, "answer": answer})
    name = "90.0.0.127.in-addr.arpa" if kind == "PTR" else "mx9.lab"
    zone = Zone([ZoneEntry(name, "TXT", "a"), ZoneEntry(name, "PTR", "mx9.lab.")])
    struck = respond(zone, dns.message.make_query(name, kind).to_wire(), 512, script=script)
    assert struck != respond(zone, dns.message.make_query(name, kind).to_wire(), 512)
    other = dns.message.make_query(name, "NS").to_wire()
    assert respond(zone, other, 512, script=script) == respond(zone, other, 512)


@pytest.mark.parametrize(
    ("answer", "said"), [("everything-listed", ["127.0.0.2"]), ("over-quota", ["127.255.255.254"])]
)
def test_a_block_list_may_answer_all_questions_alike(answer: str, said: list[str]) -> None:
    script = _script({"zone": "bl.example", "answer": answer})
    wire = respond(ZONE, dns.message.make_query("9.2.0.192.bl.example", "A").to_wire(), script=script)
    assert wire is not None
    assert [rdata.to_text() for rrset in dns.message.from_wire(wire).answer for rdata in rrset] == said


def test_truncated_is_whole_over_tcp() -> None:
    query = dns.message.make_query("someschool.edu", "MX").to_wire()
    whole = respond(ZONE, query, script=_script({"zone": "someschool.edu", "answer": "truncated"}))
    assert whole is not None
    assert len(dns.message.from_wire(whole).answer[0]) == 2


def test_a_fault_strikes_as_often_as_it_says() -> None:
    script = _script({"zone": "someschool.edu", "answer": "SERVFAIL", "nth": 2, "times": 1})
    query = dns.message.make_query("someschool.edu", "MX").to_wire()
    answers = [dns.message.from_wire(respond(ZONE, query, 512, script=script) or b"") for _ in range(3)]
    assert [dns.rcode.to_text(answer.rcode()) for answer in answers] == ["NOERROR", "SERVFAIL", "NOERROR"]

"""What the inspector says of signed answers, and of those that say why they failed (RFC 6891, RFC 8914)."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.dns.dialogue import DnsDialogue
from testbed.trace.services.dns.edns import read_opt
from testbed.trace.services.dns.results import Answer
from testbed.trace.tcp.reassembly import Chunk

KEY = "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQw AQEX1SxZJA4="


def exchange(
    kind: str, *records: str, flags: int = 0, code: int = 0, edns: dict[str, object] | None = None
) -> Exchange:
    query = dns.message.make_query("someschool.edu", kind)
    response = dns.message.make_response(query)
    response.answer += [dns.rrset.from_text("someschool.edu.", 300, "IN", *each.split(" ", 1)) for each in records]
    response.flags |= flags
    response.set_rcode(code)
    if edns is not None:
        response.use_edns(0, **edns)
    dialogue = DnsDialogue(stream=False)
    dialogue.feed(Chunk(CLIENT, query.to_wire(), 1, 0))
    dialogue.feed(Chunk(SERVER, response.to_wire(), 2, 1))
    [found] = dialogue.finish()[0]
    return found


@pytest.mark.parametrize(
    "record",
    [
        'TXT "v=spf1 mx " "-all"',
        f"TLSA 3 1 1 {'ab' * 32}",
        "SRV 0 1 587 mail.someschool.edu.",
        "PTR mail.someschool.edu.",
        f"DS 12345 15 2 {'ab' * 32}",
        f"DNSKEY {KEY}",
        "RRSIG MX 15 2 300 20260108000000 20260101000000 12345 someschool.edu. MAo=",
        "NSEC next.someschool.edu. MX RRSIG NSEC",
    ],
)
def test_records_read_as_in_zone_files(record: str) -> None:
    found = exchange(record.split()[0], record)
    assert found.reply is not None
    assert found.reply.lines == (record,)


def test_an_authenticated_answer_is_called_so() -> None:
    found = exchange("MX", "MX 10 mx1.", flags=dns.flags.AD, edns={"ednsflags": dns.flags.DO, "payload": 1232})
    assert found.note == "authenticated (AD)"
    assert isinstance(found.result, Answer)
    assert found.result.authenticated
    assert found.result.edns is not None
    assert (found.result.edns.payload, found.result.edns.wants_signatures) == (1232, True)


@pytest.mark.parametrize(
    ("edns", "words"),
    [
        ({}, ""),
        ({"payload": 1232}, "EDNS udp 1232"),
        ({"payload": 512, "ednsflags": dns.flags.DO}, "EDNS udp 512, do"),
    ],
)
def test_what_a_question_asks_for_is_told(edns: dict[str, int], words: str) -> None:
    """In the words of dig, with an answer and without."""
    query = dns.message.make_query("someschool.edu", "MX")
    if edns:
        query.use_edns(0, **edns)
    response = dns.message.make_response(query)
    for told in ([query], [query, response], [response, query]):
        dialogue = DnsDialogue(stream=False)
        for at, message in enumerate(told):
            dialogue.feed(Chunk(CLIENT if message is query else SERVER, message.to_wire(), at + 1, at))
        [found] = dialogue.finish()[0]
        assert found.result is not None
        assert found.result.asked_with == words


def test_the_reason_of_a_failure_is_told() -> None:
    options = [dns.edns.EDEOption(7, "it ended yesterday"), dns.edns.EDEOption(4_711)]
    found = exchange("MX", code=dns.rcode.SERVFAIL, edns={"options": options})
    assert found.note == "the name server failed; signature expired: it ended yesterday; extended error 4711"


def test_an_answer_without_edns_has_none() -> None:
    found = exchange("MX", "MX 10 mx1.")
    assert (found.note, isinstance(found.result, Answer) and found.result.edns) == ("", None)


@given(st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.binary(max_size=300))
def test_no_option_makes_it_fail(payload: int, ttl: int, options: bytes) -> None:
    assert len(read_opt(payload, ttl, options).errors) <= 5

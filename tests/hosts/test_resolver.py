"""What a host learns from the name server, and how long it asks (RFC 1034 §5.3, RFC 5452 §9.1, RFC 7766)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from testbed.hosts.dns.name_server import respond
from testbed.hosts.dns.resolver import PORT, LookupResult
from testbed.hosts.dns.zone import Zone, ZoneEntry
from tests.hosts.names import ASKER, SERVER, names

RECORDS = [
    "someschool.edu MX 10 mx1.someschool.edu.",
    "someschool.edu MX 20 mx2.someschool.edu.",
    "mx1.someschool.edu A 127.0.0.30",
    "mx1.someschool.edu A 127.0.0.31",
    "mx2.someschool.edu AAAA fd00::40",
    "www.someschool.edu CNAME host.someschool.edu.",
    "host.someschool.edu CNAME mx1.someschool.edu.",
    "astray.edu CNAME nowhere.example.",
    "one.loop.edu CNAME two.loop.edu.",
    "two.loop.edu CNAME one.loop.edu.",
    *(f"large.edu MX {n} mx{n}.a-rather-long-name-for-a-host.large.edu." for n in range(40)),
]
BOTH_MX = ("10 mx1.someschool.edu.", "20 mx2.someschool.edu.")
BOTH_A = ("127.0.0.30", "127.0.0.31")


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "records"),
    [
        ("someschool.edu", "MX", "NOERROR", BOTH_MX),
        ("SomeSchool.EDU", "MX", "NOERROR", BOTH_MX),
        ("someschool.edu.", "MX", "NOERROR", BOTH_MX),
        ("mx1.someschool.edu", "A", "NOERROR", BOTH_A),
        ("mx2.someschool.edu", "AAAA", "NOERROR", ("fd00::40",)),
        ("mx2.someschool.edu", "A", "NOERROR", ()),
        ("www.someschool.edu", "A", "NOERROR", BOTH_A),
        ("www.someschool.edu", "AAAA", "NOERROR", ()),
        ("nowhere.example", "A", "NXDOMAIN", ()),
        ("astray.edu", "A", "NXDOMAIN", ()),
        ("mx1", "A", "NXDOMAIN", ()),  # a name is asked for as it is: there is no list of domains to search
        ("one.loop.edu", "A", "LOOP", ()),
        ("large.edu", "MX", "NOERROR", tuple(f"{n} mx{n}.a-rather-long-name-for-a-host.large.edu." for n in range(40))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer(name: str, kind: str, rcode: str, records: tuple[str, ...]) -> None:
    with names(RECORDS) as there:
        answer, took_s = there.run(lambda: there.resolver.ask(name, kind))
    said = [record.lower() for record in answer.records]  # names are compressed, and get the question's case so
    assert (answer.rcode, sorted(said)) == (rcode, sorted(records))
    assert answer.settled
    assert took_s < 5


TROUBLE = {
    # what the server does, and how often: what is learnt, after how many seconds of waiting and how many questions
    ("SERVFAIL", None): (LookupResult("SERVFAIL", ()), 0, 1),
    ("REFUSED", None): (LookupResult("REFUSED", ()), 0, 1),
    ("truncated", None): (LookupResult("NOERROR", BOTH_MX), 0, 2),
    ("silent", 1): (LookupResult("NOERROR", BOTH_MX), 5, 1),
    ("silent", 2): (LookupResult("NOERROR", BOTH_MX), 10, 1),
    ("silent", None): (LookupResult("TIMEOUT", ()), 15, 0),
    ("garbled", 1): (LookupResult("NOERROR", BOTH_MX), 5, 2),
    ("garbled", None): (LookupResult("TIMEOUT", ()), 15, 3),
    ("wrong-id", 1): (LookupResult("NOERROR", BOTH_MX), 5, 2),
    ("wrong-id", None): (LookupResult("TIMEOUT", ()), 15, 3),
}


@pytest.mark.parametrize(("fault", "learnt"), TROUBLE.items(), ids=[f"{kind}-{times}" for kind, times in TROUBLE])
def test_trouble(fault: tuple[str, int | None], learnt: tuple[LookupResult, int, int]) -> None:
    kind, times = fault
    answer, waited_s, answers = learnt
    with names(RECORDS, {"zone": "someschool.edu", "answer": kind, "times": times}) as there:
        given, took_s = there.run(lambda: there.resolver.ask("someschool.edu", "MX"))
    assert given == answer
    assert waited_s <= took_s < waited_s + 5
    assert len(there.server_log.events) == answers


@pytest.mark.parametrize(
    ("answer", "learnt", "waited_s"),
    [
        ("edns-formerr", "NOERROR", 0),
        ("edns-badvers", "NOERROR", 0),
        ("edns-ignored", "NOERROR", 0),
        ("edns-small", "NOERROR", 0),
        ("large-dropped", "NOERROR", 5),  # and then asks for less
        ("edns-dropped", "TIMEOUT", 15),  # silence does not say that it is about EDNS
    ],
)
def test_edns_that_does_not_work(answer: str, learnt: str, waited_s: int) -> None:
    with names(RECORDS, {"zone": "large.edu", "answer": answer}) as there:
        given, took_s = there.run(lambda: there.resolver.ask("large.edu", "MX"))
    assert given.rcode == learnt
    assert len(given.records) == (40 if learnt == "NOERROR" else 0)
    assert waited_s <= took_s < waited_s + 5


def test_strings_of_a_text_are_joined() -> None:
    with names(['a.edu TXT "v=spf1 mx" " -all"', "a.edu TXT x"]) as there:
        answer, _ = there.run(lambda: there.resolver.ask("a.edu", "TXT"))
    assert answer.strings == (b"v=spf1 mx -all", b"x")
    assert answer.records == ('"v=spf1 mx" " -all"', '"x"')


def test_a_name_that_dns_cannot_hold_does_not_exist() -> None:
    with names([]) as there:
        answer, _ = there.run(lambda: there.resolver.ask("x" * 64 + ".edu", "TXT"))
    assert answer == LookupResult("NXDOMAIN", ())


def test_nobody_answers_where_no_server_is() -> None:
    with names([]) as there:
        answer, _ = there.run(lambda: there.resolver.ask("someschool.edu", "MX"), served=False)
    assert answer == LookupResult("TIMEOUT", ())


@pytest.mark.parametrize(
    ("rcode", "settled"),
    [
        ("NOERROR", True),
        ("NXDOMAIN", True),
        ("LOOP", True),
        ("SERVFAIL", False),
        ("REFUSED", False),
        ("TIMEOUT", False),
    ],
)
def test_what_is_the_last_word(rcode: str, settled: bool) -> None:
    assert LookupResult(rcode, ()).settled == settled


class Forger(asyncio.DatagramProtocol):
    """A name server whose answer comes behind another's, from another address."""

    def __init__(self) -> None:
        self.asked_from: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, query: bytes, asker: tuple[str, int]) -> None:
        self.asked_from.append(asker[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.bind(("127.0.0.66", 0))
            elsewhere.sendto(self._answer(query, "127.0.0.66"), asker)
        self._transport.sendto(self._answer(query, "127.0.0.30"), asker)

    def _answer(self, query: bytes, address: str) -> bytes:
        answer = respond(Zone([ZoneEntry("mx1.someschool.edu", "A", address)]), query)
        assert answer is not None
        return answer


def test_an_answer_from_elsewhere_is_passed_over() -> None:
    forger = Forger()

    async def ask() -> LookupResult:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: forger, (SERVER, PORT))
        try:
            return await there.resolver.ask("mx1.someschool.edu", "A")
        finally:
            transport.close()

    with names([]) as there:
        answer, _ = there.run(ask, served=False)
    assert answer == LookupResult("NOERROR", ("127.0.0.30",))
    assert forger.asked_from == [ASKER]

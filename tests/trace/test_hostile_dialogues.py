"""Dialogues made to deceive or to exhaust: any words in any order, floods, false ends, lengths that lie."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.trace.model.exchange import Exchange
from testbed.trace.services.dns import dialogue as dns
from testbed.trace.services.dns.results import Answer
from testbed.trace.services.imap import dialogue as imap
from testbed.trace.services.pop3 import dialogue as pop3
from testbed.trace.services.smtp import record as smtp
from tests.fuzz.checks import check_dialogue, services
from tests.fuzz.dialogues import DECRYPTED, GAP, SAME_FRAME, SERVER, items, octets_of, told
from tests.fuzz.scripts import SCRIPTS
from tests.fuzz.targets import targets

CLIENT = 0
KNOWN = services()
TARGETS = targets()
every_service = pytest.mark.parametrize("service", KNOWN, ids="-".join)

Said = list[tuple[int, bytes | int]]
Talk = Sequence[tuple[int, bytes | int]]


def hear(transport: str, service: str, said: Talk | bytes, *, show: bool = False) -> list[Exchange]:
    octets = said if isinstance(said, bytes) else octets_of(said)
    return check_dialogue(KNOWN[transport, service], items(octets), show_credentials=show)


# Any words in any order


def _words(scripts: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """What was said in good dialogues, chunk by chunk, and what nobody should say."""
    said = [item for script in scripts for item in items(script)]
    words = {(item.side, item.octets) for item in said if hasattr(item, "octets") and isinstance(item.octets, bytes)}
    odd = (
        b"",
        b"\n",
        b"\r",
        b".\r\n",
        b".\n",
        b"\r.\r",
        b"\x16\x03\x01\0\5hello",
        b"{9}\r\n",
        b"{3+}\r\nabc",
        b"\xff" * 9,
    )
    return sorted(words) + [(side, octets) for side in (CLIENT, SERVER) for octets in odd]


@every_service
@pytest.mark.parametrize("show", [False, True], ids=["masked", "shown"])
def test_any_words_in_any_order(service: tuple[str, str], show: bool) -> None:
    kinds = st.sampled_from((0, 0, 0, 0, SAME_FRAME, DECRYPTED))
    word = st.sampled_from(_words(SCRIPTS.get(service, ())))
    said = st.builds(lambda kind, word: (kind | word[0], word[1]), kinds, word)
    hole = st.tuples(st.sampled_from((GAP, GAP | SERVER)), st.integers(1, 70))
    noise = st.tuples(st.integers(0, 1), st.binary(max_size=30))

    @settings(max_examples=40)
    @given(st.lists(st.one_of(said, said, said, hole, noise), max_size=30))
    def hold(talk: Talk) -> None:
        hear(*service, talk, show=show)

    hold()


@every_service
def test_changed_dialogues(service: tuple[str, str]) -> None:
    scripts = SCRIPTS.get(service) or tuple(script for known in SCRIPTS.values() for script in known)
    change = st.tuples(st.integers(0, 999), st.binary(min_size=1, max_size=4))

    @settings(max_examples=40)
    @given(st.sampled_from(scripts), st.lists(change, max_size=6))
    def hold(script: bytes, changes: list[tuple[int, bytes]]) -> None:
        octets = bytearray(script)
        for place, new in changes:
            at = len(octets) * place // 1_000
            octets[at : at + len(new)] = new
        hear(*service, bytes(octets))

    hold()


# Floods: four times as much is four times the work


class Work:
    """Counts the calls of Python functions and of C functions while it is entered."""

    def __init__(self) -> None:
        self.calls = 0

    def __enter__(self) -> Work:
        self._before = sys.getprofile()
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _count(self, _frame: FrameType, event: str, _: object) -> None:
        self.calls += event in ("call", "c_call")


TO_DATA = [
    (SERVER, b"220 mx\r\n"), (CLIENT, b"EHLO c\r\n"), (SERVER, b"250 mx\r\n"), (CLIENT, b"DATA\r\n"),
]  # fmt: skip
MESSAGE = [*TO_DATA, (SERVER, b"354 go\r\n")]
LOGIN = [(SERVER, b"* OK\r\n"), (CLIENT, b"a AUTHENTICATE PLAIN\r\n"), (SERVER, b"+ \r\n")]

CHUNKED = [(CLIENT, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")]
FORM = [
    (CLIENT, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"),
    (CLIENT, b"Content-Length: 99999\r\n\r\n"),
]

# A service, what is said first, and what is then said again and again.
FLOODS: dict[str, tuple[str, Talk, Talk]] = {
    "SMTP, empty commands": ("smtp", [], [(CLIENT, b"\n")]),
    "SMTP, empty replies": ("smtp", [], [(SERVER, b"\n")]),
    "SMTP, a reply that goes on": ("smtp", [], [(SERVER, b"250-x\r\n")]),
    "SMTP, MAIL": ("smtp", [], [(CLIENT, b"MAIL FROM:<a>\r\n"), (SERVER, b"250 k\r\n")]),
    "SMTP, RCPT": ("smtp", [(CLIENT, b"MAIL FROM:<a>\r\n")], [(CLIENT, b"RCPT TO:<a>\r\n"), (SERVER, b"250 k\r\n")]),
    "SMTP, chunks of nothing": ("smtp", [], [(CLIENT, b"BDAT 0\r\n"), (SERVER, b"250 k\r\n")]),
    "SMTP, chunks refused": ("smtp", [], [(CLIENT, b"BDAT 9\r\n"), (SERVER, b"550 no\r\n"), (CLIENT, b"123456789")]),
    "SMTP, held until a reply": ("smtp", TO_DATA, [(CLIENT, b"x\n")]),
    "SMTP, false ends": ("smtp", MESSAGE, [(CLIENT, b".\n")]),
    "SMTP, false ends of CR": ("smtp", MESSAGE, [(CLIENT, b".\r")]),
    "SMTP, holes in a message": ("smtp", MESSAGE, [(CLIENT, b"x\n"), (GAP, 7)]),
    "SMTP, a line octet by octet": ("smtp", MESSAGE, [(CLIENT, b"x")]),
    "SMTP, STARTTLS": ("smtp", [], [(CLIENT, b"STARTTLS\r\n"), (SERVER, b"454 no\r\n")]),
    "LMTP, recipients and their replies": (
        "lmtp",
        [(CLIENT, b"MAIL FROM:<a>\r\n"), (SERVER, b"250 k\r\n")],
        [(CLIENT, b"RCPT TO:<a>\r\n"), (SERVER, b"250 k\r\n")],
    ),
    "LMTP, replies to a message": (
        "lmtp",
        [
            (SERVER, b"220 x\r\n250 k\r\n" + b"250 k\r\n" * 900 + b"354 go\r\n"),
            (CLIENT, b"LHLO a\r\nMAIL FROM:<a>\r\n" + b"RCPT TO:<a>\r\n" * 900 + b"DATA\r\nx\r\n.\r\n"),
        ],
        [(SERVER, b"250 k\r\n")],
    ),
    "ManageSieve, commands": ("managesieve", [], [(CLIENT, b'SETACTIVE "a"\r\n')]),
    "ManageSieve, data": ("managesieve", [], [(SERVER, b'"a" "b"\r\n')]),
    "ManageSieve, literals of one line": ("managesieve", [(CLIENT, b"PUTSCRIPT ")], [(CLIENT, b"{1+}\r\nx ")]),
    "ManageSieve, a literal octet by octet": ("managesieve", [(CLIENT, b"PUTSCRIPT {9999+}\r\n")], [(CLIENT, b"x")]),
    "ManageSieve, challenges": (
        "managesieve",
        [(CLIENT, b'AUTHENTICATE "LOGIN"\r\n')],
        [(SERVER, b'""\r\n'), (CLIENT, b'"eA=="\r\n')],
    ),
    "ManageSieve, BYE": ("managesieve", [], [(SERVER, b"BYE\r\n")]),
    "POP3, empty commands": ("pop3", [], [(CLIENT, b"\n")]),
    "POP3, a listing": (
        "pop3",
        [(SERVER, b"+OK\r\n"), (CLIENT, b"LIST\r\n"), (SERVER, b"+OK\r\n")],
        [(SERVER, b"x\n")],
    ),
    "POP3, challenges": ("pop3", [(CLIENT, b"AUTH LOGIN\r\n")], [(SERVER, b"+ \r\n"), (CLIENT, b"eA==\r\n")]),
    "IMAP, commands": ("imap", [], [(CLIENT, b"a b\r\n")]),
    "IMAP, untagged": ("imap", [(SERVER, b"* OK\r\n")], [(SERVER, b"* 1 X\r\n")]),
    "IMAP, responses": ("imap", LOGIN, [(CLIENT, b"YWJj\r\n")]),
    "IMAP, literals of LOGIN": ("imap", [(CLIENT, b"a LOGIN ")], [(CLIENT, b"{1}\r\nx ")]),
    "IMAP, BYE": ("imap", [(SERVER, b"* OK\r\n")], [(SERVER, b"* BYE\r\n")]),
    "HTTP, requests": ("http", [], [(CLIENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")]),
    "HTTP, replies": ("http", [], [(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]),
    "HTTP, empty lines": ("http", [], [(CLIENT, b"\r\n"), (SERVER, b"\r\n")]),
    "HTTP, fields": ("http", [(CLIENT, b"GET / HTTP/1.1\r\n")], [(CLIENT, b"a: b\r\n")]),
    "HTTP, a folded field": ("http", [(CLIENT, b"GET / HTTP/1.1\r\na: b\r\n")], [(CLIENT, b" b\r\n")]),
    "HTTP, cookies": ("http", [(CLIENT, b"GET / HTTP/1.1\r\n")], [(CLIENT, b"Cookie: b=c; d=e\r\n")]),
    "HTTP, chunks of one octet": ("http", CHUNKED, [(CLIENT, b"1\r\nx\r\n")]),
    "HTTP, a size without end": ("http", CHUNKED, [(CLIENT, b"0")]),
    "HTTP, trailer fields": ("http", [*CHUNKED, (CLIENT, b"0\r\n")], [(CLIENT, b"a: b\r\n")]),
    "HTTP, 100": ("http", [(CLIENT, b"GET / HTTP/1.1\r\n\r\n")], [(SERVER, b"HTTP/1.1 100 Go on\r\n\r\n")]),
    "HTTP, a form": ("http", FORM, [(CLIENT, b"a=b&password=c&")]),
    "DNS over TCP, messages of nothing": ("dns", [], [(CLIENT, b"\0\0"), (SERVER, b"\0\0")]),
    "DNS over TCP, octet by octet": ("dns", [(CLIENT, b"\xff\xff")], [(CLIENT, b"\0")]),
}


@pytest.mark.parametrize(("service", "first", "again"), FLOODS.values(), ids=FLOODS)
def test_four_times_as_much_is_four_times_the_work(service: str, first: Talk, again: Talk) -> None:
    counted = []
    for times in (150, 600):
        said = list(items(octets_of([*first, *list(again) * times])))
        with Work() as work:
            dialogue = KNOWN["tcp", service]()
            for item in said:
                dialogue.feed(item)
            dialogue.finish()
        counted.append(work.calls)
    assert counted[1] < 6 * counted[0]


@pytest.mark.cpu_seconds(60)
def test_nothing_but_false_ends_is_not_read_anew_for_each() -> None:
    """Each reply would make the reader believe the next of them, and read all that follows once more."""
    times = 3_000
    said = [*MESSAGE, (CLIENT, b".\n" + b"DATA\r\n.\n" * times), (SERVER, b"250 ok\r\n354 go\r\n" * times)]
    assert len(hear("tcp", "smtp", said)) > times


def test_a_few_false_ends_are_believed() -> None:
    said = [*MESSAGE, (CLIENT, b".\n" + b"DATA\r\n.\n" * 5), (SERVER, b"250 ok\r\n354 go\r\n" * 5 + b"250 ok\r\n")]
    found = [exchange.command.verb for exchange in hear("tcp", "smtp", said) if exchange.command]
    assert found == ["connect", "EHLO", *["DATA", "message"] * 6]


@pytest.mark.cpu_seconds(60)
def test_responses_shown_do_not_grow_without_end() -> None:
    exchanges = hear(
        "tcp", "imap", [*LOGIN, (CLIENT, b"x" * 300 + b"\r\n")] + [(CLIENT, b"abcd\r\n" * 10_000)] * 4, show=True
    )
    assert max(len(exchange.command.argument) for exchange in exchanges if exchange.command) < 1_500


def test_glance_of_untagged_data_do_not_pile_up() -> None:
    untagged = b"".join(b"* KIND%d x\r\n" % n for n in range(5_000))
    said: Said = [(SERVER, b"* OK\r\n"), (CLIENT, b"a NOOP\r\n"), (SERVER, untagged + b"a OK done\r\n")]
    (reply,) = (e.reply for e in hear("tcp", "imap", said) if e.command is not None and e.command.verb == "NOOP")
    assert reply is not None
    assert reply.lines[1].endswith("1 KIND99, 4900 OTHER")


@pytest.mark.parametrize(
    ("module", "service", "said"),
    [
        (smtp, "smtp", [(CLIENT, b"a\r\n" * 50), (SERVER, b"250 k\r\n" * 100)]),
        (smtp, "smtp", [(CLIENT, b"DATA\r\n" * 50)]),
        (smtp, "smtp", [(CLIENT, b"BDAT 0\r\n" * 50)]),
        (pop3, "pop3", [(CLIENT, b"a\r\n" * 50), (SERVER, b"+OK\r\n" * 100)]),
        (imap, "imap", [(CLIENT, b"".join(b"%d a\r\n" % n for n in range(50))), (SERVER, b"* BYE\r\n" * 50)]),
        (dns, "dns", [(CLIENT, bytes(100)), (SERVER, b"\0\x0c\0\1\x80" + bytes(9))]),
        (dns, "dns", [(CLIENT, b"\0\x0c\0\1" + bytes(10)) for _ in range(50)]),
    ],
    ids=["SMTP", "SMTP held", "SMTP chunks", "POP3", "IMAP", "DNS", "DNS queries"],
)  # fmt: skip
def test_there_is_an_end_to_exchanges(
    module: object, service: str, said: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_EXCHANGES", 10)
    assert len(hear("tcp", service, said)) <= 10


# Lengths that lie


LIES: dict[str, tuple[str, str, Sequence[str]]] = {
    "a chunk of all but nothing": (
        "smtp", "S 220 x\nC EHLO a\nS 250 a\nC BDAT 999999999999999999 LAST\nC QUIT\nS 452 no",
        ["connect", "EHLO", "BDAT"],
    ),
    "a chunk longer than numbers are": (
        "smtp", "S 220 x\nC BDAT 9999999999999999999\nS 501 no\nC QUIT\nS 221 a", ["connect", "BDAT", "QUIT"],
    ),
    "a chunk of less than nothing": (
        "smtp", "S 220 x\nC BDAT -1\nS 501 no\nC QUIT\nS 221 a", ["connect", "BDAT", "QUIT"],
    ),
    "a chunk in Arabic digits": (
        "smtp", "S 220 x\nC BDAT \\xd9\\xa3\nS 501 no\nC QUIT\nS 221 a", ["connect", "BDAT", "QUIT"],
    ),
    "a literal of all but nothing": (
        "imap", "S * OK\nC a LOGIN {999999999999999999}\nC b NOOP\nS a BAD no\nS * BYE", ["connect", "LOGIN"],
    ),
    "a literal longer than numbers are": (
        "imap", "S * OK\nC a LOGIN {9999999999999999999}\nS a BAD no\nC b NOOP\nS b OK", ["connect", "LOGIN", "NOOP"],
    ),
    "a literal of the server that never comes": (
        "imap", "S * OK\nC a NOOP\nS * 1 FETCH {99999999}\nS a OK", ["connect", "NOOP"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("service", "script", "verbs"), LIES.values(), ids=LIES)
def test_lengths_that_lie(service: str, script: str, verbs: Sequence[str]) -> None:
    exchanges = hear("tcp", service, told(script))
    assert [exchange.command.verb for exchange in exchanges if exchange.command] == list(verbs)


def dns_message(body: bytes, *, questions: int = 1, answers: int = 0) -> bytes:
    return struct.pack(">HHHHHH", 7, 0x8180 if answers else 0x0100, questions, answers, 0, 0) + body


DNS_LIES: dict[str, bytes] = {
    "a name that points at itself": dns_message(b"\xc0\x0c\0\x0f\0\1"),
    "a name that points ahead": dns_message(b"\xc0\xff\0\x0f\0\1"),
    "two names that point at each other": dns_message(b"\xc0\x0e\xc0\x0c\0\x0f\0\1"),
    "a label longer than the message": dns_message(b"\x3fabc"),
    "labels of a kind nobody knows": dns_message(b"\x80\0\0\x0f\0\1"),
    "65,535 questions": dns_message(b"", questions=65_535),
    "65,535 answers": dns_message(b"\0\0\x0f\0\1", answers=65_535),
    "data longer than the message": dns_message(b"\0\0\x0f\0\1" + b"\xc0\x0c\0\x0f\0\1\0\0\0\0\xff\xff", answers=1),
    "a header that breaks off": dns_message(b"")[:7],
    "nothing": b"",
}


@pytest.mark.parametrize("message", DNS_LIES.values(), ids=DNS_LIES)
def test_dns_that_lies(message: bytes) -> None:
    (datagram,) = hear("udp", "dns", [(SERVER, message or b"\0")])
    assert datagram.note == "this is not a DNS message" or datagram.reply is not None or datagram.unseen
    framed = len(message).to_bytes(2, "big") + message
    assert len(hear("tcp", "dns", [(SERVER, framed), (CLIENT, framed)])) in (1, 2)


@pytest.mark.cpu_seconds(60)
@pytest.mark.parametrize("alike", [True, False])
def test_names_of_many_labels_are_not_compared_with_each_other(alike: bool) -> None:
    """dnspython takes 5 ms for each of these records, and a message of 64 KiB has four thousand."""
    question = b"\1a" * 127 + b"\0\0\x0f\0\1"
    records = (struct.pack(">HHHIHHH", 0xC00C, 15, 1, 1, 4, 1 if alike else n, 0xC00C) for n in range(4_000))
    message = dns_message(question + b"".join(records), answers=4_000)
    exchanges = hear("udp", "dns", [(SERVER, message)] * 10)
    assert [len(exchange.reply.lines) for exchange in exchanges if exchange.reply] == [50] * 10


def test_an_mx_that_cannot_be_read_is_no_null_mx() -> None:
    record = struct.pack(">HHHIHB", 0xC00C, 15, 1, 1, 1, 0)
    (exchange,) = hear("udp", "dns", [(SERVER, dns_message(b"\1x\0\0\x0f\0\1" + record, answers=1))])
    assert isinstance(exchange.result, Answer)
    assert [record.kind for record in exchange.result.records] == ["MX"]
    assert exchange.result.exchangers() == []


def test_questions_in_thousands_are_passed_over() -> None:
    question = b"\1a" * 127 + b"\0\0\x0f\0\1"
    body = question + b"\xc0\x0c\0\x0f\0\1" * 9_999 + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1"
    (exchange,) = hear("udp", "dns", [(SERVER, dns_message(body, questions=10_000, answers=1))])
    assert exchange.reply is not None
    assert exchange.reply.lines == ("A 10.0.0.1",)


@settings(max_examples=100)
@given(
    st.one_of(st.integers(0, 300), st.integers(0, 65_535)),
    st.sampled_from((1, 1, 3, 255, 0x8001)),
    st.binary(max_size=60),
)
def test_records_of_any_kind(kind: int, of_class: int, data: bytes) -> None:
    record = b"\xc0\x0c" + struct.pack(">HHIH", kind, of_class, 1, len(data)) + data
    (exchange,) = hear("udp", "dns", [(SERVER, dns_message(b"\1a\0\0\x0f\0\1" + record, answers=1))])
    assert exchange.reply is not None
    assert len(exchange.reply.lines) == 1


def test_the_response_code_has_its_upper_bits_from_the_opt_record() -> None:
    opt = b"\0" + struct.pack(">HHIH", 41, 1_232, 1 << 24, 0)
    message = struct.pack(">HHHHHH", 7, 0x8180, 1, 0, 0, 1) + b"\1a\0\0\x0f\0\1" + opt
    (exchange,) = hear("udp", "dns", [(SERVER, message)])
    assert exchange.reply is not None
    assert exchange.reply.code == "BADVERS"


HELLO = bytes.fromhex("0100002f0303") + bytes(32) + bytes.fromhex("00000213010100000c000000080006000003612e62")


HEADS = st.sampled_from((b"\x16\x03\x01", b"\x15\x03\x03", b"\x17\x03\x03", b"\x80\0\0"))
MESSAGES = st.one_of(st.just(HELLO), st.just(b"\2" + HELLO[1:]), st.binary(max_size=60))
LENGTHS = st.one_of(st.none(), st.integers(0, 65_535))


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 6), HEADS, MESSAGES, LENGTHS), max_size=6),
    st.lists(st.tuples(st.integers(0, 999), st.binary(min_size=1, max_size=3)), max_size=3),
)
def test_records_and_hellos_that_lie(
    records: list[tuple[int, bytes, bytes, int | None]], changes: list[tuple[int, bytes]]
) -> None:
    said: Said = []
    for kind, head, body, length in records:
        octets = bytearray(head + (len(body) if length is None else length).to_bytes(2, "big") + body)
        for place, new in changes:
            at = len(octets) * place // 1_000
            octets[at : at + len(new)] = new
        said.append((kind & (SERVER | GAP | DECRYPTED), 9 if kind & GAP else bytes(octets)))
    TARGETS["tls"].run(octets_of(said))


HEADERS: dict[str, bytes] = {
    "encoded words without end": b"Subject: " + b"=?utf-8?q?" * 6_000,
    "encoded words in thousands": b"Subject: " + b"=?utf-8?q?a?= " * 4_000,
    "a folded field": b"Subject:" + b"\r\n x" * 12_000,
    "fields in thousands": b"a:\r\n" * 16_000,
    "a character set of no use": b"Subject: =?punycode?q?" + b"a-" * 4_000 + b"?=",
    "a character set that is a codec": b"Subject: =?zlib_codec?b?eJw=?= =?hex?q?00?= =?base64?q?x?=",
    "base64 that lies": b"Subject: =?utf-8?b?====?= =?utf-8?b?a?=",
    "parameters in thousands": b"Subject: =?utf-8*" + b"x" * 8_000 + b"?q?a?=",
}


@pytest.mark.cpu_seconds(60)
@pytest.mark.parametrize("head", HEADERS.values(), ids=HEADERS)
def test_headers_that_take_long_elsewhere(head: bytes) -> None:
    run: Callable[[bytes], None] = TARGETS["header"].run
    run(head + b"\r\n\r\n")

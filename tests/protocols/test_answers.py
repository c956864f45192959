"""Where an answer ends, and what it comes to, in each language of mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.answers import LANGUAGES, Answer, Language, Reading


def hear(reading: Reading, octets: bytes) -> tuple[Answer | None, bytes]:
    """The answer, None when it is not whole, and what is left of the octets."""
    try:
        wanted = next(reading)
        while True:
            if wanted is None:
                line, end, rest = octets.partition(b"\n")
                if not end:
                    return None, octets
                piece = line.rstrip(b"\r")
            elif len(octets) < wanted:
                return None, octets
            else:
                piece, rest = octets[:wanted], octets[wanted:]
            octets = rest
            wanted = reading.send(piece)
    except StopIteration as ended:
        return ended.value, octets


def dialogue(language: Language, said: tuple[bytes, ...], octets: bytes) -> list[tuple[str, ...]]:
    found = []
    for line in said:
        answer, octets = hear(language.answer(line), octets)
        found.append(answer.statuses if answer is not None else ())
    assert octets == b"" or not all(found)
    return found


@pytest.mark.parametrize(
    ("service", "said", "octets", "statuses"),
    [
        ("smtp", (b"EHLO x",), b"250-mx\r\n250-SIZE\r\n250 HELP\r\n", [("250",)]),
        ("smtp", (b"RCPT", b"DATA"), b"452 4.2.2 full\r\n503 5.5.1 no\r\n", [("452 4.2.2",), ("503 5.5.1",)]),
        ("smtp", (b"NOOP",), b"hello\r\n", [("",)]),
        ("smtp", (b"NOOP",), b"250-one\r\n", [()]),
        (
            "lmtp",
            (b"RCPT TO:<a>", b"RCPT TO:<b>", b"RCPT TO:<c>", b"DATA", b".", b"QUIT"),
            b"250 a\r\n550 b\r\n250 c\r\n354 go\r\n250 2.0.0 a\r\n452-4.2.2 c\r\n452 4.2.2 c\r\n221 bye\r\n",
            [("250",), ("550",), ("250",), ("354",), ("250 2.0.0", "452 4.2.2"), ("221",)],
        ),
        (
            "lmtp",
            (b"RCPT TO:<a>", b"RSET", b"RCPT TO:<b>", b"BDAT 5 LAST"),
            b"250 a\r\n250 ok\r\n250 b\r\n250 taken\r\n",
            [("250",), ("250",), ("250",), ("250",)],
        ),
        ("lmtp", (b".",), b"500 what\r\n", [("500",)]),
        ("pop3", (b"LIST", b"LIST 1"), b"+OK\r\n1 20\r\n.\r\n+OK 1 20\r\n", [("+OK",), ("+OK",)]),
        ("pop3", (b"RETR 1", b"NOOP"), b"-ERR none\r\n+OK\r\n", [("-ERR",), ("+OK",)]),
        ("pop3", (b"retr 1",), b"+OK\r\n..\r\n...\r\n.\r\n", [("+OK",)]),
        ("pop3", (b"PASS x",), b"-ERR [IN-USE] busy\r\n", [("-ERR [IN-USE]",)]),
        ("pop3", (b"AUTH PLAIN", b"AGEAYg=="), b"+ \r\n+OK\r\n", [("+",), ("+OK",)]),
        ("pop3", (b"RETR 1",), b"+OK\r\nhalf\r\n", [()]),
        ("imap", (b"a NOOP",), b"* 2 EXISTS\r\n* OK [ALERT] x\r\na OK done\r\n", [("OK",)]),
        (
            "imap",
            (b"a FETCH",),
            b"* 1 FETCH (BODY[] {7}\r\na OK x\r\r\n)\r\na NO [OVERQUOTA] x\r\n",
            [("NO [OVERQUOTA]",)],
        ),
        (
            "imap",
            (b"a APPEND x {3}", b"abc"),
            b"+ go\r\n* 1 EXISTS\r\na OK [APPENDUID 1 2] x\r\n",
            [("+",), ("OK [APPENDUID]",)],
        ),
        ("imap", (b"a IDLE", b"DONE"), b"+ idling\r\n* 1 EXISTS\r\na OK\r\n", [("+",), ("OK",)]),
        ("imap", (b"a NOOP", b"b NOOP"), b"b BAD x\r\na OK y\r\n", [("OK",), ("BAD",)]),
        ("imap", (b"",), b"* BAD what\r\n", [("BAD",)]),
        ("imap", (b"a LOGOUT",), b"* BYE bye\r\n", [()]),
        ("managesieve", (b"LISTSCRIPTS",), b'"a" ACTIVE\r\n{2}\r\nOK\r\nOK\r\n', [("OK",)]),
        ("managesieve", (b"PUTSCRIPT",), b'NO (QUOTA/MAXSIZE) "big"\r\n', [("NO (QUOTA/MAXSIZE)",)]),
    ],
)
def test_what_is_the_answer(
    service: str, said: tuple[bytes, ...], octets: bytes, statuses: list[tuple[str, ...]]
) -> None:
    assert dialogue(LANGUAGES[service](), said, octets) == statuses


def test_the_lines_of_a_literal_are_lines_and_dots_are_unstuffed() -> None:
    fetched, _ = hear(LANGUAGES["imap"]().answer(b"a FETCH"), b"* 1 FETCH {8}\r\nA: b\r\nc\r\n)\r\na OK x\r\n")
    retrieved, _ = hear(LANGUAGES["pop3"]().answer(b"RETR 1"), b"+OK\r\n..\r\n.\r\n")
    assert fetched is not None
    assert {b"A: b", b"c"} < set(fetched.lines)
    assert retrieved is not None
    assert retrieved.lines == (b"+OK", b".")


@pytest.mark.parametrize(
    ("service", "octets", "status"),
    [("smtp", b"554 no\r\n", "554"), ("pop3", b"+OK <1@x>\r\n", "+OK"), ("imap", b"* PREAUTH hi\r\n", "PREAUTH")],
)
def test_greetings(service: str, octets: bytes, status: str) -> None:
    answer, rest = hear(LANGUAGES[service]().greeting(), octets)
    assert answer is not None
    assert (answer.statuses, rest) == ((status,), b"")


@given(st.sampled_from(sorted(LANGUAGES)), st.lists(st.binary(max_size=20), max_size=4), st.binary(max_size=300))
def test_no_octets_make_it_fail(service: str, said: list[bytes], octets: bytes) -> None:
    language = LANGUAGES[service]()
    for line in said:
        _, octets = hear(language.answer(line), octets)

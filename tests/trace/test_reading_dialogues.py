"""POP3 and IMAP dialogues as pairs of command and reply: each line of a table is a conversation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.inspect import inspect
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.imap.dialogue import ImapDialogue
from testbed.trace.services.pop3.dialogue import Pop3Dialogue
from testbed.trace.services.reading.outcome import outcome_of_reading
from testbed.trace.services.reading.results import Part, Told, reading_result
from testbed.trace.tcp.reassembly import Chunk, Gap
from tests.conftest import PROJECT

CORPUS = PROJECT.parent / "shared" / "corpus" / "zeek"

Kind = type[Pop3Dialogue] | type[ImapDialogue]


def talk(kind: Kind, *said: str | Gap) -> tuple[Exchange, ...]:
    """``C ...`` and ``S ...`` are lines of client and server, one frame each, numbered from 1."""
    dialogue = kind()
    for frame, item in enumerate(said, 1):
        if isinstance(item, Gap):
            dialogue.feed(item)
        else:
            side = CLIENT if item[0] == "C" else SERVER
            dialogue.feed(Chunk(side, item[2:].replace("\n", "\r\n").encode("latin-1"), frame, frame * 1_000))
    return dialogue.finish()[0]


def told(exchanges: tuple[Exchange, ...]) -> list[str]:
    """Each exchange as ``VERB argument -> code text``."""
    result = []
    for exchange in exchanges:
        asked = f"{exchange.command.verb} {exchange.command.argument}".strip() if exchange.command else "-"
        result.append(f"{asked} -> {exchange.reply.code} {exchange.reply.text}" if exchange.reply else f"{asked} -> -")
    return result


POP3 = {
    "a visit": (
        ["S +OK ready\n", "C USER bob\n", "S +OK\n", "C PASS secret\n", "S +OK in\n", "C QUIT\n", "S +OK bye\n"],
        ["connect -> +OK ready", "USER bob -> +OK ", "PASS ******** -> +OK in", "QUIT -> +OK bye"],
    ),
    "a listing": (
        ["S +OK\n", "C LIST\n", "S +OK 2\n1 120\n2 300\n.\n", "C LIST 1\n", "S +OK 1 120\n"],
        ["connect -> +OK ", "LIST -> +OK 2 1 120 2 300", "LIST 1 -> +OK 1 120"],
    ),
    "a message is counted, not quoted": (
        ["S +OK\n", "C RETR 1\n", "S +OK\nSubject: x\n\n..dot\n.\n"],
        ["connect -> +OK ", "RETR 1 -> +OK  3 lines, 29 octets"],
    ),
    "pipelined": (
        ["S +OK\n", "C DELE 1\nDELE 2\nQUIT\n", "S +OK\n-ERR no 2\n+OK\n"],
        ["connect -> +OK ", "DELE 1 -> +OK ", "DELE 2 -> -ERR no 2", "QUIT -> +OK "],
    ),
    "credentials after a challenge": (
        ["S +OK\n", "C AUTH PLAIN\n", "S + \n", "C AGJvYgBzZWNyZXQ=\n", "S +OK\n"],
        ["connect -> +OK ", "AUTH PLAIN -> + ", "AUTH ******** -> +OK "],
    ),
    "encrypted from STLS on": (
        ["S +OK\n", "C STLS\n", "S +OK go\n", "C \x16\x03\x01\n", "S \x16\x03\x03\n"],
        ["connect -> +OK ", "STLS -> +OK go"],
    ),
    "cut in a listing": (["S +OK\n", "C UIDL\n", "S +OK\n1 a\n2"], ["connect -> +OK ", "UIDL -> +OK  1 a"]),
    "no reply": (["S +OK\n", "C NOOP\n"], ["connect -> +OK ", "NOOP -> -"]),
    "no POP3": (["S SSH-2.0\n"], ["connect -> SSH-2.0 "]),
}

IMAP = {
    "a visit": (
        ["S * OK ready\n", "C a1 LOGIN bob secret\n", "S a1 OK in\n", "C a2 LOGOUT\n", "S * BYE\na2 OK bye\n"],
        ["connect -> OK ready", "LOGIN bob ******** -> OK in", "- -> BYE ", "LOGOUT -> OK bye"],
    ),
    "untagged data is summed up": (
        ["S * OK\n", "C a SELECT INBOX\n", "S * 3 EXISTS\n* 0 RECENT\n* FLAGS (\\Seen)\na OK [READ-WRITE] done\n"],
        ["connect -> OK ", "SELECT INBOX -> OK [READ-WRITE] done 3 EXISTS, 0 RECENT, 1 FLAGS"],
    ),
    "a literal is no line": (
        ["S * OK\n", "C a FETCH 1 BODY[]\n", "S * 1 FETCH (BODY[] {11}\na OK nono\n)\na OK done\n"],
        ["connect -> OK ", "FETCH 1 BODY[] -> OK done 1 FETCH"],
    ),
    "a literal of the client": (
        ["S * OK\n", "C a APPEND INBOX {5}\n", "S + go\n", "C a b c\n", "S a NO [OVERQUOTA] full\n"],
        ["connect -> OK ", "APPEND INBOX {5} -> NO [OVERQUOTA] full"],
    ),
    "several commands at once": (
        ["S * OK\n", "C a NOOP\nb UID FETCH 1 FLAGS\n", "S a OK\n* 1 FETCH (FLAGS ())\nb OK\n"],
        ["connect -> OK ", "NOOP -> OK ", "UID FETCH 1 FLAGS -> OK  1 FETCH"],
    ),
    "waiting for news": (
        ["S * OK\n", "C a IDLE\n", "S + idling\n", "S * 4 EXISTS\n", "C DONE\n", "S a OK\n"],
        ["connect -> OK ", "IDLE -> OK  4 EXISTS"],
    ),
    "encrypted from STARTTLS on": (
        ["S * OK\n", "C a STARTTLS\n", "S a OK go\n", "C \x16\x03\x01\n"],
        ["connect -> OK ", "STARTTLS -> OK go"],
    ),
    "no reply": (["S * OK\n", "C a NOOP\n"], ["connect -> OK ", "NOOP -> -"]),
}


@pytest.mark.parametrize(("said", "expected"), POP3.values(), ids=POP3.keys())
def test_pop3(said: list[str], expected: list[str]) -> None:
    assert told(talk(Pop3Dialogue, *said)) == expected


@pytest.mark.parametrize(("said", "expected"), IMAP.values(), ids=IMAP.keys())
def test_imap(said: list[str], expected: list[str]) -> None:
    assert told(talk(ImapDialogue, *said)) == expected


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        ([range(7, 9)], {7, 8}),
        ([range(7, 9), range(20, 50)], {7, 8, *range(20, 50)}),
        ([range(100_000, 111_000)], None),
    ],
)
def test_what_was_found_is_known_whole_or_not_at_all(lines: list[range], known: set[int] | None) -> None:
    """A line longer than 64 KiB is cut."""
    found = [f"S * SEARCH {' '.join(map(str, uids))}\n" for uids in lines]
    [_, sought] = talk(ImapDialogue, "S * OK\n", "C a UID SEARCH ALL\n", *found, "S a OK\n")
    assert reading_result(sought).found == known


def test_more_capabilities_than_are_shown_are_known() -> None:
    [_, asked] = talk(Pop3Dialogue, "S +OK\n", "C CAPA\n", "S +OK\n", *(f"S X{n}\n" for n in range(60)), "S STLS\n.\n")
    assert reading_result(asked).offers[-1] == "STLS"
    assert asked.reply is not None
    assert len(asked.reply.lines) == 52


PIECES = st.one_of(
    st.builds(
        lambda side, octets: Chunk(side, octets, 1, 1), st.sampled_from((CLIENT, SERVER)), st.binary(max_size=40)
    ),
    st.builds(lambda side, n: Gap(side, n, 1, 1), st.sampled_from((CLIENT, SERVER)), st.integers(1, 50)),
    st.sampled_from(
        [
            Chunk(SERVER, b"+OK\r\n", 1, 1),
            Chunk(SERVER, b"* 1 FETCH {9}\r\n", 1, 1),
            Chunk(CLIENT, b"a APPEND x {99999999999}\r\n", 1, 1),
            Chunk(CLIENT, b"RETR 1\r\n", 1, 1),
        ]
    ),
)


@given(st.lists(PIECES, max_size=30), st.sampled_from((Pop3Dialogue, ImapDialogue)))
def test_nothing_makes_them_fail(pieces: list[Chunk | Gap], kind: Kind) -> None:
    dialogue = kind()
    for piece in pieces:
        dialogue.feed(piece)
    for exchange in dialogue.finish()[0]:
        for text in (exchange.note, *(exchange.reply.lines if exchange.reply else ())):
            assert text.isprintable()


@pytest.mark.skipif(not CORPUS.exists(), reason="the public captures (../shared/corpus) are not here")
def test_a_real_pop3_visit_is_told_in_a_line() -> None:
    analysis = inspect(CORPUS / "pop3" / "pop3.pcap")
    assert analysis.connections[9].outcome == "logged in, AUTH refused: 1 argument required"
    assert analysis.connections[10].outcome.startswith("logged in, 3 listed, 3 retrieved")


@pytest.mark.skipif(not CORPUS.exists(), reason="the public captures (../shared/corpus) are not here")
def test_what_only_uses_the_port_is_not_taken_for_pop3() -> None:
    assert [c.service for c in inspect(CORPUS / "pop3" / "redis-50-pings.pcap").connections] == [""]


IMAP_IN = ["S * OK\n", "C a1 SELECT INBOX\n", "S * 2 EXISTS\na1 OK\n"]
EXPUNGED = {
    "two that remove one": ["C a2 EXPUNGE\n", "S * 2 EXPUNGE\na2 OK\n", "C a3 EXPUNGE\n", "S a3 OK\n"],
    "one that removes two": ["C a2 EXPUNGE\n", "S * 2 EXPUNGE\n* 1 EXPUNGE\na2 OK\n"],
    "one by UIDs": ["C a2 UID EXPUNGE 7:8\n", "S * VANISHED 7:8\na2 OK\n"],
}


@pytest.mark.parametrize(("said", "number"), [*zip(EXPUNGED.values(), (1, 2, 2), strict=True)], ids=EXPUNGED)
def test_what_expunge_removed_is_counted_not_how_often_it_was_said(said: list[str], number: int) -> None:
    assert outcome_of_reading(talk(ImapDialogue, *IMAP_IN, *said)).endswith(f"{number} expunged")


def test_whoever_asks_is_told_every_line() -> None:
    dialogue = ImapDialogue(tells=True)
    said = b"* 3 FETCH (FLAGS (\\Seen) UID 7 BODY[]<5> {5}\r\nhello RFC822.SIZE 90)\r\na1 OK\r\n"
    dialogue.feed(Chunk(SERVER, b"* OK\r\n", 1, 1))
    dialogue.feed(Chunk(CLIENT, b"a1 FETCH 3 (FLAGS UID BODY[]<5.5> RFC822.SIZE)\r\n", 2, 2))
    dialogue.feed(Chunk(SERVER, said, 3, 3))
    [told] = reading_result(dialogue.finish()[0][-1]).told
    assert told == Told("FETCH", 3, uid=7, size=90, flags=frozenset(("\\seen",)), parts=(Part("", 5, 5),))

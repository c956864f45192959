"""What is not in the capture is unknown: one packet missing, a late beginning, or a hole between two mails."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from talk import Talk, watch

from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import UNSEEN
from testbed.trace.model.finding import Severity

MAIL = (
    "S 220 mx", "C EHLO a", "S 250-mx\r\n250 DSN", "C MAIL FROM:<a@x>", "S 250 2.1.0 ok", "C RCPT TO:<b@y>",
    "S 250 2.1.5 ok", "C DATA", "S 354 go", "C Subject: hi\r\nTo: b\r\n\r\nhi\r\n.", "S 250 2.0.0 queued as 4ABC",
    "C QUIT", "S 221 bye",
)  # fmt: skip
LOGIN = (
    *MAIL[:3], "C AUTH LOGIN", "S 334 VXNlcm5hbWU6", "C YW5uYQ==", "S 334 UGFzc3dvcmQ6", "C c2VjcmV0LWdlaGVpbQ==",
    "S 235 2.7.0 ok", *MAIL[3:],
)  # fmt: skip
REFUSED = (*MAIL[:6], "S 452 4.2.2 full", "C RSET", "S 250 2.0.0 ok", *MAIL[3:])
SECRETS = ("YW5uYQ", "c2VjcmV0", "anna", "secret")
SHAKEN = 3  # packets before the dialogue


def without(lines: tuple[str, ...], dropped: Collection[int]) -> Connection:
    """A dialogue whose lines with these numbers are not in the capture."""
    talk = Talk().open().say(*lines).close()
    talk.packets = [packet for number, packet in enumerate(talk.packets) if number - SHAKEN not in dropped]
    (connection,) = watch(talk).connections
    return connection


def verbs(connection: Connection) -> list[str]:
    return [exchange.command.verb for exchange in connection.exchanges if exchange.command is not None]


def check(connection: Connection, lines: tuple[str, ...]) -> None:
    """Nothing is told that the whole dialogue contradicts."""
    assert not [f.text for f in connection.findings if f.severity is Severity.ERROR]
    said = {line[2:].split(" ")[0] for line in lines if line[0] == "C"} | {"connect", "message", "AUTH"}
    assert set(verbs(connection)) <= said
    answers = {"EHLO": "250", "MAIL": "250", "DATA": "354", "message": "250", "QUIT": "221"}
    for exchange in connection.exchanges:
        if exchange.command is not None and exchange.reply is not None:
            assert exchange.reply.code.startswith(answers.get(exchange.command.verb, "")), exchange
    texts = [str(exchange) for exchange in connection.exchanges] + [f.text for f in connection.findings]
    assert not [text for text in texts for secret in SECRETS if secret in text]


@pytest.mark.parametrize("lines", [MAIL, LOGIN], ids=["mail", "login"])
@pytest.mark.parametrize("dropped", range(len(LOGIN)))
def test_one_packet_is_missing(lines: tuple[str, ...], dropped: int) -> None:
    connection = without(lines, {dropped})
    check(connection, lines)
    told = connection.outcome
    if not lines[dropped % len(lines)].startswith(("S 250 2.0.0", "C Subject", "C RCPT", "C MAIL")):
        assert told == "mail for b@y: taken"
    assert not [words for words in ("not sent", "no reply", "cut off") if words in told]


@pytest.mark.parametrize(
    ("dropped", "outcome"),
    [
        (3, f"mail from {UNSEEN} for b@y: taken"),
        (5, f"mail for {UNSEEN}: taken"),
        (10, "mail for b@y: message sent, its reply is not in the capture"),
    ],
)
def test_what_the_missing_packet_would_have_told_is_unseen(dropped: int, outcome: str) -> None:
    assert without(MAIL, {dropped}).outcome == outcome


@pytest.mark.parametrize("lines", [MAIL, LOGIN], ids=["mail", "login"])
@pytest.mark.parametrize("begin", range(-SHAKEN, len(MAIL)))
def test_the_capture_begins_late(lines: tuple[str, ...], begin: int) -> None:
    connection = without(lines, range(-SHAKEN, begin))
    check(connection, lines)
    if begin < len(lines) - 2:
        assert connection.outcome.endswith(": taken")


@pytest.mark.parametrize("side", "CS")
def test_one_side_only(side: str) -> None:
    connection = without(MAIL, [number for number, line in enumerate(MAIL) if line[0] != side])
    check(connection, MAIL)
    assert connection.outcome != "no mail transaction"


def test_a_refused_recipient_keeps_its_refusal() -> None:
    for dropped in range(len(REFUSED)):
        if dropped in (5, 6):
            continue
        first = without(REFUSED, {dropped}).transactions[0].recipients[0]
        assert (first.accepted, first.reply and first.reply.status) == (False, "452 4.2.2")


def test_a_hole_between_two_mails() -> None:
    two = (*MAIL[:11], "C MAIL FROM:<c@x>", "S 250 ok", "C RCPT TO:<d@y>", *MAIL[6:])
    assert without(two, {11, 12}).outcome == f"mail for b@y: taken; mail from {UNSEEN} for d@y: taken"


def test_replies_to_a_group_are_matched_from_its_end() -> None:
    group = "C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA"
    lines = (*MAIL[:3], group, "S 250 ok", "S 250 ok", "S 550 no", "S 354 go", *MAIL[9:])
    found = {to.address: to for to in without(lines, {5}).transactions[0].recipients}
    assert [found["c@y"].reply and found["c@y"].reply.code, found["b@y"].reply] == ["550", None]
    assert found["b@y"].unseen


POP3 = (
    "S +OK ready", "C AUTH PLAIN", "S +", "C AGFubmEAc2VjcmV0", "S +OK in", "C CAPA", "S +OK\r\nTOP\r\n.",
    "C QUIT", "S +OK",
)  # fmt: skip
IMAP = ("S * OK", "C a SELECT INBOX", "S * 3 EXISTS\r\na OK done", "C b LOGOUT", "S * BYE\r\nb OK")


@pytest.mark.parametrize("begin", range(len(POP3) - 1))
def test_a_late_beginning_shows_no_secret_of_pop3(begin: int) -> None:
    talk = Talk(server_port=110).open().say(*POP3).close()
    talk.packets = talk.packets[SHAKEN + begin :]
    (connection,) = watch(talk).connections
    assert "AGFUBMEA" not in str(connection.exchanges).upper()
    assert not [e for e in connection.exchanges if e.note == "not a POP3 reply" and begin not in (6,)]


@pytest.mark.parametrize("octets", [b"cret\r\n", b"AGFubmEAc2VjcmV0\r\n", b"XTND XMIT\r\n"])
def test_what_may_be_a_secret_of_pop3_is_masked_and_blames_nobody(octets: bytes) -> None:
    talk = Talk(server_port=110).open().segment(0, "PA", octets).say("S +OK", "C QUIT", "S +OK").close()
    talk.packets = talk.packets[SHAKEN:]
    (connection,) = watch(talk).connections
    assert octets.strip().decode() not in str(connection.exchanges)
    assert "credentials-in-clear" not in {finding.code for finding in connection.findings}


READING = {
    110: ("S +OK ready", "C USER anna", "S +OK", "C PASS x", "S +OK in", "C LIST", "S +OK 2\r\n1 120\r\n2 300\r\n.",
          "C RETR 1", "S +OK\r\nSubject: a\r\n\r\n+OK\r\n.", "C QUIT", "S +OK bye"),
    143: ("S * OK ready", "C a LOGIN anna x", "S a OK in", "C b SELECT INBOX", "S * 2 EXISTS\r\nb OK", "C c NOOP",
          "S c OK", "C d LOGOUT", "S * BYE\r\nd OK"),
}  # fmt: skip


def told(lines: tuple[str, ...], port: int, dropped: set[int]) -> dict[str, tuple[str, ...] | None]:
    """What each command was answered, as far as the capture shows."""
    talk = Talk(server_port=port).open().say(*lines).close()
    talk.packets = [one for place, one in enumerate(talk.packets) if place - SHAKEN not in dropped]
    (connection,) = watch(talk).connections
    assert not connection.outcome.endswith(("no reply", *("no reply to " + v for v in ("USER", "LIST", "SELECT"))))
    return {
        e.command.verb: (e.reply.code, *e.reply.lines) if e.reply is not None else None
        for e in connection.exchanges
        if e.command is not None and not (e.reply is None and not e.unseen)
    }


@pytest.mark.parametrize("port", READING)
def test_a_reply_that_is_missing_gives_no_command_the_reply_to_another(port: int) -> None:
    whole = told(READING[port], port, set())
    replies = [place for place, line in enumerate(READING[port]) if line[0] == "S"]
    for dropped in ({place} for place in replies):
        found = told(READING[port], port, dropped)
        assert {verb: reply for verb, reply in found.items() if reply is not None}.items() <= whole.items(), dropped
        verb = "connect" if dropped == {0} else next(v for v in READING[port][min(dropped) - 1].split() if v in whole)
        assert found.get(verb) is None


@pytest.mark.parametrize("dropped", [{1}, {2}, {3}, {1, 2}])
def test_the_secret_of_pop3_stays_hidden_behind_a_hole(dropped: set[int]) -> None:
    talk = Talk(server_port=110).open().say(*POP3).close()
    talk.packets = [one for place, one in enumerate(talk.packets) if place - SHAKEN not in dropped]
    (connection,) = watch(talk).connections
    assert "AGFUBMEA" not in str(connection.exchanges).upper()


def test_a_late_beginning_of_imap_has_no_greeting() -> None:
    talk = Talk(server_port=143).open().say(*IMAP).close()
    talk.packets = talk.packets[SHAKEN + 1 :]
    (connection,) = watch(talk).connections
    assert [e.command and e.command.verb for e in connection.exchanges] == ["SELECT", None, "LOGOUT"]

"""The SMTP dialogue as pairs of command and reply: each line of a table is a conversation."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.model.phase import Phase
from testbed.trace.services.smtp.dialogue import SmtpDialogue
from testbed.trace.tcp.reassembly import Chunk, Gap

HELLO = ["S 220 mx ready\r\n", "C EHLO a\r\n", "S 250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"]
ENVELOPE = ["C MAIL FROM:<a@x>\r\n", "S 250 2.1.0 ok\r\n", "C RCPT TO:<b@y>\r\n", "S 250 2.1.5 ok\r\n"]


def talk(*said: str | Gap) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
    """``C ...`` and ``S ...`` are octets of client and server, one frame each, numbered from 1."""
    dialogue = SmtpDialogue()
    for frame, item in enumerate(said, 1):
        if isinstance(item, Gap):
            dialogue.feed(item)
        else:
            side = CLIENT if item[0] == "C" else SERVER
            dialogue.feed(Chunk(side, item[2:].encode("latin-1"), frame, frame * 1_000))
    return dialogue.finish()


def pairs(*said: str | Gap) -> list[str]:
    """Each exchange as ``VERB argument -> code``."""
    result = []
    for exchange in talk(*said)[0]:
        command, reply = exchange.command, exchange.reply
        asked = f"{command.verb} {command.argument}".strip() if command else "-"
        result.append(f"{asked} -> {reply.status if reply else '-'}")
    return result


TABLE = {
    "greeting and hello": (HELLO, ["connect -> 220", "EHLO a -> 250"]),
    "reply in pieces": (["S 220-m", "S x\r\n22", "S 0 y\r", "S \n"], ["connect -> 220"]),
    "command in pieces": (["S 220 x\r\n", "C NO", "C OP\r", "C \n", "S 250 ok\r\n"], ["connect -> 220", "NOOP -> 250"]),
    "lower case": (["S 220 x\r\n", "C ehlo a\r\n", "S 250 x\r\n"], ["connect -> 220", "EHLO a -> 250"]),
    "bare line feeds": (["S 220 x\n", "C HELO a\n", "S 250 x\n"], ["connect -> 220", "HELO a -> 250"]),
    "pipelining": (
        [
            *HELLO,
            "C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n",
            "S 250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n",
            "C hi\r\n.\r\n",
            "S 250 2.0.0 taken\r\n",
        ],
        [
            "connect -> 220", "EHLO a -> 250", "MAIL FROM:<a@x> -> 250", "RCPT TO:<b@y> -> 250",
            "RCPT TO:<c@y> -> 550 5.1.1", "DATA -> 354", "message -> 250 2.0.0",
        ],
    ),
    "QUIT behind the dot": (
        [*HELLO, *ENVELOPE, "C DATA\r\n", "S 354 go\r\n", "C hi\r\n.\r\nQUIT\r\n", "S 250 ok\r\n221 bye\r\n"],
        [
            "connect -> 220", "EHLO a -> 250", "MAIL FROM:<a@x> -> 250 2.1.0", "RCPT TO:<b@y> -> 250 2.1.5",
            "DATA -> 354", "message -> 250", "QUIT -> 221",
        ],
    ),
    "BDAT with commands inside": (
        [*HELLO, *ENVELOPE, "C BDAT 6\r\nQUIT\r\nBDAT 4 LAST\r\nab\r\n", "S 250 ok\r\n250 2.6.0 ok\r\n"],
        [
            "connect -> 220", "EHLO a -> 250", "MAIL FROM:<a@x> -> 250 2.1.0", "RCPT TO:<b@y> -> 250 2.1.5",
            "BDAT 6 -> 250", "BDAT 4 LAST -> 250 2.6.0",
        ],
    ),
    "BDAT 0 LAST": (
        ["S 220 x\r\n", "C BDAT 0 LAST\r\nQUIT\r\n", "S 250 ok\r\n221 bye\r\n"],
        ["connect -> 220", "BDAT 0 LAST -> 250", "QUIT -> 221"],
    ),
    "a chunk of bad syntax, and the next command": (
        [*HELLO, *ENVELOPE, "C BDAT 5 X\r\n", "S 501 5.5.4 no\r\n", "C RSET\r\n", "S 250 ok\r\n", *ENVELOPE],
        [
            "connect -> 220", "EHLO a -> 250", "MAIL FROM:<a@x> -> 250 2.1.0", "RCPT TO:<b@y> -> 250 2.1.5",
            "BDAT 5 X -> 501 5.5.4", "RSET -> 250", "MAIL FROM:<a@x> -> 250 2.1.0", "RCPT TO:<b@y> -> 250 2.1.5",
        ],
    ),
    "a chunk refused before any of it came, and the next command": (
        [*HELLO, *ENVELOPE, "C BDAT 500 LAST\r\n", "S 552 5.3.4 no\r\n", "C MAIL FROM:<c@x>\r\n", "S 451 no\r\n"],
        [
            "connect -> 220", "EHLO a -> 250", "MAIL FROM:<a@x> -> 250 2.1.0", "RCPT TO:<b@y> -> 250 2.1.5",
            "BDAT 500 LAST -> 552 5.3.4", "MAIL FROM:<c@x> -> 451",
        ],
    ),
    "a chunk refused before any of it came, and its octets all the same": (
        [*HELLO, "C BDAT 8 LAST\r\n", "S 503 no\r\n", "C Subject:", "C NOOP\r\n", "S 250 ok\r\n"],
        ["connect -> 220", "EHLO a -> 250", "BDAT 8 LAST -> 503", "NOOP -> 250"],
    ),
    "BDAT with nonsense for a size": (
        ["S 220 x\r\n", "C BDAT -7\r\nNOOP\r\n", "S 501 no\r\n250 ok\r\n"],
        ["connect -> 220", "BDAT -7 -> 501", "NOOP -> 250"],
    ),
    "AUTH PLAIN with initial response": (
        ["S 220 x\r\n", "C AUTH PLAIN AGEAYg==\r\n", "S 235 2.7.0 ok\r\n"],
        ["connect -> 220", "AUTH PLAIN ******** -> 235 2.7.0"],
    ),
    "AUTH LOGIN": (
        ["S 220 x\r\n", "C AUTH LOGIN\r\n", "S 334 VXNlcg==\r\n", "C YQ==\r\n", "S 334 UGFzcw==\r\n", "C c2VjcmV0\r\n",
         "S 535 5.7.8 no\r\n", "C NOOP\r\n", "S 250 ok\r\n"],
        ["connect -> 220", "AUTH LOGIN -> 334", "AUTH ******** -> 334", "AUTH ******** -> 535 5.7.8", "NOOP -> 250"],
    ),
    "a command behind a refused AUTH": (
        ["S 220 x\r\n", "C AUTH PLAIN\r\n", "S 538 5.7.11 no\r\n", "C GET / HTTP/1.1\r\n", "S 500 what?\r\n",
         "C c2VjcmV0\r\n", "S 500 what?\r\n"],
        ["connect -> 220", "AUTH PLAIN -> 538 5.7.11", "GET / HTTP/1.1 -> 500", "AUTH ******** -> 500"],
    ),
    "STARTTLS": (
        [*HELLO, "C STARTTLS\r\n", "S 220 go\r\n", "C \x16\x03\x01\r\n\x00", "S \x16\x03\x03250 no\r\n"],
        ["connect -> 220", "EHLO a -> 250", "STARTTLS -> 220"],
    ),
    "STARTTLS refused": (
        ["S 220 x\r\n", "C STARTTLS\r\n", "S 454 4.7.0 no\r\n", "C QUIT\r\n", "S 221 bye\r\n"],
        ["connect -> 220", "STARTTLS -> 454 4.7.0", "QUIT -> 221"],
    ),
    "cut before the reply": (
        [*HELLO, "C MAIL FROM:<a@x>\r\n"],
        ["connect -> 220", "EHLO a -> 250", "MAIL FROM:<a@x> -> -"],
    ),
    "cut in a command": (["S 220 x\r\n", "C QUI"], ["connect -> 220", "QUI -> -"]),
    "cut in the message": (
        ["S 220 x\r\n", "C DATA\r\n", "S 354 go\r\n", "C Subject: x\r\n\r\nhal"],
        ["connect -> 220", "DATA -> 354", "message unfinished -> -"],
    ),
    "421 nobody asked for": ([*HELLO, "S 421 4.4.2 idle\r\n"], ["connect -> 220", "EHLO a -> 250", "- -> 421 4.4.2"]),
    "521 for a greeting": (["S 521 no mail\r\n"], ["connect -> 521"]),
    "no SMTP at all": (["S SSH-2.0-x\r\n"], ["connect -> "]),
    "hole in the message": (
        ["S 220 x\r\n", "C DATA\r\n", "S 354 go\r\n", "C one\r\ntw",
         Gap(CLIENT, 100, 5, 5), "C hree\r\n.\r\n", "S 250 ok\r\n"],
        ["connect -> 220", "DATA -> 354", "message -> 250"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), TABLE.values(), ids=TABLE)
def test_pairs(said: list[str | Gap], expected: list[str]) -> None:
    assert pairs(*said) == expected


def test_secrets_appear_nowhere() -> None:
    said = ["S 220 x\r\n", "C AUTH PLAIN c2VjcmV0\r\n", "S 334 \r\n", "C c2VjcmV0\r\n", "S 235 ok\r\n"]
    assert "c2VjcmV0" not in repr(talk(*said))


def test_phases() -> None:
    exchanges, _ = talk(*HELLO, *ENVELOPE, "C QUIT\r\n", "S 221 bye\r\n")
    phases = [exchange.phase for exchange in exchanges]
    assert phases == [Phase.HANDSHAKE] * 2 + [Phase.TRANSFER] * 2 + [Phase.CLOSURE]


def test_an_unsolicited_421_closes() -> None:
    assert talk(*HELLO, "S 421 4.3.2 going down\r\n")[0][-1].phase is Phase.CLOSURE


def test_transaction() -> None:
    message = "C Message-ID: <1@x>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\r\n..dot\r\n.\r\n"
    _, (mail,) = talk(*HELLO, *ENVELOPE, "C DATA\r\n", "S 354 go\r\n", message, "S 250 2.0.0 ok\r\n")
    assert (mail.sender, mail.message_id, mail.subject) == ("a@x", "<1@x>", "Café")
    assert [(r.address, r.accepted) for r in mail.recipients] == [("b@y", True)]
    assert mail.message is not None
    assert mail.message.command is not None
    assert mail.message.command.frames == (10,)


def test_refused_recipient_and_null_sender() -> None:
    said = ["S 220 x\r\n", "C MAIL FROM:<> SIZE=3\r\n", "S 250 ok\r\n", "C RCPT TO:<b@y>\r\n", "S 452 4.2.2 full\r\n"]
    _, (mail,) = talk(*said)
    assert mail.sender == ""
    assert mail.message is None
    assert [(r.accepted, r.reply.status if r.reply else "") for r in mail.recipients] == [(False, "452 4.2.2")]


def test_multi_line_reply_is_one() -> None:
    reply = talk("S 220-one\r\n220-two\r\n220 three\r\n")[0][0].reply
    assert reply is not None
    assert reply.lines == ("one", "two", "three")


def test_terminal_escapes_are_shown_not_sent() -> None:
    assert "\x1b" not in repr(talk("S 220 \x1b[31mred\r\n", "C EHLO \x1b]0;x\x07\r\n", "S 250 \x1b\r\n"))


@given(st.lists(st.tuples(st.sampled_from("CSG"), st.binary(max_size=60)), max_size=25))
def test_garbage_raises_nothing(said: list[tuple[str, bytes]]) -> None:
    dialogue = SmtpDialogue()
    for frame, (who, octets) in enumerate(said, 1):
        if who == "G":
            dialogue.feed(Gap(len(octets) % 2, len(octets) + 1, frame, frame))
        else:
            dialogue.feed(Chunk(CLIENT if who == "C" else SERVER, octets, frame, frame))
    dialogue.finish()


WORDS = st.sampled_from(
    [b"EHLO a\r\n", b"DATA\r\n", b"BDAT 5\r\n", b"BDAT 3 LAST\r\nabc", b".\r\n", b"STARTTLS\r\n", b"AUTH LOGIN\r\n",
     b"354 go\r\n", b"220 x\r\n", b"334 \r\n", b"250-x\r\n", b"250 x\r\n", b"421 x\r\n", b"MAIL FROM:<a>\r\n", b"x"]
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from((CLIENT, SERVER)), WORDS), max_size=30))
def test_any_order_of_real_words_raises_nothing(said: list[tuple[int, bytes]]) -> None:
    dialogue = SmtpDialogue()
    for frame, (side, octets) in enumerate(said, 1):
        dialogue.feed(Chunk(side, octets, frame, frame))
    exchanges, _ = dialogue.finish()
    assert all(exchange.command or exchange.reply for exchange in exchanges)


@given(st.lists(st.integers(1, 200), max_size=12))
def test_where_the_packets_are_cut_changes_nothing(cuts: list[int]) -> None:
    client = "EHLO a\r\nMAIL FROM:<a@x>\r\nBDAT 4 LAST\r\nabcdQUIT\r\n"
    server = "S 220 x\r\n250 x\r\n250 ok\r\n250 taken\r\n221 bye\r\n"
    edges = sorted({0, len(client), *(cut for cut in cuts if cut < len(client))})
    pieces = [f"C {client[a:b]}" for a, b in itertools.pairwise(edges)]
    expected = ["connect -> 220", "EHLO a -> 250", "MAIL FROM:<a@x> -> 250", "BDAT 4 LAST -> 250", "QUIT -> 221"]
    assert pairs(*pieces, server) == expected


# What was said after EHLO; what each recipient's fate was: what decided on it, and whether it was taken.
FATES: dict[str, tuple[list[str], list[tuple[str, str, bool]]]] = {
    "EHLO refused in a transaction leaves it alone (RFC 5321 §4.1.4)": (
        [ENVELOPE[0], ENVELOPE[1], "C EHLO\r\n", "S 501 no\r\n", *ENVELOPE[2:], "C DATA\r\n", "S 354 go\r\n",
         "C hi\r\n.\r\n", "S 250 2.0.0 taken\r\n"],
        [("b@y", "250 2.0.0", True)],
    ),
    "MAIL's refusal decides, whatever RCPT is told": (
        ["C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n", "S 451 4.1.8 later\r\n501 no MAIL yet\r\n"],
        [("b@y", "451 4.1.8", False)],
    ),
    "MAIL's refusal decides, though RCPT is told nothing": (
        ["C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n", "S 451 4.1.8 later\r\n"], [("b@y", "451 4.1.8", False)],
    ),
    "421 is the reply to all that was sent with it (RFC 5321 §3.8)": (
        ["C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\n", "S 250 ok\r\n421 4.7.0 enough\r\n"],
        [("b@y", "421 4.7.0", False), ("c@y", "421 4.7.0", False)],
    ),
    "what was promised before a 421 stays so": (
        [*ENVELOPE, "C DATA\r\n", "S 354 go\r\n", "C hi\r\n.\r\n", "S 250 2.0.0 taken\r\n",
         "C MAIL FROM:<a@x>\r\nRCPT TO:<c@y>\r\n", "S 421 4.7.0 enough\r\n"],
        [("b@y", "250 2.0.0", True), ("c@y", "421 4.7.0", False)],
    ),
    "without a 421 a cut leaves RCPT unanswered": (
        ["C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n", "S 250 ok\r\n"], [("b@y", "-", False)],
    ),
    "DATA's refusal decides": ([*ENVELOPE, "C DATA\r\n", "S 554 5.5.1 no\r\n"], [("b@y", "554 5.5.1", False)]),
    "a chunk of bad syntax decides": (
        [*ENVELOPE, "C BDAT 5 X\r\n", "S 501 5.5.4 no\r\n", "C RSET\r\n"], [("b@y", "501 5.5.4", False)],
    ),
    "a reply to RCPT that breaks off is no reply": ([*ENVELOPE[:3], "S 55"], [("b@y", "-", False)]),
}  # fmt: skip


@pytest.mark.parametrize(("said", "fates"), FATES.values(), ids=FATES)
def test_the_reply_that_counts_decides_on_a_recipient(said: list[str], fates: list[tuple[str, str, bool]]) -> None:
    found = [to for transaction in talk(*HELLO, *said)[1] for to in transaction.recipients]
    assert [(to.address, to.decisive.status if to.decisive else "-", to.accepted) for to in found] == fates

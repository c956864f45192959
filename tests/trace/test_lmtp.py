"""LMTP (RFC 2033): a message has a reply for each recipient that was accepted, and each recipient its own fate."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, watch

from testbed.report.fields import written
from testbed.report.json_fields import CONNECTION
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Transaction
from testbed.trace.services.lmtp.service import LMTP
from testbed.trace.tcp.reassembly import Chunk

HELLO = ("S 220 mx LMTP", "C LHLO a", "S 250-mx\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING")
MAIL = ("C MAIL FROM:<a@x>", "S 250 2.1.0 ok")
TWO = ("C RCPT TO:<b@y>", "S 250 2.1.5 ok", "C RCPT TO:<c@y>", "S 250 2.1.5 ok")
DATA = ("C DATA", "S 354 go", "C Message-ID: <1@x>\r\n\r\nhi\r\n.")
BYE = ("C QUIT", "S 221 2.0.0 bye")
TAKEN, FULL, UNKNOWN = "250 2.0.0 saved", "452 4.2.2 full", "550 5.1.1 who?"


def connection(*said: str, port: int = 24) -> Connection:
    (only,) = watch(Talk(server_port=port).open().say(*said).close()).connections
    return only


def fates(transaction: Transaction) -> list[str]:
    """Each recipient with its decisive reply, in brackets when it was not accepted."""
    told = []
    for to in transaction.recipients:
        words = f"{to.address} {to.decisive.status if to.decisive else '-'}"
        told.append(words if to.accepted else f"({words})")
    return told


TABLE: dict[str, tuple[list[str], list[str]]] = {
    "both taken": ([*MAIL, *TWO, *DATA, f"S {TAKEN}", f"S {TAKEN}"], ["b@y 250 2.0.0", "c@y 250 2.0.0"]),
    "in one segment": ([*MAIL, *TWO, *DATA, f"S {TAKEN}\r\n{FULL}"], ["b@y 250 2.0.0", "(c@y 452 4.2.2)"]),
    "the first refused": ([*MAIL, *TWO, *DATA, f"S {UNKNOWN}", f"S {TAKEN}"], ["(b@y 550 5.1.1)", "c@y 250 2.0.0"]),
    "all refused": ([*MAIL, *TWO, *DATA, f"S {FULL}", f"S {FULL}"], ["(b@y 452 4.2.2)", "(c@y 452 4.2.2)"]),
    "replies of several lines": (
        [*MAIL, *TWO, *DATA, "S 250-2.0.0 a\r\n250 2.0.0 b\r\n452-4.2.2 a\r\n452 4.2.2 b"],
        ["b@y 250 2.0.0", "(c@y 452 4.2.2)"],
    ),
    "one refused before the message": (
        [*MAIL, "C RCPT TO:<d@y>", f"S {UNKNOWN}", *TWO, *DATA, f"S {FULL}\r\n{TAKEN}"],
        ["(d@y 550 5.1.1)", "(b@y 452 4.2.2)", "c@y 250 2.0.0"],
    ),
    "one recipient": ([*MAIL, *TWO[:2], *DATA, f"S {TAKEN}"], ["b@y 250 2.0.0"]),
    "pipelined": (
        [
            "C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<d@y>\r\nRCPT TO:<c@y>\r\nDATA",
            f"S 250 ok\r\n250 ok\r\n{UNKNOWN}\r\n250 ok\r\n354 go",
            "C hi\r\n.\r\nQUIT",
            f"S {TAKEN}\r\n{FULL}\r\n221 bye",
        ],
        ["b@y 250 2.0.0", "(d@y 550 5.1.1)", "(c@y 452 4.2.2)"],
    ),
    "in chunks": (
        [*MAIL, *TWO, "C BDAT 4\r\nhi", "S 250 ok", "C BDAT 3 LAST\r\n.", f"S {TAKEN}\r\n{FULL}"],
        ["b@y 250 2.0.0", "(c@y 452 4.2.2)"],
    ),
    "in chunks, all at once": (
        [
            "C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nBDAT 4 LAST\r\nhi",
            f"S 250 ok\r\n250 ok\r\n250 ok\r\n{TAKEN}\r\n{FULL}",
        ],
        ["b@y 250 2.0.0", "(c@y 452 4.2.2)"],
    ),
    "the second never answered": ([*MAIL, *TWO, *DATA, f"S {TAKEN}"], ["b@y 250 2.0.0", "(c@y -)"]),
    "no reply at all": ([*MAIL, *TWO, *DATA], ["(b@y -)", "(c@y -)"]),
    "fewer replies than recipients": (
        [*MAIL, *TWO, *DATA, f"S {TAKEN}", *BYE],
        ["b@y 250 2.0.0", "(c@y -)"],
    ),
    "a lone dot for nobody": (
        [*MAIL, "C RCPT TO:<d@y>", f"S {UNKNOWN}", "C DATA", "S 354 go", "C .", "S 503 5.5.1 nobody"],
        ["(d@y 550 5.1.1)"],
    ),
}


@pytest.mark.parametrize(("said", "expected"), TABLE.values(), ids=TABLE)
def test_each_recipient_has_its_own_fate(said: list[str], expected: list[str]) -> None:
    found = connection(*HELLO, *said)
    assert found.service == "lmtp"
    (transaction,) = found.transactions
    assert fates(transaction) == expected
    assert "reply-out-of-sequence" not in {finding.code for finding in found.findings}


def test_the_next_transaction_counts_anew() -> None:
    again = [*MAIL, *TWO[:2], *DATA, f"S {FULL}"]
    found = connection(*HELLO, *MAIL, *TWO, *DATA, f"S {TAKEN}", f"S {TAKEN}", *again, *BYE)
    assert [fates(transaction) for transaction in found.transactions] == [
        ["b@y 250 2.0.0", "c@y 250 2.0.0"],
        ["(b@y 452 4.2.2)"],
    ]
    assert found.exchanges[-1].reply is not None
    assert found.exchanges[-1].reply.code == "221"


@pytest.mark.parametrize(
    ("port", "said", "service"),
    [
        (24, HELLO, "lmtp"),
        (25, HELLO, "lmtp"),
        (587, HELLO, "lmtp"),
        (9_999, ("S 220 mx", "C lhlo a", "S 250 mx"), "lmtp"),
        (24, ("S 220 mx", "C EHLO a", "S 250 mx"), "smtp"),
        (25, ("S 220 mx", "C EHLO a", "S 250 mx"), "smtp"),
        (9_999, ("S +OK", "C LHLO a"), "pop3"),
    ],
)
def test_it_is_known_by_lhlo_on_any_port(port: int, said: tuple[str, ...], service: str) -> None:
    analysis = watch(Talk(server_port=port).open().say(*said).close())
    assert [found.service for found in analysis.connections] == [service]
    assert [kind.service for kind in analysis.summary().kinds] == [service]


def test_smtp_has_one_reply_for_all() -> None:
    found = connection("S 220 mx", "C EHLO a", "S 250 mx", *MAIL, *TWO, *DATA, f"S {TAKEN}", *BYE, port=25)
    assert fates(found.transactions[0]) == ["b@y 250 2.0.0", "c@y 250 2.0.0"]


OUTCOMES = {
    "both taken": "mail for b@y, c@y: taken",
    "in one segment": "mail for b@y: taken; mail for c@y: 452 4.2.2 full",
    "the second never answered": "mail for b@y: taken; mail for c@y: message sent, no reply",
    "one refused before the message": (
        "mail for d@y: 550 5.1.1 who?; mail for b@y: 452 4.2.2 full; mail for c@y: taken"
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(name: str) -> None:
    assert connection(*HELLO, *TABLE[name][0]).outcome == OUTCOMES[name]


FINDINGS: dict[str, list[tuple[str, str]]] = {
    "both taken": [],
    "in one segment": [("mailbox-full", "the message for c@y from 10.0.0.1 after its final dot")],
    "the first refused": [("user-unknown", "the message for b@y from 10.0.0.1 after its final dot")],
    "all refused": [
        ("mailbox-full", "the message for b@y from 10.0.0.1 after its final dot"),
        ("mailbox-full", "the message for c@y from 10.0.0.1 after its final dot"),
    ],
    "the second never answered": [("reply-to-message-lost", "but not for c@y: 10.0.0.1 cannot know")],
    "fewer replies than recipients": [("reply-to-message-lost", "but not for c@y: 10.0.0.1 cannot know")],
    "no reply at all": [("reply-to-message-lost", "after the final dot")],
}


@pytest.mark.parametrize("name", FINDINGS)
def test_findings(name: str) -> None:
    found = [finding for finding in connection(*HELLO, *TABLE[name][0]).findings if finding.code != "no-quit"]
    assert [finding.code for finding in found] == [code for code, _ in FINDINGS[name]]
    for finding, (_, words) in zip(found, FINDINGS[name], strict=True):
        assert words in finding.text
        assert finding.frames


def test_the_account_across_connections_is_that_of_each_recipient() -> None:
    first = Talk(40_000, server_port=24).open().say(*HELLO, *MAIL, *TWO, *DATA, f"S {TAKEN}", f"S {FULL}", *BYE).close()
    again = Talk(40_001, server_port=24).open().say(*HELLO, *MAIL, *TWO[2:], *DATA, f"S {TAKEN}", *BYE).close()
    (account,) = [f for f in watch(first, again).findings if f.code == "delivery-retried"]
    assert account.text.startswith("10.0.0.1 tried 2 times to hand mail for c@y to 10.0.0.2; 1 try failed (452 4.2.2)")
    assert account.connections == (1, 2)


def test_a_lost_reply_for_one_recipient_may_be_a_second_copy_for_that_one() -> None:
    first = Talk(40_000, server_port=24).open().say(*HELLO, *MAIL, *TWO, *DATA, f"S {TAKEN}").segment(1, "R")
    again = Talk(40_001, server_port=24).open().say(*HELLO, *MAIL, *TWO[2:], *DATA, f"S {TAKEN}", *BYE).close()
    (copy,) = [f for f in watch(first, again).findings if f.code == "duplicate-possible"]
    assert "2 times for c@y" in copy.text


def test_starttls_and_credentials_are_those_of_smtp() -> None:
    secret = "AGJvYgBzZWNyZXQ="
    found = connection(*HELLO, f"C AUTH PLAIN {secret}", "S 235 2.7.0 ok", *BYE)
    assert [f.code for f in found.findings] == ["credentials-in-clear"]
    assert secret not in repr(found)
    found = connection(*HELLO, "C STARTTLS", "S 454 4.7.0 no", *BYE)
    assert "gave-up-without-tls" in {f.code for f in found.findings}


def test_an_offer_of_starttls_that_is_gone_is_told() -> None:
    offered = Talk(40_000, server_port=24).open().say("S 220 mx", "C LHLO a", "S 250-mx\r\n250 STARTTLS", *BYE).close()
    bare = Talk(40_001, server_port=24).open().say("S 220 mx", "C LHLO a", "S 250 mx", *BYE).close()
    assert [f.code for f in watch(offered, bare).findings] == ["starttls-stripped"]


def test_json_holds_every_reply() -> None:
    said = json.loads(json.dumps(written(CONNECTION, connection(*HELLO, *TABLE["in one segment"][0]))))
    (message,) = said["messages"]
    assert [(to["address"], to["reply"], to["final"], to["accepted"]) for to in message["recipients"]] == [
        ("b@y", "250 2.1.5", "250 2.0.0", True),
        ("c@y", "250 2.1.5", "452 4.2.2", False),
    ]
    sent = next(exchange for exchange in said["dialogue"] if exchange["command"] == "message")
    assert (sent["code"], sent["further"]) == ("250", ["452 4.2.2 full"])
    assert len(sent["reply_frames"]) == 1  # both replies came in it


@given(st.lists(st.sampled_from([TAKEN, FULL, UNKNOWN, "354 what", "garbage", "221 bye", "250-", "421 4.3.2 gone"])))
def test_however_many_replies_come_none_is_lost(replies: list[str]) -> None:
    assert LMTP.stream is not None
    dialogue = LMTP.stream()
    said = [*HELLO, *MAIL, *TWO, *DATA, *(f"S {reply}" for reply in replies)]
    for frame, line in enumerate(said, 1):
        octets = line[2:].encode() + b"\r\n"
        dialogue.feed(Chunk(CLIENT if line[0] == "C" else SERVER, octets, frame, frame))
    exchanges, (transaction,) = dialogue.finish()
    frames = [frame for exchange in exchanges for reply in exchange.replies for frame in reply.frames]
    ended = len(said) - len([*replies])
    whole = len(replies)
    while whole and replies[whole - 1] == "250-":
        whole -= 1  # a reply that never ends is none
    assert {frame for frame in frames if frame > ended} == set(range(ended + 1, ended + whole + 1))
    assert sum(to.accepted for to in transaction.recipients) <= 2


SAVED = "250 2.0.0 saved"
TORN = {  # which of the replies to the message the capture lacks: what is known of both recipients
    0: ["(b@y -)", "(c@y -)"],
    1: ["(b@y -)", "(c@y -)"],
}


@pytest.mark.parametrize("lost", TORN)
def test_no_recipient_has_the_reply_of_another_behind_a_hole(lost: int) -> None:
    talk = Talk(server_port=24).open().say(*HELLO, *MAIL, *TWO, *DATA, f"S {FULL}", f"S {SAVED}")
    del talk.packets[-2 + lost]
    (only,) = watch(talk.say(*BYE).close()).connections
    (transaction,) = only.transactions
    assert fates(transaction) == TORN[lost]
    assert all(to.unseen for to in transaction.recipients)
    assert [e.reply.code for e in only.exchanges if e.command and e.command.verb == "QUIT" and e.reply] == ["221"]


def test_replies_that_name_their_recipients_are_theirs_behind_a_hole() -> None:
    talk = (
        Talk(server_port=24).open().say(*HELLO, *MAIL, *TWO, *DATA, "S 452 4.2.2 <b@y> full", "S 250 2.0.0 <c@y> saved")
    )
    del talk.packets[-2]
    (only,) = watch(talk.say(*BYE).close()).connections
    assert fates(only.transactions[0]) == ["(b@y -)", "c@y 250 2.0.0"]


@pytest.mark.parametrize("begin", [4, 6, 8, 10])
def test_a_message_has_all_its_replies_where_the_capture_has_not_its_recipients(begin: int) -> None:
    talk = Talk(server_port=24).open().say(*HELLO, *MAIL, *TWO, *DATA, f"S {SAVED}", f"S {FULL}", *BYE).close()
    del talk.packets[:begin]
    (only,) = watch(talk).connections
    (message,) = (e for e in only.exchanges if e.command is not None and e.command.verb == "message")
    assert [reply.status for reply in message.replies] == ["250 2.0.0", "452 4.2.2"]
    assert [e.reply.code for e in only.exchanges if e.command and e.command.verb == "QUIT" and e.reply] == ["221"]


@pytest.mark.parametrize(
    ("port", "said", "name"),
    [
        (24, ("S 220 mx", *MAIL), "lmtp"),
        (2003, ("S 220 mx", *MAIL), "lmtp"),
        (4_000, ("S 220 mx LMTP ready", *MAIL), "lmtp"),
        (24, ("S 220 mx ESMTP", "C EHLO a", "S 250 mx"), "smtp"),
        (4_000, ("S 220 mx", *MAIL), "smtp"),
    ],
)
def test_it_is_known_without_its_lhlo(port: int, said: tuple[str, ...], name: str) -> None:
    assert connection(*said, *BYE, port=port).service == name

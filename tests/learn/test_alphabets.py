"""How answers are read off the wire, however the octets come."""

from __future__ import annotations

import pytest

from testbed.learn.alphabets import ALPHABETS, Names

NAMES = Names("client.example", "a@example.org", "bob@example.com", "x@example.com", "bob", "secret")

# What is said and heard in turn; what is heard first answers the connection.
DIALOGUES: dict[str, tuple[str, list[tuple[str, bytes, str]]]] = {
    "replies of several lines": (
        "smtp",
        [
            ("", b"220-example.com\r\n220 ESMTP\r\n", "220"),
            ("EHLO", b"250-example.com\r\n250-SIZE\r\n250 HELP\r\n", "250"),
            ("DATA", b"503 5.5.1 Bad sequence\r\n", "503"),
        ],
    ),
    "a reply without text": ("smtp", [("", b"220\r\n", "220"), ("NOOP", b"250\r\n", "250")]),
    "no replies at all": ("smtp", [("", b"+OK POP3 ready\r\n", "garbled"), ("NOOP", b"OK\r\n", "garbled")]),
    "a reply for each recipient": (
        "lmtp",
        [
            ("", b"220 ready\r\n", "220"),
            ("LHLO", b"250 hello\r\n", "250"),
            ("MAIL", b"250 ok\r\n", "250"),
            ("RCPT", b"250 ok\r\n", "250"),
            ("RCPT unknown", b"550 no\r\n", "550"),
            ("RCPT", b"250 ok\r\n", "250"),
            ("DATA", b"354 go\r\n", "354"),
            ("message", b"250 bob\r\n452 bob\r\n", "250+452"),
            ("MAIL", b"250 ok\r\n", "250"),
            ("RCPT", b"250 ok\r\n", "250"),
            ("RSET", b"250 ok\r\n", "250"),
            ("MAIL", b"250 ok\r\n", "250"),
            ("RCPT", b"250 ok\r\n", "250"),
            ("DATA", b"354 go\r\n", "354"),
            ("message", b"250 bob\r\n", "250"),
            ("NOOP", b"250 ok\r\n", "250"),
        ],
    ),
    "a message for nobody is answered once": (
        "lmtp",
        [("", b"220 ready\r\n", "220"), ("DATA", b"354 go\r\n", "354"), ("message", b"503 nobody\r\n", "503")],
    ),
    "answers of one line and of several": (
        "pop3",
        [
            ("", b"+OK ready\r\n", "+OK"),
            ("RETR", b"-ERR not yet\r\n", "-ERR"),
            ("PASS", b"+OK\r\n", "+OK"),
            ("LIST", b"+OK\r\n.\r\n", "+OK"),
            ("RETR", b"+OK 20 octets\r\nSubject: x\r\n\r\n..\r\n.\r\n", "+OK"),
            ("STAT", b"+OK 1 20\r\n", "+OK"),
            ("nonsense", b"500 what\r\n", "garbled"),
        ],
    ),
    "tagged responses after others": (
        "imap",
        [
            ("", b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "OK"),
            ("LOGIN", b"* CAPABILITY IMAP4rev1\r\na1 OK in\r\n", "OK"),
            ("SELECT", b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\na2 OK [READ-WRITE] done\r\n", "OK"),
            ("FETCH", b"* 1 FETCH (BODY[] {10}\r\na3 OK no\r\n FLAGS ())\r\na3 NO [EXPUNGEISSUED] gone\r\n", "NO"),
            ("nonsense", b"a4 BAD what\r\n", "BAD"),
            ("IDLE", b"+ idling\r\n", "+"),
            ("DONE", b"* 2 EXISTS\r\na5 OK done\r\n", "OK"),
            ("LOGOUT", b"* BYE bye\r\na6 OK out\r\n", "BYE OK"),
        ],
    ),
    "a tag of somebody else's": ("imap", [("", b"* PREAUTH hello\r\n", "PREAUTH"), ("NOOP", b"b7 OK\r\n", "garbled")]),
    "a server that is closing": ("imap", [("", b"* BYE busy\r\n", "BYE")]),
}


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
@pytest.mark.parametrize(("protocol", "dialogue"), DIALOGUES.values(), ids=DIALOGUES.keys())
def test_answers_are_read(protocol: str, dialogue: list[tuple[str, bytes, str]], pieces: int) -> None:
    alphabet = ALPHABETS[protocol]
    reader = alphabet.reader()
    for name, heard, expected in dialogue:
        if name:
            assert reader.octets(name, alphabet.text(name, NAMES)).endswith(b"\r\n")
        assert reader.answer(b"") is None
        answers = [reader.answer(heard[at : at + pieces]) for at in range(0, len(heard), pieces)]
        assert answers == [None] * (len(answers) - 1) + [expected], name


@pytest.mark.parametrize("protocol", ALPHABETS)
def test_every_input_is_a_text(protocol: str) -> None:
    alphabet = ALPHABETS[protocol]
    assert not set(alphabet.inputs) & set(alphabet.more)
    for name in (*alphabet.inputs, *alphabet.more):
        assert "{" not in alphabet.text(name, NAMES)


def test_what_a_client_would_send_depends_on_the_last_answer() -> None:
    smtp, imap = ALPHABETS["smtp"], ALPHABETS["imap"]
    assert [smtp.would_send(last, "message") for last in (None, ("DATA", "503"), ("DATA", "354"))] == [0, 0, 1]
    assert [smtp.would_send(last, "RSET") for last in (None, ("DATA", "503"), ("DATA", "354"))] == [1, 1, 0]
    assert [imap.would_send(last, "DONE") for last in (None, ("IDLE", "BAD"), ("IDLE", "+"))] == [0, 0, 1]

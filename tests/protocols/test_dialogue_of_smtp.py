"""What whoever stands between an SMTP client and its server makes of their octets (RFC 5321, 2033, 3030, 4954)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.esmtp import without_extension
from testbed.protocols.smtp_dialogue import SmtpDialogue
from testbed.protocols.smtp_octets import ClientOctets, Command, Content, End, Fragment, Part, Response, ServerOctets

# What a client says, and what its server replies to that: "C: …" is given to the server, "S: …" is heard.
SIMPLE = ["S: 220 mx", "C: EHLO me", "S: 250-mx", "S: 250 SIZE"]
ENVELOPE = ["C: MAIL FROM:<a@b.example>", "S: 250 ok", "C: RCPT TO:<c@d.example>", "S: 250 ok"]
LETTER = ["C: Subject: x", "C: ", "C: ..dot", "C: ."]

STAGES = [
    ("a greeting, and hello", SIMPLE, ["connect", "EHLO"]),
    ("a line that is no command", ["S: 220 mx", "C: blah", "S: 500 what"], ["connect", "BLAH"]),
    ("a reply nobody has asked for", ["S: 220 mx", "S: 421 too late"], ["connect", ""]),
    ("pipelining", ["S: 220 mx", "C: RSET", "C: NOOP", "S: 250 ok", "S: 250 ok"], ["connect", "RSET", "NOOP"]),
    (
        "a message behind DATA",
        [*SIMPLE, *ENVELOPE, "C: DATA", "S: 354 go", *LETTER, "S: 250 taken"],
        ["connect", "EHLO", "MAIL", "RCPT", "DATA", "message"],
    ),
    (
        "DATA refused: what follows are commands",
        [*SIMPLE, *ENVELOPE, "C: DATA", "S: 451 no", "C: QUIT", "S: 221 bye"],
        ["connect", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"],
    ),
    (
        "a message refused before its end is not answered again",
        [*SIMPLE, *ENVELOPE, "C: DATA", "S: 354 go", "C: x", "S: 552 big", "C: .", "C: QUIT", "S: 221 bye"],
        ["connect", "EHLO", "MAIL", "RCPT", "DATA", "message", "QUIT"],
    ),
    (
        "a login in three lines",
        [*SIMPLE, "C: AUTH LOGIN", "S: 334 VXNlcjo=", "C: QUIT", "S: 334 UGFzczo=", "C: cGFzcw==", "S: 235 in"],
        ["connect", "EHLO", "AUTH", "AUTH", "AUTH"],
    ),
    (
        "LMTP answers for each recipient it has taken",
        [
            "S: 220 mx",
            "C: LHLO me",
            "S: 250 mx",
            *ENVELOPE,
            "C: RCPT TO:<no@d.example>",
            "S: 550 no",
            "C: RCPT TO:<e@d.example>",
            "S: 250 ok",
            "C: DATA",
            "S: 354 go",
            *LETTER,
            "S: 250 c",
            "S: 452 e",
            "C: QUIT",
            "S: 221 bye",
        ],
        ["connect", "LHLO", "MAIL", "RCPT", "RCPT", "RCPT", "DATA", "message", "message", "QUIT"],
    ),
    (
        "chunks, each with a reply, the last one with that to the message",
        [*SIMPLE, *ENVELOPE, "C: BDAT 6", "C: QUIT", "S: 250 ok", "C: BDAT 6 LAST", "C: NOOP", "S: 250 taken"],
        ["connect", "EHLO", "MAIL", "RCPT", "BDAT", "message"],
    ),
    (
        "an empty last chunk",
        [*SIMPLE, *ENVELOPE, "C: BDAT 0 LAST", "S: 250 taken", "C: QUIT", "S: 221 bye"],
        ["connect", "EHLO", "MAIL", "RCPT", "message", "QUIT"],
    ),
    (
        "BDAT that is none is a command like any other",
        ["S: 220 mx", "C: BDAT many", "S: 501 what", "C: QUIT", "S: 221 bye"],
        ["connect", "BDAT", "QUIT"],
    ),
]

PARTS = [
    ("commands end at LF", b"NOOP\nRSET\r\n", [Command(b"NOOP\n", "NOOP", ""), Command(b"RSET\r\n", "RSET", "")]),
    ("verbs are in upper case", b"mail from:<>\r\n", [Command(b"mail from:<>\r\n", "MAIL", "from:<>")]),
    ("half a command is none", b"QUI", []),
    ("a line without end is no command", b"x" * 9_000, [Fragment(b"x" * 8_192)]),
    (
        "an octet of the last chunk is kept back",
        b"BDAT 3 LAST\r\nabc",
        [Command(b"BDAT 3 LAST\r\n", "BDAT", "3 LAST", chunk=3, begins_last_chunk=True), Content(b"ab"), End(b"c")],
    ),
]

MESSAGES = [
    ("a letter", b"a\r\n.\r\n", b"a\r\n"),
    ("nothing at all", b".\r\n", b""),
    ("a stuffed dot", b"..\r\n.\r\n", b"..\r\n"),
    ("bare LF ends nothing", b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
    ("CRLF.LF ends nothing", b"a\r\n.\nb\r\n.\r\n", b"a\r\n.\nb\r\n"),
    ("LF.CRLF ends nothing", b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
    ("a dot with more behind it", b".\r.\r\n.\r\n", b".\r.\r\n"),
]


def play(lines: list[str]) -> tuple[SmtpDialogue, list[str]]:
    """The dialogue after these lines, and the stage of each reply; all a client says is given to the server."""
    dialogue, stages = SmtpDialogue(), []
    dialogue.connected()
    for line in lines:
        octets = line[3:].encode() + b"\r\n"
        if line.startswith("C"):
            dialogue.feed(octets)
            while (part := dialogue.take()) is not None:
                dialogue.passed(part)
        else:
            stages += [reply.stage for reply in dialogue.heard(octets)]
    return dialogue, stages


@pytest.mark.parametrize(("lines", "stages"), [row[1:] for row in STAGES], ids=[row[0] for row in STAGES])
def test_each_reply_belongs_to_what_it_answers(lines: list[str], stages: list[str]) -> None:
    dialogue, found = play(lines)
    assert found == stages
    assert not dialogue.awaits_reply


def taken(client: ClientOctets) -> list[Part]:
    found: list[Part] = []
    while (part := client.take()) is not None:
        found.append(part)
    return found


@pytest.mark.parametrize(("octets", "parts"), [row[1:] for row in PARTS], ids=[row[0] for row in PARTS])
def test_what_a_client_says_comes_in_parts(octets: bytes, parts: list[Part]) -> None:
    client = ClientOctets()
    client.feed(octets)
    assert taken(client) == parts


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(("octets", "content"), [row[1:] for row in MESSAGES], ids=[row[0] for row in MESSAGES])
def test_a_message_ends_at_its_final_dot_in_whatever_pieces(octets: bytes, content: bytes, size: int) -> None:
    client, found = ClientOctets(), list[Part]()
    client.begin_message()
    for at in range(0, len(octets + b"QUIT\r\n"), size):
        client.feed((octets + b"QUIT\r\n")[at : at + size])
        found += taken(client)
    pieces = [part.octets for part in found if isinstance(part, Content)]
    assert (b"".join(pieces), found[len(pieces) :]) == (content, [End(b".\r\n"), Command(b"QUIT\r\n", "QUIT", "")])


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.\r\n"])), st.data())
def test_no_piece_changes_where_a_message_ends(words: list[bytes], data: st.DataObject) -> None:
    octets = b"".join(words)
    client, found = ClientOctets(), list[Part]()
    client.begin_message()
    while octets:
        size = data.draw(st.integers(1, len(octets)))
        client.feed(octets[:size])
        octets = octets[size:]
        found += taken(client)
    whole = b"\r\n" + b"".join(words)
    end = whole.find(b"\r\n.\r\n")
    content = b"".join(part.octets for part in found if isinstance(part, Content))
    assert any(isinstance(part, End) for part in found) == (end >= 0)
    if end >= 0:
        assert content == whole[2 : end + 2]
    else:
        assert (content + client.rest) == whole[2:]


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_all_parts_together_are_what_came(octets: bytes, in_message: bool, in_response: bool) -> None:
    client = ClientOctets()
    if in_message:
        client.begin_message()
    if in_response:
        client.begin_response()
    client.feed(octets)
    assert b"".join(part.octets for part in taken(client)) + client.rest == octets


@given(st.lists(st.sampled_from([b"250-a\r\n", b"250 b\r\n", b"2", b"50", b"\n", b"garbage\r\n", b"421 c\r\n"])))
def test_all_replies_together_are_what_came(words: list[bytes]) -> None:
    server, found = ServerOctets(), b""
    for word in words:
        found += b"".join(reply.octets for reply in server.feed(word))
    assert found + server.rest() == b"".join(words)


def test_a_response_to_a_challenge_is_no_command() -> None:
    client = ClientOctets()
    client.begin_response()
    client.feed(b"QUIT\r\nQUIT\r\n")
    assert taken(client) == [Response(b"QUIT\r\n"), Command(b"QUIT\r\n", "QUIT", "")]


def test_a_server_that_has_to_be_told_again_is_told_of_hello_and_login() -> None:
    login = ["C: AUTH LOGIN", "S: 334 x", "C: bWU=", "S: 334 y", "C: c2VjcmV0", "S: 235 in"]
    dialogue, _ = play([*SIMPLE, "C: AUTH PLAIN d3Jvbmc=", "S: 535 no", *login, *ENVELOPE])
    assert [line.octets for line in dialogue.session] == [
        b"EHLO me\r\n",
        b"AUTH LOGIN\r\n",
        b"bWU=\r\n",
        b"c2VjcmV0\r\n",
    ]


@pytest.mark.parametrize("behind", [["C: RSET", "S: 250 ok"], ["C: EHLO me", "S: 250 ok"]])
def test_a_transaction_is_that_of_what_was_taken_until_it_is_over(behind: list[str]) -> None:
    dialogue, _ = play([*SIMPLE, *ENVELOPE, "C: RCPT TO:<no@d.example>", "S: 550 no"])
    assert dialogue.sender_or("") == "a@b.example"
    assert [recipient for recipient, _ in dialogue.transaction.recipients] == ["c@d.example"]
    dialogue, _ = play([*SIMPLE, *ENVELOPE, *behind])
    assert (dialogue.sender_or(""), dialogue.transaction.recipients) == ("<>", [])


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        (b"250-mx\r\n250-STARTTLS\r\n250 SIZE 10\r\n", b"250-mx\r\n250 SIZE 10\r\n"),
        (b"250-mx\r\n250-SIZE 10\r\n250 STARTTLS\r\n", b"250-mx\r\n250 SIZE 10\r\n"),
        (b"250-mx\r\n250 STARTTLS\r\n", b"250 mx\r\n"),
        (b"250-mx\r\n250 SIZE\r\n", b"250-mx\r\n250 SIZE\r\n"),
        (b"250 mx\r\n", b"250 mx\r\n"),
    ],
)
def test_an_extension_can_be_taken_out_of_the_reply_to_hello(reply: bytes, left: bytes) -> None:
    assert without_extension(reply, "STARTTLS") == left

"""What lists and forwarders do to messages: only what they are told to, in every encoding."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from testbed.hosts.forwarding import edits

LETTER = (
    b"Received: from a by b;\r\n\tMon, 15 Jan 2024 12:00:00 +0000\r\n"
    b"From: Alice <alice@crepes.fr>\r\n"
    b"Subject:  Lunch?\r\n"
    b"To: team@lists.example\r\n"
)
FOOTER = "--\nThe team\n"


def letter(kind: str, encoding: str, body: bytes) -> bytes:
    fields = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n" if kind else ""
    return LETTER + fields.encode() + b"\r\n" + body


def read(octets: bytes) -> EmailMessage:
    message = message_from_bytes(octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("kind", "encoding", "body", "text"),
    [
        ("", "", b"Crepes?\r\n", "Crepes?\n--\nThe team\n"),
        ("", "", b"Crepes?", "Crepes?\n--\nThe team\n"),
        ("", "", b"", "--\nThe team\n"),
        ("text/plain", "7bit", b"Crepes?\r\n\r\n", "Crepes?\n\n--\nThe team\n"),
        ("text/plain; charset=utf-8", "8bit", "Crêpes?\r\n".encode(), "Crêpes?\n--\nThe team\n"),
        ("text/plain; charset=utf-8", "quoted-printable", b"Cr=C3=AApes?\r\n", "Crêpes?\n--\nThe team\n"),
        ("text/plain; charset=utf-8", "base64", b"Q3LDqnBlcz8NCg==\r\n", "Crêpes?\n--\nThe team\n"),
    ],
)
def test_a_footer_stands_below_plain_text(kind: str, encoding: str, body: bytes, text: str) -> None:
    before = letter(kind, encoding, body)
    after = edits.with_footer(before, FOOTER)
    assert after.partition(b"\r\n\r\n")[0] == before.partition(b"\r\n\r\n")[0]
    assert read(after).get_content().replace("\r\n", "\n") == text


@pytest.mark.parametrize(
    ("kind", "encoding", "body"),
    [
        ("text/html", "7bit", b"<p>Crepes?\r\n"),
        ("text/plain; charset=iso-8859-1", "8bit", b"Cr\xeapes?\r\n"),
        ("text/plain; charset=utf-8", "base64", b"Q3L\r\n"),
        ('multipart/alternative; boundary="x"', "7bit", b"--x\r\n\r\nCrepes?\r\n--x--\r\n"),
    ],
)
def test_below_all_else_it_is_a_part(kind: str, encoding: str, body: bytes) -> None:
    after = edits.with_footer(letter(kind, encoding, body), "Grüße")
    parts = list(read(after).iter_parts())
    assert body in after
    assert [part.get_content_type() for part in parts] == [kind.partition(";")[0], "text/plain"]
    assert parts[1].get_content() == "Grüße"  # the last CRLF belongs to the boundary (RFC 2046 §5.1.1)


@pytest.mark.parametrize(
    ("subject", "tagged"),
    [
        (b"Subject: Lunch?\r\n", "[team] Lunch?"),
        (b"Subject: Re: [team] Lunch?\r\n", "Re: [team] Lunch?"),
        (b"Subject: =?utf-8?q?Cr=C3=AApes?=\r\n", "[team] Crêpes"),
        (b"Subject: a\r\n b\r\n", "[team] a b"),
        (b"Subject: one\r\nSubject: two\r\n", "[team] one"),
        (b"", "[team] (no subject)"),
    ],
)
def test_a_tag_stands_before_the_subject_once(subject: bytes, tagged: str) -> None:
    after = edits.with_tag(b"From: a@b.c\r\n" + subject + b"\r\nHi\r\n", "[team]")
    assert read(after).get_all("Subject") == [tagged]
    assert edits.with_tag(after, "[team]") == after


@pytest.mark.parametrize(
    ("author", "shown", "replies"),
    [
        (b"From: Alice <alice@crepes.fr>\r\n", "Alice via Team <team@lists.example>", "Alice <alice@crepes.fr>"),
        (b"From: alice@crepes.fr\r\n", "alice via Team <team@lists.example>", "alice@crepes.fr"),
        (b"From: =?utf-8?q?J=C3=BCrgen?= <j@a.b>\r\n", "Jürgen via Team <team@lists.example>", "Jürgen <j@a.b>"),
        (b"From: a@b.c\r\nReply-To: d@e.f\r\n", "a via Team <team@lists.example>", "d@e.f"),
        (b"", " via Team <team@lists.example>", None),
    ],
)
def test_another_author_and_whom_replies_go_to(author: bytes, shown: str, replies: str | None) -> None:
    message = read(edits.with_own_author(author + b"Subject: Hi\r\n\r\nHi\r\n", "team@lists.example", "Team"))
    assert str(message["From"]).replace('"', "").strip() == shown.strip()
    assert message["Reply-To"] == replies


def test_fields_of_lists_stand_in_place_of_others() -> None:
    after = edits.with_fields(
        b"List-Id: <a.b>\r\n" + LETTER + b"\r\nHi\r\n", [("List-Id", "<c.d>"), ("Precedence", "list")]
    )
    assert after == b"List-Id: <c.d>\r\nPrecedence: list\r\n" + LETTER + b"\r\nHi\r\n"

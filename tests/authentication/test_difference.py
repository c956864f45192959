"""What somebody on the way did to a message, and which signatures that breaks."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import LETTER, a_key, world

from testbed.authentication import dkim
from testbed.authentication.canonical import Form
from testbed.authentication.changes import words
from testbed.authentication.damage import damages
from testbed.authentication.difference import between
from testbed.authentication.signing import sign

HEADER, _, BODY = LETTER.partition(b"\r\n\r\n")
WIDE = HEADER + b"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + "Crêpes à midi?\r\n".encode()


def encoded(message: bytes, encoding: str) -> bytes:
    header, _, body = message.partition(b"\r\n\r\n")
    make = {"quoted-printable": quopri.encodestring, "base64": base64.encodebytes}[encoding]
    text = make(body).replace(b"\r\n", b"\n").replace(b"=0D\n", b"\n").replace(b"\n", b"\r\n")
    return header.replace(b": 8bit", f": {encoding}".encode()) + b"\r\n\r\n" + text


def parts(message: bytes, encoding: str) -> bytes:
    """The message as the first of two parts."""
    header, _, rest = message.partition(b"MIME-Version")
    inner = encoded(b"MIME-Version" + rest, encoding) if encoding != "8bit" else b"MIME-Version" + rest
    outer = header + b'Content-Type: multipart/mixed; boundary="=x"\r\n\r\n'
    return outer + b"--=x\r\n" + inner + b"--=x\r\n\r\nfooter\r\n--=x--\r\n"


DOTS = HEADER + b"\r\n\r\n.profile\r\nhi\r\n..\r\n"
FOOTER = b"-- \r\nlunch@lists.fr\r\nleave: lunch-leave@lists.fr\r\n"
TRACE = b"Received: from a by b; now\r\nReturn-Path: <a@crepes.fr>\r\n"
CASES: dict[str, tuple[bytes, bytes, str]] = {
    "nothing": (LETTER, LETTER, ""),
    "fields of trace": (LETTER, TRACE + LETTER, ""),
    "a footer and a tag": (
        LETTER,
        TRACE + LETTER.replace(b"Lunch?", b"[lunch] Lunch?") + FOOTER,
        "added 3 lines at the end and put '[lunch]' before the Subject",
    ),
    "a banner": (LETTER, HEADER + b"\r\n\r\nEXTERNAL\r\n" + BODY, "added 1 line at the beginning"),
    "both": (
        LETTER,
        HEADER + b"\r\n\r\nEXTERNAL\r\n" + BODY + FOOTER,
        "added 1 line at the beginning and added 3 lines at the end",
    ),
    "cut": (LETTER, LETTER.replace(b"Alice\r\n", b""), "took 1 line away at the end"),
    "headless": (LETTER, LETTER.replace(b"Crepes at noon?\r\n\r\n", b""), "took 2 lines away at the beginning"),
    "another word": (LETTER, LETTER.replace(b"noon", b"eight"), "changed 1 line from line 1 on"),
    "From munged": (
        LETTER,
        LETTER.replace(b"Alice <alice@crepes.fr>", b"Alice via Lunch <lunch@lists.fr>"),
        "changed From from 'Alice <alice@crepes.fr>' to 'Alice via Lunch <lunch@lists.fr>'",
    ),
    "fields of a list": (
        LETTER,
        b"List-Id: <lunch.lists.fr>\r\nSender: lunch@lists.fr\r\n" + LETTER,
        "added List-Id, Sender",
    ),
    "a field less": (LETTER, LETTER.replace(b"Message-ID: <1@crepes.fr>\r\n", b""), "took out Message-ID"),
    "folded": (LETTER, LETTER.replace(b"Subject: Lunch?", b"Subject:\r\n Lunch?"), "folded anew Subject"),
    "another place": (
        LETTER,
        LETTER.replace(b"Subject: Lunch?\r\n", b"", 1).replace(b"From", b"Subject: Lunch?\r\nFrom", 1),
        "",
    ),
    "two of a name": (
        b"Received: 1\r\nReceived: 2\r\n" + LETTER,
        b"Received: 2\r\nReceived: 1\r\n" + LETTER,
        "put the fields Received into another order",
    ),
    "quoted-printable": (
        WIDE,
        encoded(WIDE, "quoted-printable"),
        "re-encoded the body (8bit as quoted-printable)"
        " and changed Content-Transfer-Encoding from '8bit' to 'quoted-printable'",
    ),
    "base64": (
        WIDE,
        encoded(WIDE, "base64"),
        "re-encoded the body (8bit as base64) and changed Content-Transfer-Encoding from '8bit' to 'base64'",
    ),
    "a part": (parts(WIDE, "8bit"), parts(WIDE, "base64"), "re-encoded the body (8bit, 7bit as base64, 7bit)"),
    "a footer behind base64": (
        encoded(WIDE, "base64"),
        encoded(WIDE + FOOTER, "base64"),
        "added 3 lines at the end",
    ),
    "base64 in other lines": (
        encoded(WIDE * 9, "base64"),
        encoded(WIDE * 9, "base64").replace(b"=\r\n", b"=").replace(b"A\r\n", b"A"),
        "re-encoded the body (base64)",
    ),
    "dots stay doubled": (
        DOTS,
        DOTS.replace(b"\r\n.", b"\r\n.."),
        "left the dot that transparency doubles at the beginning of 2 lines in the message",
    ),
    "dots lost": (DOTS, DOTS.replace(b"\r\n.", b"\r\n"), "took a dot away at the beginning of 2 lines"),
    "bare LF": (LETTER.replace(b"noon?\r\n", b"noon?\n"), LETTER, "changed how 1 line ends"),
    "spaces": (LETTER, LETTER.replace(b"at noon?", b"at  noon? "), "changed white space in 1 line"),
    "wrapped": (LETTER, LETTER.replace(b"at noon?", b"at\r\nnoon?"), "broke lines in other places from line 1 on"),
    "lines at the end": (LETTER, LETTER + b"\r\n\r\n", "changed how many empty lines stand at the end"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_done_in_words(case: str) -> None:
    before, after, wanted = CASES[case]
    assert words(between(before, after)) == wanted


# What the signature of each form survives (RFC 6376 §3.4, §8.2): the relaxed one folds and white space.
BREAKS = {
    "fields of trace": ((), ()),
    "a footer and a tag": (("body", "subject"), ("body", "subject")),
    "a banner": (("body",), ("body",)),
    "another word": (("body",), ("body",)),
    "From munged": (("from",), ("from",)),
    "fields of a list": ((), ()),
    "a field less": (("message-id",), ("message-id",)),
    "folded": ((), ("subject",)),
    "another place": ((), ()),
    "dots stay doubled": (("body",), ("body",)),
    "spaces": ((), ("body",)),
    "wrapped": (("body",), ("body",)),
    "lines at the end": ((), ()),
}


@pytest.mark.parametrize("case", BREAKS)
@pytest.mark.parametrize("form", ["relaxed", "simple"])
def test_which_signatures_break(case: str, form: Form) -> None:
    before, after, _ = CASES[case]
    key = a_key("ed25519")
    field = sign(before, key, "crepes.fr", "s1", header_form=form, body_form=form)
    lookup = world({"s1._domainkey.crepes.fr": key.record})
    assert dkim.verify(field + before, lookup)[0].result == "pass"
    (damage,) = damages(field + before, field + after)
    wanted = BREAKS[case][form == "simple"]
    assert ((("body",) if damage.body else ()) + damage.fields) == wanted
    # The verifier agrees, without having seen the message before.
    assert dkim.verify(field + after, lookup)[0].result == ("fail" if wanted else "pass")


def test_lines_behind_what_a_signature_covers() -> None:
    """They are counted as they are hashed: without the space at a line's end."""
    field = sign(LETTER, a_key("ed25519"), "crepes.fr", "s1", length=len(BODY))
    (damage,) = damages(field + LETTER, field + LETTER + FOOTER)
    assert (damage.broken, damage.uncovered) == (False, len(FOOTER) - len(" "))


def test_a_field_added_where_none_may_be() -> None:
    field = sign(LETTER, a_key("ed25519"), "crepes.fr", "s1", oversigned=("cc",))
    (damage,) = damages(field + LETTER, field + b"Cc: mallory@evil.org\r\n" + LETTER)
    assert damage.fields == ("cc",)


def test_a_signature_taken_out() -> None:
    field = sign(LETTER, a_key("ed25519"), "crepes.fr", "s1")
    (damage,) = damages(field + LETTER, LETTER)
    assert (damage.gone, damage.broken) == (True, False)


lines = st.lists(st.sampled_from([b"", b".", b"a", b"b c", b"..x", b"=20"]), max_size=6).map(
    lambda found: b"".join(line + b"\r\n" for line in found)
)
fields = st.lists(st.sampled_from([b"To: a\r\n", b"to:  a\r\n", b"Cc: b\r\n", b"X: 1\r\n", b"X: 2\r\n"]), max_size=5)


@given(fields, lines, fields, lines)
def test_what_differs_is_told_and_nothing_else(one: list[bytes], body: bytes, other: list[bytes], text: bytes) -> None:
    before, after = b"".join(one) + b"\r\n" + body, b"".join(other) + b"\r\n" + text
    found = between(before, after)
    assert any(change.of_body for change in found) == (body != text)
    assert bool([change for change in found if not change.of_body]) == (not same(one, other))


def same(one: list[bytes], other: list[bytes]) -> bool:
    """Whether the fields of each name are the same in the same order."""
    names = {field.partition(b":")[0].lower() for field in (*one, *other)}
    of = lambda fields, name: [field for field in fields if field.partition(b":")[0].lower() == name]  # noqa: E731
    return all(of(one, name) == of(other, name) for name in names)

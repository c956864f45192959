"""What an IMAP client says, and how it reads what it is told."""

from __future__ import annotations

import contextlib
import time

import pytest
from imapclient.imap_utf7 import decode, encode

from testbed.protocols.imap_commands import Literal, Word, astring, command, folder_name, mailbox_name
from testbed.protocols.imap_values import Value, number, pairs, values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bob", b'"bob"'),
        ("", b'""'),
        ("{3}", b'"{3}"'),
        ("two (words) * %", b'"two (words) * %"'),
        ('a "b" \\c', b'"a \\"b\\" \\\\c"'),
        ("a\r\nb LOGOUT", Literal(b"a\r\nb LOGOUT")),
        ("a\nb", Literal(b"a\nb")),
        ("\x7f", Literal(b"\x7f")),
        ("größe", Literal("größe".encode())),
    ],
)
def test_a_text_is_quoted_or_a_literal(text: str, said: Word) -> None:
    assert astring(text) == said


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_cannot_be_said_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        astring(text)


def test_the_server_is_waited_for_before_every_literal() -> None:
    assert command("a1", b"LOGIN", Literal(b"x\r\ny"), Literal(b"z")) == [
        b"a1 LOGIN {4}\r\n",
        b"x\r\ny {1}\r\n",
        b"z\r\n",
    ]
    assert command("a2", b"NOOP") == [b"a2 NOOP\r\n"]


@pytest.mark.parametrize("name", ["INBOX", "R&D", "Größe", "台北/日本語", "&", "a&-b", "~ü~", "𝄞 music", 'say "x"'])
def test_folder_names_are_said_as_others_say_them(name: str) -> None:
    said = mailbox_name(name)
    assert isinstance(said, bytes)
    octets = said[1:-1].replace(b'\\"', b'"')
    assert octets == encode(name)
    assert folder_name(octets) == name == decode(octets)


@pytest.mark.parametrize("octets", [b"&", b"&x", b"&*-", b"&AAA-", b"&2AA-", b"\xff"])
def test_what_is_no_modified_utf_7_is_read_somehow(octets: bytes) -> None:
    assert folder_name(octets)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"* 1 EXISTS"], [b"*", b"1", b"EXISTS"]),
        ([b'* LIST (\\HasNoChildren) "/" INBOX'], [b"*", b"LIST", [b"\\HasNoChildren"], b"/", b"INBOX"]),
        ([b'* LIST () NIL "a \\"b\\" \\\\"'], [b"*", b"LIST", [], None, b'a "b" \\']),
        ([b"* LIST () NIL {3}", b"a(b", b""], [b"*", b"LIST", [], None, b"a(b"]),
        (
            [b"* 2 FETCH (UID 7 BODY[HEADER.FIELDS (FROM TO)] {5}", b"a\r\nb)", b" FLAGS (\\Seen x))"],
            [
                b"*",
                b"2",
                b"FETCH",
                [b"UID", b"7", b"BODY[HEADER.FIELDS (FROM TO)]", b"a\r\nb)", b"FLAGS", [b"\\Seen", b"x"]],
            ],
        ),
        ([b'* 2 FETCH (BODY[]<0> "x")'], [b"*", b"2", b"FETCH", [b"BODY[]<0>", b"x"]]),
        ([b"((a) (b (c)))"], [[[b"a"], [b"b", [b"c"]]]]),
    ],
)
def test_responses_are_read(pieces: list[bytes], expected: list[Value]) -> None:
    assert values(pieces) == expected


@pytest.mark.parametrize("line", [b"(", b")", b'"', b"a[b", b"(()", b'(")'])
def test_what_is_no_response_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"list|value"):
        values([line])


@pytest.mark.parametrize("octets", [b"(", b"[", b'"', b'"\\', b"a[", b"()", b" "])
def test_no_response_takes_long_to_read(octets: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(ValueError):
        values([octets * 100_000])
    assert time.process_time() - began < 2.0


def test_items_are_found_by_name_in_any_case() -> None:
    assert pairs([b"uid", b"7", b"Flags", [b"\\Seen"], b"odd"]) == {b"UID": b"7", b"FLAGS": [b"\\Seen"]}
    assert pairs(None) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"7", 7), (b"9" * 19, int("9" * 19)), (b"9" * 20, None), (b"-1", None), (b"", None), (None, None), ([], None)],
)
def test_numbers(value: Value, expected: int | None) -> None:
    assert number(value) == expected

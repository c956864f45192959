"""Mailboxes: quotas count octets on disk."""

from __future__ import annotations

import mailbox
from pathlib import Path

import pytest

from testbed.hosts.mailboxes.mailbox import Mailbox
from testbed.protocols.header import header_field

MESSAGE = b"Message-ID: <1@x>\r\nSubject: =?utf-8?q?Cr=C3=AApes?=\r\n\r\nhello\r\n"


def test_a_message_comes_out_as_it_went_in(tmp_path: Path) -> None:
    Mailbox("bob@x.edu", tmp_path / "bob").store(MESSAGE)
    maildir = mailbox.Maildir(tmp_path / "bob")
    [key] = maildir.keys()
    assert maildir.get_bytes(key) == MESSAGE


@pytest.mark.parametrize("octets", [0, 1_000, 20_000], ids=str)
def test_filling_takes_exactly_the_octets_asked_for(tmp_path: Path, octets: int) -> None:
    box = Mailbox("bob@x.edu", tmp_path / "bob", quota=20_000)
    box.fill(octets, "Mon, 05 Jan 2026 09:00:00 +0000")
    assert box.octets == octets
    assert box.full == (octets >= 20_000)


@pytest.mark.parametrize(("quota", "room"), [(None, True), (len(MESSAGE), True), (len(MESSAGE) - 1, False)], ids=str)
def test_a_message_fits_or_does_not(tmp_path: Path, quota: int | None, room: bool) -> None:
    assert Mailbox("bob@x.edu", tmp_path / "bob", quota).has_room_for(len(MESSAGE)) == room


def test_emptying_says_how_many_went(tmp_path: Path) -> None:
    box = Mailbox("bob@x.edu", tmp_path / "bob")
    box.store(MESSAGE)
    box.store(MESSAGE)
    assert list(box.message_ids()) == [("INBOX", "<1@x>"), ("INBOX", "<1@x>")]
    assert box.empty() == 2
    assert box.octets == 0


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (b"Message-ID:\r\n <folded@x>\r\n\r\nbody", "<folded@x>"),
        (b"Subject: none\r\n\r\nMessage-ID: <in-the-body@x>", ""),
        (b"", ""),
        (b"Message-ID: =?utf-8?q?=1b[31m?=\r\n\r\n", "\\x1b[31m"),
        (b"Message-ID: =?utf-8?q?Cr=C3=AApes?=\r\n\r\n", "Crêpes"),
        (b"\x00\xff garbage", ""),
    ],
    ids=["folded", "only in the body", "empty", "an escape", "encoded", "garbage"],
)
def test_headers_are_found_in_the_header(message: bytes, value: str) -> None:
    assert header_field(message, "Message-ID") == value

"""Old mail fills a mailbox without taking up room, and is mail all the same to whoever reads it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from testbed.hosts.mailboxes.mailbox import Mailbox
from tests.hosts.conftest import Serve
from tests.hosts.test_reading import imap, pop3

DATE = "Mon, 05 Jan 2026 09:00:00 +0000"
BIG = 5_000_000_000
_HEADER = 400  # octets, at most


def _letters(box: Mailbox) -> list[bytes]:
    inbox = box.folder()
    return [inbox.read(key) for key in inbox.keys()]  # noqa: SIM118


def _blocks(box: Mailbox) -> int:
    return sum(path.stat().st_blocks for path in box.path.rglob("*") if path.is_file())


@pytest.mark.parametrize("octets", [*range(180, 340), 20_000, 10_000_000, 10_000_001, 25_000_003], ids=str)
def test_it_is_as_long_as_it_says_and_made_of_lines(tmp_path: Path, octets: int) -> None:
    box = Mailbox("bob@x.edu", tmp_path / "bob")
    box.fill(octets, DATE)
    letters = _letters(box)
    assert sum(map(len, letters)) == box.octets
    assert box.octets == octets or (octets < _HEADER and letters[0].endswith(b"\r\n\r\n"))
    for letter in letters:
        lines = letter.split(b"\r\n")
        assert lines.pop() == b""
        assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
        assert max(map(len, lines)) <= 78


def test_it_takes_no_room_and_no_two_letters_are_one(tmp_path: Path) -> None:
    box = Mailbox("bob@x.edu", tmp_path / "bob", quota=BIG)
    box.fill(BIG, DATE)
    assert (box.octets, box.full, box.has_room_for(0)) == (BIG, True, True)
    assert _blocks(box) * 512 <= box.count * 4_096
    ids = [message_id for _, message_id in box.message_ids()]
    assert len(set(ids)) == len(ids) == box.count
    assert box.empty() == len(ids)
    assert box.octets == 0


@pytest.mark.cpu_seconds(10)
def test_whoever_looks_through_it_waits_for_nothing(serve: Serve) -> None:
    running = serve()
    box = running.post_office.mailboxes["carol@someschool.edu"]
    box.fill(BIG, DATE)
    with pop3(running, "carol", "secret") as client:
        assert client.stat() == (box.count, BIG)
        assert len(client.uidl()[1]) == box.count
    with imap(running, "carol", "secret") as reader:
        reader.select()
        asked = "(RFC822.SIZE ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
        told = b"".join(itertools.chain(*reader.fetch("1:*", asked)[1][::2]))
        assert told.count(b"Old mail that fills this mailbox") == 2 * box.count
        assert reader.search(None, "SUBJECT", "Old")[1][0].count(b" ") == box.count - 1


def test_it_can_be_read_moved_copied_and_deleted(serve: Serve) -> None:
    running = serve()
    box = running.post_office.mailboxes["gus@someschool.edu"]
    box.quota = box.limit = None
    box.fill(25_000_000, DATE)
    first, second, _ = _letters(box)
    with pop3(running) as client:
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == first
        assert client.list(1) == b"+OK 1 %d" % len(first)
        client.quit()
    with imap(running) as reader:
        reader.select()
        reader.store("1", "+FLAGS", "\\Flagged")
        for _ in range(8):
            assert reader.copy("1:3", "Archive")[0] == "OK"
        assert reader.uid("MOVE", "2", "Archive")[0] == "OK"
        assert reader.select("Archive") == ("OK", [b"25"])
        kept = reader.fetch("1", "(FLAGS RFC822.SIZE)")[1][0]
        assert kept is not None
        assert b"\\Flagged" in kept
        assert b"%d" % len(first) in kept
        assert reader.fetch("25", "(BODY.PEEK[])")[1][0][1] == second
        reader.store("1:25", "+FLAGS", "\\Deleted")
        assert _blocks(box) * 512 <= box.count * 4_096
        reader.expunge()
    assert (box.count, box.octets) == (2, 25_000_000 - len(second))

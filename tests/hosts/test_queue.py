"""The queue keeps what is owed, also when the process that wrote it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.hosts.queue import Queue


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "queue.db")


def test_a_message_goes_with_its_last_recipient(queue: Queue) -> None:
    message = queue.add("alice@crepes.fr", ["bob@x.edu", "carol@x.edu"], b"hello", "<1@x>", 100.0)
    bob, carol = queue.recipients()
    queue.remove(bob)
    assert queue.content(message) == b"hello"
    queue.remove(carol)
    assert queue.recipients() == []
    with pytest.raises(TypeError):
        queue.content(message)


def test_only_due_recipients_are_attempted(queue: Queue) -> None:
    queue.add("", ["bob@x.edu", "carol@x.edu"], b"", "", 100.0)
    bob, carol = queue.recipients(due_by=100.0)
    queue.defer(bob, 1900.0)
    assert [owed.address for owed in queue.recipients(due_by=1899.0)] == ["carol@x.edu"]
    assert [(owed.address, owed.attempts) for owed in queue.recipients(due_by=1900.0)] == [
        ("bob@x.edu", 1),
        ("carol@x.edu", 0),
    ]
    queue.remove(carol)
    assert queue.next_due() == 1900.0


def test_the_queue_survives_its_process(tmp_path: Path) -> None:
    Queue(tmp_path / "queue.db").add("alice@crepes.fr", ["bob@x.edu"], b"hello", "<1@x>", 100.0)
    [owed] = Queue(tmp_path / "queue.db").recipients()
    assert (owed.address, owed.message.sender, owed.message.queue_id) == ("bob@x.edu", "alice@crepes.fr", "Q1")


def test_what_is_stored_is_synced_to_the_disk_before_anybody_is_told(queue: Queue) -> None:
    """RFC 5321 §6.1; 2 is SQLite's FULL, which syncs at every commit, also in WAL mode."""
    assert queue._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_naming_a_recipient_twice_owes_one_delivery(queue: Queue) -> None:
    queue.add("", ["bob@x.edu", "bob@x.edu"], b"", "", 1.0)
    assert len(queue.recipients()) == 1

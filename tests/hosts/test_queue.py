"""The queue keeps what is owed, also when the process that wrote it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.hosts.envelope import Envelope, EnvelopeRecipient, envelope_to
from testbed.hosts.queue.store import Queue
from testbed.protocols.esmtp import MailParameters, RcptParameters


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "queue.db")


def test_a_message_goes_with_its_last_recipient(queue: Queue) -> None:
    message = queue.add(envelope_to("alice@crepes.fr", "bob@x.edu", "carol@x.edu"), b"hello", "<1@x>", 100.0)
    bob, carol = queue.recipients()
    queue.remove(bob)
    assert queue.content(message) == b"hello"
    queue.remove(carol)
    assert queue.recipients() == []
    with pytest.raises(TypeError):
        queue.content(message)


def test_only_due_recipients_are_attempted(queue: Queue) -> None:
    queue.add(envelope_to("", "bob@x.edu", "carol@x.edu"), b"", "", 100.0)
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
    Queue(tmp_path / "queue.db").add(envelope_to("alice@crepes.fr", "bob@x.edu"), b"hello", "<1@x>", 100.0)
    [owed] = Queue(tmp_path / "queue.db").recipients()
    assert (owed.address, owed.message.sender, owed.message.queue_id) == ("bob@x.edu", "alice@crepes.fr", "Q1")


def test_what_is_stored_is_synced_to_the_disk_before_anybody_is_told(queue: Queue) -> None:
    """RFC 5321 §6.1; 2 is SQLite's FULL, which syncs at every commit, also in WAL mode."""
    assert queue._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_naming_a_recipient_twice_owes_one_delivery(queue: Queue) -> None:
    queue.add(envelope_to("", "bob@x.edu", "bob@x.edu"), b"", "", 1.0)
    assert len(queue.recipients()) == 1


def test_what_the_sender_asked_for_survives_too(tmp_path: Path) -> None:
    """RFC 3461 §4, RFC 6152, RFC 6531: a relay that restarts must still know it."""
    said = MailParameters(body="8BITMIME", utf8=True, ret="FULL", envid="a+b")
    wishes = RcptParameters(frozenset({"SUCCESS", "DELAY"}), "rfc822;bob@x.edu")
    envelope = Envelope("alice@crepes.fr", (EnvelopeRecipient("bob@x.edu", wishes),), said)
    Queue(tmp_path / "queue.db").add(envelope, b"", "", 1.0)
    [owed] = Queue(tmp_path / "queue.db").recipients()
    assert (owed.message.parameters, owed.parameters) == (said, wishes)


def test_a_warning_is_given_once(queue: Queue) -> None:
    queue.add(envelope_to("alice@crepes.fr", "bob@x.edu"), b"", "", 1.0)
    [owed] = queue.recipients()
    assert not owed.warned
    queue.warned(owed)
    assert queue.recipients()[0].warned

"""The relay's queue: SQLite, synced before anybody is told 250."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from testbed.hosts.envelope import Envelope
from testbed.protocols.esmtp import MailParameters, RcptParameters

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    content BLOB NOT NULL,
    arrived REAL NOT NULL,
    body TEXT NOT NULL,
    utf8 INTEGER NOT NULL,
    ret TEXT NOT NULL,
    envid TEXT NOT NULL,
    require_tls INTEGER NOT NULL,
    return_path TEXT
);
CREATE TABLE IF NOT EXISTS recipient (
    message INTEGER NOT NULL REFERENCES message(id),
    address TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    notify TEXT NOT NULL,
    orcpt TEXT NOT NULL,
    warned INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (message, address)
);
CREATE INDEX IF NOT EXISTS recipient_due ON recipient(due);
"""


class QueuedMessage(Struct, frozen=True):
    """A message without its content.  Times are seconds since the epoch, scenario time.

    ``return_path`` is what next hops are told in place of the sender, who hears of failures; None for the same.
    """

    id: int
    sender: str
    message_id: str
    arrived: float
    parameters: MailParameters = field(default_factory=MailParameters)
    return_path: str | None = None

    @property
    def queue_id(self) -> str:
        """The name the message has in logs and replies."""
        return f"Q{self.id}"


class QueuedRecipient(Struct, frozen=True):
    """A recipient still owed a delivery or a bounce; ``warned`` tells that the sender has heard of the delay."""

    message: QueuedMessage
    address: str
    attempts: int
    due: float
    parameters: RcptParameters = field(default_factory=RcptParameters)
    warned: bool = False


class Queue:
    """Messages and the recipients still owed; a message goes when its last recipient has gone."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def add(self, envelope: Envelope, content: bytes, message_id: str, now: float) -> QueuedMessage:
        """Store a message; it is on stable storage when this returns."""
        said = envelope.parameters
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO message"
                " (sender, message_id, content, arrived, body, utf8, ret, envid, require_tls, return_path)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(envelope.sender, message_id, content, now),
                    *(said.body, said.utf8, said.ret, said.envid, said.require_tls),
                    envelope.return_path,
                ),
            )
            number = cursor.lastrowid
            assert number is not None
            self._db.executemany(
                "INSERT OR IGNORE INTO recipient (message, address, due, notify, orcpt) VALUES (?, ?, ?, ?, ?)",
                [
                    (number, to.address, now, ",".join(sorted(to.parameters.notify)), to.parameters.orcpt)
                    for to in envelope.recipients
                ],
            )
        return QueuedMessage(number, envelope.sender, message_id, now, said, envelope.return_path)

    def content(self, message: QueuedMessage) -> bytes:
        """The octets of a message."""
        row = self._db.execute("SELECT content FROM message WHERE id = ?", (message.id,)).fetchone()
        return bytes(row[0])

    def recipients(self, due_by: float | None = None) -> list[QueuedRecipient]:
        """Recipients due by a time (None: all), oldest message first."""
        rows = self._db.execute(
            "SELECT m.id, m.sender, m.message_id, m.arrived, m.body, m.utf8, m.ret, m.envid, m.require_tls,"
            " m.return_path, r.address, r.attempts, r.due, r.notify, r.orcpt, r.warned"
            " FROM recipient r JOIN message m ON m.id = r.message"
            " WHERE ?1 IS NULL OR r.due <= ?1 ORDER BY m.id, r.rowid",
            (due_by,),
        )
        return [_recipient(row) for row in rows]

    def next_due(self) -> float | None:
        """When the next recipient is due, None when the queue is empty."""
        due: float | None = self._db.execute("SELECT min(due) FROM recipient").fetchone()[0]
        return due

    def defer(self, recipient: QueuedRecipient, due: float) -> None:
        """Keep a recipient for a later attempt."""
        self._db.execute(
            "UPDATE recipient SET attempts = attempts + 1, due = ? WHERE message = ? AND address = ?",
            (due, recipient.message.id, recipient.address),
        )

    def warned(self, recipient: QueuedRecipient) -> None:
        """Note that the sender has been told of the delay."""
        self._db.execute(
            "UPDATE recipient SET warned = 1 WHERE message = ? AND address = ?",
            (recipient.message.id, recipient.address),
        )

    def remove(self, recipient: QueuedRecipient) -> None:
        """Forget a recipient that has been delivered or given back."""
        with self._transaction():
            self._db.execute(
                "DELETE FROM recipient WHERE message = ? AND address = ?",
                (recipient.message.id, recipient.address),
            )
            self._db.execute(
                "DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM recipient WHERE message = ?1)",
                (recipient.message.id,),
            )

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


def _recipient(row: tuple[Any, ...]) -> QueuedRecipient:
    *of_message, address, attempts, due, notify, orcpt, warned = row
    number, sender, message_id, arrived, body, utf8, ret, envid, require_tls, return_path = of_message
    said = MailParameters(body=body, utf8=bool(utf8), ret=ret, envid=envid, require_tls=bool(require_tls))
    wishes = RcptParameters(frozenset(notify.split(",") if notify else ()), orcpt)
    message = QueuedMessage(number, sender, message_id, arrived, said, return_path)
    return QueuedRecipient(message, address, attempts, due, wishes, bool(warned))


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")

"""What is to be seen of a lab from outside at one moment, without a packet being sent."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from testbed.durations import SECOND
from testbed.hosts.mail_host import MailHost
from testbed.lab.context import LabContext
from testbed.lab.hosts import LabHosts
from testbed.lab.journal import LogLine

_MOST_QUEUED = 200  # recipients of a queue that are shown


class Queued(Struct, frozen=True):
    """A recipient to whom a host owes a message; ``due_s`` is in how many seconds of scenario time it tries again."""

    sender: str
    recipient: str
    message_id: str
    attempts: int
    due_s: float


class HostLook(Struct, frozen=True):
    """A host: whether it runs, how many messages lie in each of its mailboxes, and the first of its queue.

    ``mailboxes`` and ``queue`` are empty where a program keeps them, which nobody looks into.
    """

    name: str
    role: str
    address: str
    program: bool
    runs: bool
    mailboxes: tuple[tuple[str, int], ...] = ()
    queue: tuple[Queued, ...] = ()


class LabLook(Struct, frozen=True):
    """A lab: nanoseconds of scenario time since everybody was there, the same since the epoch, its hosts, and the last
    lines of its log.
    """

    now_ns: int
    date_ns: int
    hosts: tuple[HostLook, ...]
    log: tuple[LogLine, ...]


def look(lab: LabContext, hosts: LabHosts, after: int) -> LabLook:
    """What is to be seen now; of the log, the lines behind the ``after``-th."""
    lines = tuple(line for line in lab.journal.latest if line.number > after)
    return LabLook(lab.loop.since_begin_ns(), lab.loop.now_ns(), tuple(_hosts(lab, hosts)), lines)


def _hosts(lab: LabContext, hosts: LabHosts) -> Iterator[HostLook]:
    now_s = lab.loop.now_ns() / SECOND
    for name, spec in lab.scenario.hosts.items():
        host = hosts.mail_host(name)
        yield HostLook(
            name,
            str(spec.role),
            lab.addresses[name][0],
            spec.is_program,
            hosts.runs(name),
            tuple((address, box.count) for address, box in host.mailboxes.items()) if host is not None else (),
            tuple(_queue(host, now_s)) if host is not None else (),
        )


def _queue(host: MailHost, now_s: float) -> Iterator[Queued]:
    for owed in host.owed[:_MOST_QUEUED]:
        message = owed.message
        yield Queued(message.sender, owed.address, message.message_id, owed.attempts, max(0.0, owed.due - now_s))

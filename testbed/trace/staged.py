"""What the lab itself has staged, as its log tells: such findings stay, and blame nobody.

A stranger's capture has no such log, and its findings stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from testbed.durations import SECOND
from testbed.protocols.events import Crashed, Fault, MailboxRead, Restarted
from testbed.protocols.events.mailbox import READS_AT_THE_END
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.log import AnyEntry, of

_AT_ONCE_NS = SECOND
_BY_AN_END = frozenset(("connection-reset", "connection-refused", "server-hung-up"))


class Staged(Struct, frozen=True):
    """When hosts were crashed, from and until; and when, and at which frames, faults did their work at them.

    ``reads`` tells that the lab itself read mailboxes at the end.
    """

    crashes: tuple[tuple[str, int, int], ...] = ()
    faults: tuple[tuple[str, int, int | None], ...] = ()
    reads: bool = False


NOTHING = Staged()


def staged(log: Iterable[AnyEntry]) -> Staged:
    """What a trace's log tells of it."""
    down: dict[str, int] = {}
    crashes: list[tuple[str, int, int]] = []
    faults: list[tuple[str, int, int | None]] = []
    reads = False
    for entry in of(log, Crashed, Restarted, Fault, MailboxRead):
        if isinstance(entry.event, MailboxRead):
            reads = True
        elif isinstance(entry.event, Fault):
            faults.append((entry.host, entry.time_ns, entry.event.at_frame))
        elif isinstance(entry.event, Crashed):
            down[entry.host] = entry.time_ns
        elif entry.host in down:
            crashes.append((entry.host, down.pop(entry.host), entry.time_ns))
    crashes += ((host, since, 1 << 63) for host, since in down.items())
    return Staged(tuple(crashes), tuple(faults), reads)


def excused(findings: tuple[Finding, ...], connection: Connection, deeds: Staged) -> tuple[Finding, ...]:
    """The findings about a connection; those of what the lab staged say so."""
    if deeds.reads and connection.client.label == READS_AT_THE_END:
        return tuple(_of_the_lab(finding, "this is the lab itself, reading the mailbox") for finding in findings)
    cause = _cause(connection, deeds) if findings else ""
    if not cause:
        return findings
    return tuple(_of_the_lab(finding, cause) if finding.code in _BY_AN_END else finding for finding in findings)


def _of_the_lab(finding: Finding, cause: str) -> Finding:
    return replace(finding, severity=Severity.INFO, text=f"{finding.text}; {cause}")


def _cause(connection: Connection, deeds: Staged) -> str:
    """Which deed of the lab ended the connection, or let nobody answer it; ``""`` where none did."""
    end = connection.server if connection.ending.by == "server" else connection.client
    host, start, last = end.label, connection.start_ns, connection.end_ns
    for name, since, until in deeds.crashes:
        if name == host and since <= last and start < until:
            return f"the lab made {host} crash"
    if connection.ending.closure is not Closure.RESET:
        return ""
    for name, at, frame in deeds.faults:
        if frame in connection.ending.frames if frame is not None else name == host and at <= last <= at + _AT_ONCE_NS:
            return "a fault of the lab caused this"
    return ""

"""How long a client waits for a reply, against how long it is to wait (RFC 5321 §4.5.3.2); servers that draw it out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from testbed.durations import MINUTE, SECOND, rough
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Command, Exchange
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.smtp.leaving import PAUSE_NS, left_at
from testbed.trace.services.smtp.transactions import ends_message

_OF_MESSAGE = (10 * MINUTE, "RFC 5321 §4.5.3.2.6")
_LIMITS = {
    "MAIL": (5 * MINUTE, "RFC 5321 §4.5.3.2.2"),
    "RCPT": (5 * MINUTE, "RFC 5321 §4.5.3.2.3"),
    "DATA": (2 * MINUTE, "RFC 5321 §4.5.3.2.4"),
    "BDAT": (10 * MINUTE, "RFC 5321 §4.5.3.2.6"),
}
_GIVES_UP = frozenset(("QUIT", "RSET"))  # what a client that may pipeline says only when it will not wait
_FEWEST, _SLOW_NS, _LONG_NS = 5, SECOND, 30 * SECOND  # slow replies, each so late, so long in all
_EARLY_NS = SECOND  # a client counts from before its command is on the wire
_MOST_FRAMES = 20
_NEVER = (1 << 63, 0, "")


def limit_of(command: Command) -> tuple[int, str] | None:
    """How long a client is to wait for the reply to a command, and where that is written; None where it is not."""
    return _OF_MESSAGE if ends_message(command) else _LIMITS.get(command.verb)


def impatient_clients(connection: Connection) -> Iterator[Finding]:
    """Clients that gave up, or went on, before a reply that came in time."""
    acts: _Acts | None = None
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        limit = limit_of(command) if command is not None and command.whole else None
        if command is None or reply is None or limit is None or reply.time_ns - command.time_ns < PAUSE_NS:
            continue
        acts = acts or _Acts(connection)
        at, frame, did = acts.behind(command)
        if not command.time_ns + PAUSE_NS <= at < min(reply.time_ns, command.time_ns + limit[0] - _EARLY_NS):
            continue
        what = "the message" if ends_message(command) else command.verb
        text = (
            f"{connection.client.label} waited only {rough(at - command.time_ns)} for the reply to {what} and {did}; "
        )
        text += f"it came after {rough(reply.time_ns - command.time_ns)}, and clients should wait {rough(limit[0])}"
        if ends_message(command) and reply.code.startswith("2"):
            text += ": a client that did not hear it will send the message again"
        frames = (*command.frames[-1:], frame, *reply.frames[:1])
        yield connection.finding("client-impatient", Severity.WARNING, text, frames, limit[1])


class _Acts:
    """What the client of a connection did next, behind any place."""

    def __init__(self, connection: Connection) -> None:
        said = [e.command for e in connection.exchanges if e.command is not None and e.command.frames]
        said.sort(key=lambda command: command.frames[0])
        self._any = _Earliest(said)
        self._giving_up = _Earliest([command for command in said if command.verb in _GIVES_UP])
        left = left_at(connection)
        self._left = (*left, "left") if left is not None else _NEVER

    def behind(self, command: Command) -> tuple[int, int, str]:
        """When, in which frame and how the client went on behind a command, or left; a time that never comes else."""
        earliest = self._any if ends_message(command) else self._giving_up
        return min(earliest.behind(command.frames[-1]) if command.frames else _NEVER, self._left)


class _Earliest:
    """The earliest of some commands behind a frame; they are in order of their frames."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._frames = [command.frames[0] for command in commands]
        self._first = [_NEVER]
        for command in reversed(commands):
            self._first.append(
                min(self._first[-1], (command.time_ns, command.frames[0], f"went on with {command.verb}"))
            )
        self._first.reverse()

    def behind(self, frame: int) -> tuple[int, int, str]:
        return self._first[bisect_right(self._frames, frame)]


def drawn_out(connection: Connection) -> Iterator[Finding]:
    """A server that lets its client wait for one reply after the other, so that it gave up."""
    late: dict[str, list[Exchange]] = {}
    for exchange in connection.exchanges:
        if exchange.command is not None and exchange.latency_ns is not None and exchange.latency_ns >= _SLOW_NS:
            late.setdefault(exchange.command.verb, []).append(exchange)
    verb, slow = max(late.items(), key=lambda pair: len(pair[1]), default=("", []))
    waits = [exchange.latency_ns or 0 for exchange in slow]
    if len(slow) < _FEWEST or sum(waits) < _LONG_NS or connection.ending.by != "client" or connection.all_taken:
        return
    text = f"{connection.server.label} took at least {rough(min(waits))} for each of {len(slow)} replies to {verb}, "
    text += f"{rough(sum(waits))} in total; {connection.client.label} gave up"
    frames = tuple(exchange.reply.frames[0] for exchange in slow if exchange.reply is not None)
    frames = (*frames[: _MOST_FRAMES - 1], *connection.ending.frames[:1])
    yield connection.finding("server-draws-out", Severity.ERROR, text, frames, "RFC 5321 §4.5.3.2")

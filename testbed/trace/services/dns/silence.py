"""Questions that were asked again because nobody answered.

That an answer is not in a capture does not show that there was none.  That the same message is sent again does: its
id tells it from another question for the same (RFC 1035 §4.1.1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from msgspec import Struct

from testbed.durations import MILLISECOND, SECOND, rough
from testbed.plural import count
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.dns.results import Answer, Asked

_SOONEST_NS, _LATEST_NS = 50 * MILLISECOND, 60 * SECOND  # between two askings; a sooner one is a copy
_MOST_FRAMES = 20


class _Asking(Struct, frozen=True):
    """One time a question was asked."""

    time_ns: int
    frames: tuple[int, ...]
    connection: Connection
    answered: bool


def silent_servers(connections: Iterable[Connection]) -> Iterator[Finding]:
    """One finding for each question that was asked again."""
    asked: dict[tuple[str, str, str, int], list[_Asking]] = defaultdict(list)
    for connection in connections:
        if connection.opening.handshake is Handshake.UNREACHABLE:
            continue
        for exchange in connection.exchanges:
            command, result = exchange.command, exchange.result
            if command is not None and isinstance(result, Asked | Answer):
                asking = _Asking(command.time_ns, command.frames, connection, exchange.reply is not None)
                key = connection.client.address, command.verb, command.argument, result.number
                asked[key].append(asking)
    for (_, kind, name, _), askings in asked.items():
        for series in _in_vain(sorted(askings, key=lambda one: one.time_ns)) if len(askings) > 1 else ():
            yield _finding(f"the {kind} record of {name}", series)


def _in_vain(askings: list[_Asking]) -> Iterator[list[_Asking]]:
    """Those that belong together: each but the last was not answered before the next."""
    series = askings[:1]
    for before, after in pairwise(askings):
        if before.answered or not _SOONEST_NS <= after.time_ns - before.time_ns <= _LATEST_NS:
            if len(series) > 1:
                yield series
            series = []
        series.append(after)
    if len(series) > 1:
        yield series


def _finding(question: str, series: list[_Asking]) -> Finding:
    client = series[0].connection.client.label
    servers = " and ".join(dict.fromkeys(one.connection.server.label for one in series))
    text = f"{client} asked {servers} for {question} {count(len(series), 'time')} in "
    text += f"{rough(series[-1].time_ns - series[0].time_ns)}: "
    text += "the capture has an answer only to the last" if series[-1].answered else "the capture has no answer"
    frames = tuple(frame for one in series for frame in one.frames)[:_MOST_FRAMES]
    numbers = tuple(dict.fromkeys(one.connection.number for one in series))
    return Finding("name-server-silent", Severity.WARNING, text, frames, "RFC 5321 §5.1", numbers)

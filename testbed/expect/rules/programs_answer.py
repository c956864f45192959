"""A mail server answers in the time that a client is to wait for it (RFC 5321 §4.5.3.2).

In real time, one that never does takes all of the lab's; in scenario time its client gives up, and the lab goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.durations import MINUTE, SECOND, span
from testbed.expect.conservation.passages import Passage
from testbed.expect.programs_awaited import ANSWER, Awaited, Moment, awaited_at, excuse, last_words
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import of
from testbed.trace.services.smtp.patience import limit_of

_MAIL = ("smtp", "submission", "lmtp")
_OTHERS_NS = 5 * MINUTE  # RFC 5321 §4.5.3.2.1, of a greeting
_EARLY_NS = SECOND  # a client counts from before its command is on the wire


def programs_answer(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """One, on the lab's clock, has let a client wait for as long as that must, and slept; it is told of the first time.

    That a program slept is certain where it was waited for longer than the whole lab has taken: time had to jump.
    """
    ended = next(of(analysis.log, events.LabEnded), None)
    if ended is None or ended.event.reason != events.ALL_PLAYED:
        return
    real = {entry.host for entry in of(analysis.log, events.TimeIsReal)}
    on_clock = [entry.host for entry in of(analysis.log, events.Started) if entry.event.time == "scenario"]
    for host in dict.fromkeys(on_clock):
        waits = [
            (awaited, until, connection)
            for connection in analysis.connections
            if connection.server.label == host and connection.service in _MAIL
            for awaited, until in _vain(analysis, connection)
            if until.time_ns - awaited.since_ns > ended.event.real_seconds * SECOND
        ]
        if waits and host not in real:
            yield _verdict(analysis, host, *min(waits, key=lambda wait: wait[0].since_ns))


def _vain(analysis: Analysis, connection: Connection) -> Iterator[tuple[Awaited, Moment]]:
    """What its client has waited for, as long as it must, when it gave up."""
    ending, frames = connection.ending, connection.ending.frames
    if ending.by != "client" or not frames:
        return
    gave_up = next(packet for packet in analysis.packets(connection.number) if packet.frame == frames[0])
    until = Moment(gave_up.frame, gave_up.time_ns)
    awaited = awaited_at(connection, until)
    if awaited is None:
        return
    limit = limit_of(awaited.command) if awaited.command is not None else None
    if until.time_ns - awaited.since_ns >= (limit[0] if limit is not None else _OTHERS_NS) - _EARLY_NS:
        yield awaited, until


def _verdict(analysis: Analysis, host: str, awaited: Awaited, until: Moment, connection: Connection) -> Verdict:
    words, frames = last_words(analysis, host)
    why = f"{host} made {connection.client.label} wait {span(until.time_ns - awaited.since_ns)} for {awaited.what}"
    why += f", until the client gave up; all of the program slept{words}"
    but = excuse(analysis, host, connection, until)
    cited = tuple(sorted({*awaited.frames, *frames, until.frame}))
    return Verdict(ANSWER, bool(but), f"{why}{but}", cited, judged=not but)

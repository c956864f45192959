"""Programs that end a lab before its steps are over: one that never listens, one whose answer takes all its time.

A program is accused only of what the trace shows to be its own.  Where the machine gave it no time, where it waits for
somebody itself, and where a fault has struck on its connection, nobody can tell, and the run has an error.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from testbed.durations import SECOND
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.protocols.text import shortened
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Command
from testbed.trace.model.log import LogEntry, of

_LISTEN, ANSWER = "programs that play servers listen", "programs that play servers answer"
_LONG_S = 10.0  # which no answer takes that anybody waits for in a lab
_GREETS = frozenset(("smtp", "submission", "lmtp", "pop3", "imap"))  # where the server speaks first
_TOO_MUCH = 0.5  # of its time without a processor
_MOST_TOLD, _MOST_QUOTED = 3, 80
_DISK = "waits for a disk"
TOO_BUSY = "; this machine was too busy to tell whether that is its fault"
KEPT_WAITING = "; but this machine kept a program waiting for a processor for at least as long as that is too late"
OUT_OF_MEMORY = "; this machine had no memory left, and its kernel killed programs"


class Moment(Struct, frozen=True):
    """A frame of a trace, and its time."""

    frame: int
    time_ns: int


class Awaited(Struct, frozen=True):
    """What a client waits for: in words, since when, the frames of what it has said; its command, if it is a reply."""

    what: str
    since_ns: int
    frames: tuple[int, ...]
    command: Command | None = None


def programs_awaited(analysis: Analysis) -> list[Verdict]:
    """A red verdict on each program because of which the lab has ended early; one not judged where nobody can tell."""
    return [*_deaf(analysis), *_silent(analysis)]


def ended_early(analysis: Analysis) -> bool:
    """Whether a lab ended before its steps were over, or was killed."""
    ends = [entry.event.reason for entry in of(analysis.log, events.LabEnded)]
    return any(of(analysis.log, events.LabStarted)) and ends != [events.ALL_PLAYED]


def patience_s(seconds: float) -> float:
    """How long a program may take for an answer in a lab that takes so many seconds, before it is to blame for them."""
    return min(_LONG_S, seconds / 2)


def starved(analysis: Analysis, host: str, until: int) -> bool:
    """Whether the machine may be why nothing came of a program, by what was logged of it last before a frame."""
    told = [entry for entry in of(analysis.log, events.Condition) if entry.host == host and entry.frame <= until]
    return not told or told[-1].event.state == _DISK or not 0 <= told[-1].event.starved < _TOO_MUCH


def starved_ns(analysis: Analysis) -> int:
    """For how long the machine has kept a processor from the program it kept it from longest, as far as is known."""
    return max((round(entry.event.seconds * SECOND) for entry in of(analysis.log, events.Starved)), default=0)


def last_words(analysis: Analysis, host: str) -> tuple[str, tuple[int, ...]]:
    """The last a program has said, and what it is about where that is told, as the end of a sentence; their frames."""
    said = [entry for entry in of(analysis.log, events.Said) if entry.host == host and entry.event.text]
    told = [entry for entry in of(analysis.log, events.Condition) if entry.host == host]
    words = [f"; {told[-1].message}"] if told else []
    words += [f"; its last output was '{said[-1].event.text}'"] if said else []
    return "".join(words), tuple(sorted(entry.frame for entry in (*told[-1:], *said[-1:])))


def ended_badly(analysis: Analysis) -> tuple[str, tuple[int, ...]]:
    """Which programs have ended with a status other than 0, as the end of a sentence; the frames of that."""
    ended = [entry for entry in of(analysis.log, events.Exited) if entry.event.status][:_MOST_TOLD]
    words = [f"; {shortened(e.event.command, _MOST_QUOTED)} ended with status {e.event.status}" for e in ended]
    frames = {entry.frame for entry in ended}
    for host in dict.fromkeys(entry.host for entry in ended):
        last, cited = last_words(analysis, host)
        words.append(last)
        frames.update(cited)
    return "".join(words), tuple(sorted(frames))


def _deaf(analysis: Analysis) -> Iterator[Verdict]:
    for entry in of(analysis.log, events.NotServing):
        host, seconds = entry.host, entry.event.seconds
        started = [
            one.frame for one in of(analysis.log, events.Started) if one.host == host and one.frame < entry.frame
        ]
        words, frames = last_words(analysis, host)
        cited = tuple(sorted({*started[-1:], *frames, entry.frame}))
        but = OUT_OF_MEMORY if entry.event.out_of_memory else ""
        if seconds and starved(analysis, host, entry.frame):
            but = TOO_BUSY
        struck = [one for one in of(analysis.log, events.Fault) if max(started, default=0) < one.frame < entry.frame]
        if seconds and struck:
            but = f"; it may have waited because of a fault ({struck[-1].message})"
        yield Verdict(_LISTEN, bool(but), f"{host}: {entry.message}{words}{but}", cited, judged=not but)


def _silent(analysis: Analysis) -> Iterator[Verdict]:
    up = next(of(analysis.log, events.TimeUp), None)
    if up is None:
        return
    least_ns, moment = patience_s(up.event.seconds) * SECOND, Moment(up.frame, up.time_ns)
    for host in {entry.host: None for entry in of(analysis.log, events.Started)}:
        waits = [
            (awaited, connection)
            for connection in analysis.connections
            if connection.server.label == host and (awaited := awaited_at(connection, moment)) is not None
        ]
        if waits and up.time_ns - (first := min(waits, key=lambda wait: wait[0].since_ns))[0].since_ns >= least_ns:
            yield _verdict(analysis, up, host, *first)


def _verdict(
    analysis: Analysis, up: LogEntry[events.TimeUp], host: str, awaited: Awaited, connection: Connection
) -> Verdict:
    seconds = (up.time_ns - awaited.since_ns) / SECOND
    words, frames = last_words(analysis, host)
    why = f"{host} made {connection.client.label} wait {seconds:.1f} s for {awaited.what}"
    why += f", until the lab's time was up after {up.event.seconds:.0f} s{words}"
    cited = tuple(sorted({*awaited.frames, *frames, up.frame}))
    but = _excuse(analysis, up, host, connection)
    return Verdict(ANSWER, bool(but), f"{why}{but}", cited, judged=not but)


def _excuse(analysis: Analysis, up: LogEntry[events.TimeUp], host: str, connection: Connection) -> str:
    """Why the program may not be to blame; ``""`` where nothing else is."""
    if starved(analysis, host, up.frame):
        return TOO_BUSY
    return excuse(analysis, host, connection, Moment(up.frame, up.time_ns))


def excuse(analysis: Analysis, host: str, connection: Connection, until: Moment) -> str:
    """What may have kept a program from an answer, the machine aside; ``""`` where nothing else has but itself."""
    for other in analysis.connections:
        if other.client.label == host and (waits := awaited_at(other, until)) is not None:
            return f"; but it was itself waiting for {waits.what} from {other.server.label}"
    faults = list(of(analysis.log, events.Fault))
    if any(entry.host == host and entry.time_ns >= connection.start_ns for entry in faults):
        return "; but a fault of the scenario had struck there"
    struck = {entry.event.at_frame for entry in faults}
    if any(packet.frame in struck or packet.lost for packet in analysis.packets(connection.number)):
        return "; but a fault had struck between them"
    return ""


def awaited_at(connection: Connection, until: Moment) -> Awaited | None:
    """What a client waits for on a connection at a moment; None where it is closed by then, or where it is its turn."""
    if any(frame < until.frame for frame in connection.ending.frames):
        return None
    if connection.opening.handshake in (Handshake.UNANSWERED, Handshake.INCOMPLETE):
        return Awaited("its connection to be accepted", connection.start_ns, connection.opening.syn_frames)
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        answered = exchange.unseen or (reply is not None and reply.time_ns <= until.time_ns)
        if command is None or answered or not command.whole or command.time_ns > until.time_ns:
            continue
        if command.verb != "connect":
            return Awaited(f"the reply to {command.verb}", command.time_ns, command.frames, command)
    begins = connection.service in _GREETS or connection.transport.client_octets > 0
    if connection.transport.protocol == "tcp" and begins and not connection.transport.server_octets:
        return Awaited("its first words", connection.start_ns, (connection.first_frame,))
    return None

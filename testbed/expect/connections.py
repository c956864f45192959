"""Expectations about connections and dialogue: attempts, transactions, reply, connection."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from testbed.durations import format_duration
from testbed.expect.observed import entries
from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.verdict import Verdict
from testbed.plural import count, were
from testbed.protocols import events
from testbed.protocols.status_pattern import reply_fits
from testbed.scenario.expectations import Attempts, ConnectionExpected, Transactions, Tries
from testbed.scenario.faults.reading import protocol_of
from testbed.scenario.next_hops import SMTP_PORT
from testbed.scenario.reply_expected import ReplyExpected
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.services.reading.results import reading_result
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of, service_within

_BEFORE_TLS = ("starttls", "stls")


def judge_attempts(expected: Attempts, analysis: Analysis) -> Verdict:
    """How often somebody opened, or tried to open, a connection to a host that takes mail."""
    what = f"attempts to {_limits(expected)}"
    found = _between(analysis, expected.sender, expected.to, expected.port)
    frames = tuple(c.first_frame for c in found) or tuple(e.frame for e in entries(analysis, events.Accepted))
    return Verdict(
        what, _allowed(expected, len(found)), f"{were(len(found), 'connection')} tried", frames, expected.line
    )


def judge_transactions(expected: Transactions, analysis: Analysis) -> Verdict:
    """How often somebody said MAIL to a host, over however many connections, and whatever it was answered."""
    what = f"transactions with {_limits(expected)}"
    connections = _between(analysis, expected.sender, expected.to, expected.port)
    commands = [exchange.command for connection in connections for exchange in connection.exchanges]
    begun = [command for command in commands if command is not None and command.verb == "MAIL"]
    frames = tuple(frame for command in begun for frame in command.frames)
    frames = frames or tuple(c.first_frame for c in connections)
    frames = frames or tuple(e.frame for e in entries(analysis, events.Accepted))
    why = f"{were(len(begun), 'transaction')} begun, over {count(len(connections), 'connection')}"
    verdict = Verdict(what, _allowed(expected, len(begun)), why, frames, expected.line)
    closed = [connection for connection in connections if connection.tls is not None and connection.tls.sealed]
    most = min(limit for limit in (expected.count, expected.at_most, inf) if limit is not None)
    certain = len(begun) > most or (verdict.held and most == inf)  # whatever else was said
    return verdict if certain else unless_sealed(verdict, closed)


def _limits(expected: Tries) -> str:
    whom = f" at port {expected.port}" * (expected.port != SMTP_PORT)
    whom += f" by {expected.sender}" if expected.sender else ""
    limits = [
        *([str(expected.count)] if expected.count is not None else []),
        *([f"at least {expected.at_least}"] if expected.at_least is not None else []),
        *([f"at most {expected.at_most}"] if expected.at_most is not None else []),
    ]
    return f"{expected.to}{whom}: {', '.join(limits)}"


def _allowed(expected: Tries, number: int) -> bool:
    return (
        (expected.count is None or number == expected.count)
        and (expected.at_least is None or number >= expected.at_least)
        and (expected.at_most is None or number <= expected.at_most)
    )


def judge_reply(expected: ReplyExpected, analysis: Analysis) -> Verdict:
    """A server gave this reply to this command."""
    times = f", {count(expected.count, 'time')}" if expected.count is not None else ""
    what = f"reply {expected.code} from {expected.sender} to {expected.command}{times}"
    protocol = protocol_of(expected.command)
    verb = expected.command.removeprefix(f"{protocol} ").lower()
    seen: list[str] = []
    number = 0
    asked: list[int] = []
    frames: list[int] = []
    for connection in analysis.connections:
        if connection.server.name != expected.sender or not _speaks(connection, protocol):
            continue
        for exchange in connection.exchanges:
            if exchange.command is None or exchange.command.verb.removeprefix("UID ").lower() != verb:
                continue
            asked += exchange.command.frames
            for reply in (exchange.reply, *exchange.further) if exchange.reply is not None else ():
                status = _status(exchange, reply)
                seen.append(status)
                if reply_fits(status, expected.code):
                    number += 1
                    frames += reply.frames
    held = number == expected.count if expected.count is not None else number > 0
    if number:
        why = f"said {count(number, 'time')}"
    elif seen:
        why = f"{expected.sender} said {', '.join(sorted(set(seen)))} instead"
    else:
        why = f"{expected.sender} was never asked {expected.command}" if not asked else "no reply came"
    verdict = Verdict(what, held, why, tuple(frames or asked), expected.line)
    enough = number > expected.count if expected.count is not None else held
    return verdict if enough or verb in _BEFORE_TLS else unless_sealed(verdict, _hidden(expected, protocol, analysis))


def _hidden(expected: ReplyExpected, protocol: str, analysis: Analysis) -> list[Connection]:
    """The connections on which such a reply may have been given, unseen."""
    return [
        connection
        for connection in sealed(analysis, [expected.sender])
        if connection.server.name == expected.sender
        and (
            protocol.lower() in service_within(connection.service).names
            if protocol
            else service_within(connection.service).mail is not Mail.PULLED
        )
    ]


def _speaks(connection: Connection, protocol: str) -> bool:
    """Whether a stage of that protocol, ``""`` for SMTP, may be meant."""
    if protocol:
        return connection.service == protocol.lower()
    return service_of(connection.service).mail is not Mail.PULLED


def _status(exchange: Exchange, reply: Reply) -> str:
    """``452 4.2.2``, or ``NO [OVERQUOTA]``."""
    code = reading_result(exchange).code
    return f"{reply.code} [{code}]" if code else reply.status


def judge_connection(expected: ConnectionExpected, analysis: Analysis) -> Verdict:
    """The nth connection between two hosts opened and ended as expected."""
    what = f"connection {expected.nth} from {expected.sender} to {expected.to}:"
    what += f" handshake {expected.handshake}" if expected.handshake else ""
    what += f" closure {expected.closure}" if expected.closure else ""
    what += f" at least {format_duration(expected.at_least)}" if expected.at_least is not None else ""
    what += f" at most {format_duration(expected.at_most)}" if expected.at_most is not None else ""
    what += f" said {', '.join(expected.said)}" if expected.said is not None else ""
    what += {None: "", True: " pipelined", False: " not pipelined"}[expected.pipelined]
    found = _between(analysis, expected.sender, expected.to, expected.port)
    if len(found) < expected.nth:
        return Verdict(
            what,
            False,
            f"only {were(len(found), 'connection')} tried",
            (),
            expected.line,
        )
    connection = found[expected.nth - 1]
    differences = []
    if expected.handshake and connection.opening.handshake != expected.handshake:
        differences.append(f"the handshake was {connection.opening.handshake}")
    if expected.closure and expected.closure not in _closures(connection):
        differences.append(f"the closure was {_closures(connection)[-1]}")
    lasted = connection.end_ns - connection.start_ns
    if (expected.at_least or 0) > lasted or (expected.at_most is not None and lasted > expected.at_most):
        differences.append(f"it lasted {format_duration(lasted)}")
    commands = [e.command for e in connection.exchanges if e.command is not None and e.command.verb != "connect"]
    said = tuple(command.verb for command in commands)
    if expected.said is not None and said != expected.said:
        differences.append(f"the client said {', '.join(said) or 'nothing'}")
    ahead = _ahead(connection)
    if expected.pipelined is not None and expected.pipelined != bool(ahead):
        differences.append(f"{were(len(ahead), 'command')} sent before the reply to the one before")
    frames = (connection.first_frame, *ahead, *connection.ending.frames)
    why = "; ".join(differences) or f"it did so, as connection {connection.number} of the trace"
    verdict = Verdict(what, not differences, why, frames, expected.line)
    asks_inside = expected.said is not None or expected.pipelined is not None
    inside = asks_inside and connection.tls is not None and connection.tls.sealed
    return unless_sealed(verdict, [connection] if inside else [])


def _between(analysis: Analysis, client: str | None, server: str, port: int | None) -> list[Connection]:
    return [
        c
        for c in analysis.connections
        if c.transport.protocol == "tcp"
        and c.server.name == server
        and client in (None, c.client.name)
        and port in (None, c.server.port)
    ]


def _ahead(connection: Connection) -> tuple[int, ...]:
    """The frames of commands sent before the reply to the one before them (RFC 2920)."""
    asked = [exchange for exchange in connection.exchanges if exchange.command is not None]
    return tuple(
        frame
        for before, after in pairwise(asked)
        if before.reply is not None and after.command is not None and after.command.time_ns < before.reply.time_ns
        for frame in after.command.frames[:1]
    )


def _closures(connection: Connection) -> list[str]:
    """The ways to say how a connection ended, the most exact last."""
    words = [str(connection.ending.closure)]
    if connection.ending.by:
        verb = "reset" if connection.ending.closure is Closure.RESET else "closed"
        end = connection.client if connection.ending.by == "client" else connection.server
        words += [f"{verb} by {end.label}", f"{verb} by {connection.ending.by}"]
    return words

"""What goes wrong below the mail protocols."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from testbed.durations import rough
from testbed.plural import were
from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.finding import Finding, Severity

OPENING = "handshake"
"""The cause of a finding that the capture ends while a connection opens."""
_TELLS_WHY = frozenset(("reset-forged", "octets-never-arrived"))
_HANDSHAKES = {
    Handshake.REFUSED: (
        "connection-refused",
        "{server} refused the connection: the machine is up, but nothing listens on this port (RST)",
        "RFC 9293 §3.10.7.1",
    ),
    Handshake.UNANSWERED: (
        "syn-unanswered",
        "{server} never answered {client}'s SYN: the host is down, or its packets are dropped on the way",
        "RFC 9293 §3.8.3",
    ),
    Handshake.UNREACHABLE: (
        "host-unreachable",
        "a router reported to {client} that {server} cannot be reached ({detail})",
        "RFC 1122 §4.2.3.9",
    ),
    Handshake.INCOMPLETE: (
        "handshake-incomplete",
        "{server} answered the SYN, but the handshake was never completed",
        "RFC 9293 §3.5",
    ),
}


def failed_handshake(connection: Connection) -> Iterator[Finding]:
    """A connection that never came about."""
    if connection.opening.handshake not in _HANDSHAKES or connection.transport.protocol != "tcp":
        return
    if connection.opening.cut_off:
        text = f"the capture ends while {connection.client.label} opens a connection to {connection.server.label}"
        found = connection.finding("capture-ends", Severity.INFO, text, (connection.last_frame,), "")
        yield replace(found, cause=OPENING)
        return
    code, text, reference = _HANDSHAKES[connection.opening.handshake]
    frames = dict.fromkeys((connection.first_frame, *connection.ending.frames, connection.last_frame))
    if connection.opening.handshake is Handshake.UNANSWERED and connection.ending.closure is Closure.RESET:
        text += "; {client} gave up after " + rough(connection.end_ns - connection.start_ns)
    yield connection.finding(
        code,
        Severity.ERROR,
        text.format(**_ends(connection), detail=_objection(connection)),
        tuple(frames),
        reference,
    )


def one_side_only(connection: Connection) -> Iterator[Finding]:
    """A capture of one direction says nothing of what the other end said, nor that it was silent."""
    unheard = connection.unheard
    if unheard is not None:
        heard = connection.client if unheard is connection.server else connection.server
        text = f"only {heard.label}'s side is in the capture; its packets show that {unheard.label} answered"
        frames = tuple(dict.fromkeys((connection.first_frame, connection.last_frame)))
        yield connection.finding("one-side-only", Severity.INFO, text, frames, "")


def lost_syn(connection: Connection) -> Iterator[Finding]:
    """A SYN that had to be repeated before it was answered."""
    explained = {frame for remark in connection.transport.remarks for frame in remark.frames}
    first, syns = connection.opening.syn_frames[:1], connection.opening.syn_frames[1:]
    syns = tuple(frame for frame in syns if frame not in explained)
    if any(remark.code == "syn-ack-lost" for remark in connection.transport.remarks):
        return
    if syns and connection.opening.handshake is Handshake.COMPLETE:
        frames = (*first, *syns)
        text = "{client} sent its SYN {n} times before {server} answered: the first SYN or its answer was lost"
        text = text.format(n=len(frames), **_ends(connection))
        yield connection.finding("syn-retransmitted", Severity.WARNING, text, frames, "RFC 6298 §5.7")


def lost_segments(connection: Connection) -> Iterator[Finding]:
    """Data that had to be sent again."""
    if connection.transport.retransmitted_frames:
        number = len(connection.transport.retransmitted_frames)
        text = f"{were(number, 'data segment')} sent again between {{client}} and {{server}}"
        text += ": packets were lost on the way, and TCP recovered"
        frames = connection.transport.retransmitted_frames
        text = text.format(**_ends(connection))
        yield connection.finding("segment-retransmitted", Severity.WARNING, text, frames, "RFC 6298")


def resets(connection: Connection) -> Iterator[Finding]:
    """A connection that was torn down instead of closed."""
    opened = connection.opening.handshake in (Handshake.COMPLETE, Handshake.UNSEEN)
    if connection.ending.closure is not Closure.RESET or not opened:
        return
    transport, begun = connection.transport, connection.opening.handshake is Handshake.COMPLETE
    if not begun and not (transport.client_octets or transport.server_octets):
        return  # it may have refused a SYN, or have met what came after the end
    if connection.said_goodbye or any(remark.code in _TELLS_WHY for remark in connection.transport.remarks):
        return  # nothing depends on the manner of closing, or it is told already why
    breaker = connection.server if connection.ending.by == "server" else connection.client
    text = f"{breaker.label} reset the connection (RST) instead of closing it"
    frames = connection.ending.frames
    unknown = not begun or transport.gaps > 0  # what it has kept from being taken
    severity = Severity.INFO if connection.all_taken or unknown else Severity.ERROR
    yield connection.finding("connection-reset", severity, text, frames, "RFC 9293 §3.5.2")


def _objection(connection: Connection) -> str:
    return next((r.detail for r in connection.transport.remarks if r.code == "icmp-unreachable"), "ICMP")


def _ends(connection: Connection) -> dict[str, str]:
    server = f"{connection.server.label} port {connection.server.port}"
    return {"client": connection.client.label, "server": server}

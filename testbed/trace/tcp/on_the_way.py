"""What happens to packets on their way: remarks of :mod:`testbed.trace.tcp.remarks` made sentences."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.sentence import Sentence

# ``{one}`` is the side a remark is about, ``{other}`` its peer; ``{more}`` and ``{rest}`` are what its detail says
# besides, with and without the comma before it.
_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
_SENTENCES = {
    "captured-again": Sentence(
        _INFO,
        "the capture saw every packet {detail}; each was sent once",
        "",
    ),
    "reset-not-obeyed": Sentence(
        _WARNING,
        "a RST came in the name of {one}, and neither side obeyed it: the connection went on, so it was forged, or "
        "meant for another connection",
        "RFC 5961 §3.2",
    ),
    "octets-contradict": Sentence(
        _ERROR,
        "the same octets of {one} came twice with different content{more}: one of them is not what it sent",
        "RFC 5961 §5.2",
    ),
    "reset-forged": Sentence(
        _ERROR,
        "a RST in the name of {one} was forged on the way: it came another way than its other packets, as its TTL "
        "shows, and {one} went on",
        "RFC 5961 §3.2",
    ),
    "proxy-header": Sentence(
        _INFO, "{client} told {server} by a PROXY header whose connection this is: {detail}", "PROXY protocol §2"
    ),
    "tunnel": Sentence(_INFO, "{client} speaks through {server}, {rest}", "RFC 1928, RFC 9110 §9.3.6"),
    "tunnel-refused": Sentence(_ERROR, "{server}, {rest}", "RFC 1928 §6"),
    "syn-ack-lost": Sentence(
        _WARNING,
        "the first SYN-ACK of {one} did not reach {other}, so the opening of the connection had to be repeated",
        "RFC 9293 §3.5",
    ),
    "third-ack-lost": Sentence(
        _WARNING,
        "{other}'s ACK, the third segment of the handshake, did not reach {one}, which sent its SYN-ACK again",
        "RFC 9293 §3.5",
    ),
    "fin-lost": Sentence(_WARNING, "the first FIN of {one} did not reach {other}, and was sent again", "RFC 9293 §3.6"),
    "fin-ack-lost": Sentence(
        _WARNING,
        "{other} acknowledged the FIN of {one}, but that did not arrive: {one} sent its FIN again",
        "RFC 9293 §3.6",
    ),
    "segment-corrupted": Sentence(
        _WARNING,
        "a packet from {one} was damaged on the way: its checksum was wrong, {other} discarded it, and it was sent "
        "again",
        "RFC 9293 §3.1",
    ),
    "packet-truncated": Sentence(
        _WARNING,
        "a packet from {one} was shorter than its header says: {other} discarded it, and it was sent again",
        "RFC 1122 §3.2.1",
    ),
    "segment-reordered": Sentence(
        _INFO, "a segment from {one} was overtaken by later ones; {other} put them in order", "RFC 9293 §3.10.7.4"
    ),
    "packet-duplicated": Sentence(_INFO, "a packet from {one} came twice; {other} keeps one", "RFC 9293 §3.10.7.4"),
    "sent-again-needlessly": Sentence(
        _INFO,
        "{one} sent again what {other} had acknowledged: it had arrived; the acknowledgement came late or not at all",
        "RFC 6298 §5",
    ),
    "large-packets-lost": Sentence(
        _ERROR,
        "large packets from {one} vanish and small ones arrive: somewhere on the way to {other} the path is narrower, "
        "and nobody says so (a path MTU black hole)",
        "RFC 2923 §2.1",
    ),
    "octets-never-arrived": Sentence(
        _ERROR,
        "octets of {one} never arrived{more}: {other} acknowledged to the end only what had come before them",
        "RFC 9293 §3.10.7.4",
    ),
    "connection-dead": Sentence(
        _ERROR,
        "{one} repeated what it had said, and {other} never acknowledged it: packets no longer arrive, and the "
        "connection may be half-open",
        "RFC 9293 §3.5.1",
    ),
    "window-closed": Sentence(
        _WARNING, "{one} closed its window: {other} had to wait until it took octets again", "RFC 9293 §3.8.6.1"
    ),
    "icmp-unreachable": Sentence(
        _INFO,
        "a router objected to a packet of an open connection between {client} and {server}: {detail}; TCP takes it for "
        "a hint and goes on",
        "RFC 5927 §5.2",
    ),
    "path-mtu-told": Sentence(
        _INFO,
        "a router told that packets between {client} and {server} are too large for the path: {detail}; TCP makes its "
        "segments smaller",
        "RFC 1191 §3",
    ),
}


def on_the_way(connection: Connection) -> Iterator[Finding]:
    """Everything remarked on the packets of a connection."""
    for remark in connection.transport.remarks:
        if remark.code == "icmp-unreachable" and connection.opening.handshake is Handshake.UNREACHABLE:
            continue  # told already
        client, server = connection.client.label, connection.server.label
        side, comma, more = remark.detail.partition(", ")
        one, other = (server, client) if side == "server" else (client, server)
        yield _SENTENCES[remark.code].about(connection, remark, one=one, other=other, more=comma + more, rest=more)

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
        "the capture holds every packet {detail}; each was sent once",
        "",
    ),
    "reset-not-obeyed": Sentence(
        _WARNING,
        "an RST that claims to be from {one} had no effect: the connection went on, so the RST was forged, or meant "
        "for another connection",
        "RFC 5961 §3.2",
    ),
    "octets-contradict": Sentence(
        _ERROR,
        "the same octets from {one} came twice with different content{more}: one version is not what it sent",
        "RFC 5961 §5.2",
    ),
    "reset-forged": Sentence(
        _ERROR,
        "an RST that claims to be from {one} was forged on the way: its TTL shows that it took another route than the "
        "other packets, and {one} went on",
        "RFC 5961 §3.2",
    ),
    "proxy-header": Sentence(
        _INFO, "{client} used a PROXY header to tell {server} whose connection this is: {detail}", "PROXY protocol §2"
    ),
    "tunnel": Sentence(_INFO, "{client} connects through {server}: {rest}", "RFC 1928, RFC 9110 §9.3.6"),
    "tunnel-refused": Sentence(_ERROR, "{server}, {rest}", "RFC 1928 §6"),
    "syn-ack-lost": Sentence(
        _WARNING,
        "the first SYN-ACK from {one} did not reach {other}, so the handshake had to be repeated",
        "RFC 9293 §3.5",
    ),
    "third-ack-lost": Sentence(
        _WARNING,
        "{other}'s ACK, the third segment of the handshake, did not reach {one}, which sent its SYN-ACK again",
        "RFC 9293 §3.5",
    ),
    "fin-lost": Sentence(
        _WARNING, "the first FIN from {one} did not reach {other}, and was sent again", "RFC 9293 §3.6"
    ),
    "fin-ack-lost": Sentence(
        _WARNING,
        "{other} acknowledged the FIN from {one}, but the ACK did not arrive: {one} sent its FIN again",
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
    "packet-duplicated": Sentence(_INFO, "a packet from {one} arrived twice; {other} keeps one", "RFC 9293 §3.10.7.4"),
    "sent-again-needlessly": Sentence(
        _INFO,
        "{one} resent data that {other} had acknowledged: the data had arrived, and the ACK came late or not at all",
        "RFC 6298 §5",
    ),
    "large-packets-lost": Sentence(
        _ERROR,
        "large packets from {one} are lost and small ones arrive: somewhere on the way to {other} the MTU is smaller, "
        "and no router says so (a path MTU black hole)",
        "RFC 2923 §2.1",
    ),
    "octets-never-arrived": Sentence(
        _ERROR,
        "octets from {one} never arrived{more}: to the end, {other} acknowledged only what came before them",
        "RFC 9293 §3.10.7.4",
    ),
    "connection-dead": Sentence(
        _ERROR,
        "{one} sent the same data again, and {other} never acknowledged it: packets no longer arrive, and the "
        "connection may be half-open",
        "RFC 9293 §3.5.1",
    ),
    "window-closed": Sentence(
        _WARNING, "{one} closed its receive window: {other} had to wait until it opened again", "RFC 9293 §3.8.6.1"
    ),
    "icmp-unreachable": Sentence(
        _INFO,
        "a router objected to a packet of an open connection between {client} and {server}: {detail}; TCP treats this "
        "as a hint and goes on",
        "RFC 5927 §5.2",
    ),
    "path-mtu-told": Sentence(
        _INFO,
        "a router reported that packets between {client} and {server} are too large for the path: {detail}; TCP makes "
        "its segments smaller",
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

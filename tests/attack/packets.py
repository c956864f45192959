"""Long captures of a few lines: one conversation, packet by packet, at little cost for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.fuzz.packets import ipv4, tcp

SYN, SYN_ACK, ACK, FIN = 0x02, 0x12, 0x10, 0x11


@dataclass
class Line:
    """A TCP connection.  ``next`` are the sequence numbers that client and server send next."""

    port: int = 25
    client: int = 40_000
    packets: list[bytes] = field(default_factory=list)
    next: list[int] = field(default_factory=lambda: [1_000, 9_000])

    def segment(self, server: bool, octets: bytes = b"", flags: int = 0x18, at: int | None = None) -> Line:
        """One segment, at a place of its own or next; what is said at a place of its own moves nothing on."""
        sequence = self.next[server] if at is None else at
        make = partial(tcp, server=server, port=self.port, client=self.client, ack=self.next[not server])
        self.packets.append(ipv4(make(octets, sequence, flags), server=server))
        if at is None:
            self.next[server] += len(octets) + bool(flags & 0x03)
        return self

    def open(self) -> Line:
        """The handshake."""
        return self.segment(False, flags=SYN).segment(True, flags=SYN_ACK).segment(False, flags=ACK)

    def say(self, server: bool, octets: bytes, most: int = 1_400) -> Line:
        """Some octets, in segments."""
        for at in range(0, len(octets), most):
            self.segment(server, octets[at : at + most])
        return self

    def ask(self, command: bytes, reply: bytes) -> Line:
        """A command and its reply."""
        return self.say(False, command + b"\r\n").say(True, reply + b"\r\n")

    def mail(self) -> Line:
        """SMTP, up to where the message goes."""
        self.open().say(True, b"220 mx.example ESMTP\r\n").ask(b"EHLO client.example", b"250 mx.example")
        self.ask(b"MAIL FROM:<a@example.org>", b"250 2.1.0 Ok").ask(b"RCPT TO:<b@example.net>", b"250 2.1.5 Ok")
        return self.ask(b"DATA", b"354 go on")

    def message(self, content: bytes) -> list[bytes]:
        """The message, and all packets."""
        return self.say(False, content + b"\r\n.\r\n").say(True, b"250 2.0.0 queued\r\n").end()

    def end(self) -> list[bytes]:
        """Both FINs; gives all packets."""
        return self.segment(False, flags=FIN).segment(True, flags=FIN).segment(False, flags=ACK).packets

    def sent(self, pieces: Iterable[tuple[int, bytes]], octets: int) -> list[bytes]:
        """Pieces of a message at places counted from here, in the order in which they come; gives all packets."""
        start = self.next[False]
        for at, piece in pieces:
            self.segment(False, piece, at=start + at)
        self.next[False] += octets
        return self.message(b"")


def twice(packets: Iterable[bytes]) -> Iterator[bytes]:
    """Each packet as a capture at two places holds it."""
    for packet in packets:
        yield packet
        yield packet

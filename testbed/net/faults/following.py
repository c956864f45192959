"""An SMTP dialogue, followed from the packets of its connection: which of them completes a command, or its reply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from testbed.net.packet import Kind, Packet
from testbed.protocols.smtp_dialogue import SmtpDialogue
from testbed.protocols.smtp_octets import Command, End

_HALF, _FULL = 1 << 31, 1 << 32
_MAX_EARLY = 256  # segments that wait for one before them
_CHALLENGE = "334"  # of AUTH (RFC 4954 §4)
_DIGITS = b"2345"  # with which replies of SMTP begin


class Said(Struct, frozen=True):
    """A command, or a reply, is whole: of a verb, ``connect`` (the greeting) or ``message``."""

    stage: str
    is_reply: bool


@dataclass(slots=True)
class _Stream:
    """What one end sends, in order; segments that come again, or too early, notwithstanding."""

    next: int
    early: dict[int, bytes] = field(default_factory=dict)

    def take(self, packet: Packet) -> bytes:
        """The octets that come in order with this packet."""
        if packet.payload and len(self.early) < _MAX_EARLY:
            self.early[packet.sequence] = packet.data[-packet.payload :]
        found = bytearray()
        for sequence in sorted(self.early, key=self._ahead):
            octets, ahead = self.early[sequence], self._ahead(sequence)
            if ahead > 0:
                break
            del self.early[sequence]
            found += octets[-ahead:]
            self.next = (self.next + max(0, len(octets) + ahead)) % _FULL
        return bytes(found)

    def _ahead(self, sequence: int) -> int:
        return (sequence - self.next + _HALF) % _FULL - _HALF


class Following:
    """One connection, from its SYN on.  ``ended`` tells that it is over.

    Nothing is followed that begins otherwise than with a greeting of SMTP, and nothing behind the beginning of TLS.
    """

    def __init__(self, syn: Packet) -> None:
        self.client, self._server = syn.ends
        self.ended = False
        self._streams = {self.client: _Stream((syn.sequence + 1) % _FULL)}
        self._dialogue = SmtpDialogue()
        self._dialogue.connected()
        self._greeted = self._opaque = False
        self._due = 0  # replies to the last message, of which LMTP has one for each recipient
        self._finished: set[tuple[str, int]] = set()

    def follow(self, packet: Packet) -> list[Said]:
        """Take a packet into account; what is whole with it."""
        sender = packet.ends[0]
        if packet.kind is Kind.SYN_ACK:
            self._streams[sender] = _Stream((packet.sequence + 1) % _FULL)
        if packet.kind is Kind.FIN:
            self._finished.add(sender)
        self.ended = packet.kind is Kind.RST or len(self._finished) == 2
        stream = self._streams.get(sender)
        octets = stream.take(packet) if stream is not None and not self._opaque else b""
        if not octets:
            return []
        return list(self._asked(octets) if sender == self.client else self._answered(octets))

    def _asked(self, octets: bytes) -> Iterator[Said]:
        self._dialogue.feed(octets)
        yield from self._parts()

    def _parts(self) -> Iterator[Said]:
        """What the client has said, as far as its meaning is known: it may hang on a reply."""
        dialogue = self._dialogue
        while (part := dialogue.take()) is not None:
            if isinstance(part, End):
                self._due = len(dialogue.transaction.recipients) if dialogue.lmtp else 1
                yield Said("message", is_reply=False)
            elif isinstance(part, Command):
                yield Said(part.verb, is_reply=False)
            dialogue.passed(part)

    def _answered(self, octets: bytes) -> Iterator[Said]:
        if not self._greeted and octets[:1] not in _DIGITS:
            self._opaque = True
            return
        self._greeted = True
        for reply in self._dialogue.heard(octets):
            self._due -= reply.stage == "message"
            goes_on = self._due > 0 if reply.stage == "message" else reply.code == _CHALLENGE
            if not goes_on:
                yield Said(reply.stage, is_reply=True)
        if self._dialogue.begins_tls:
            self._opaque = True
        else:
            yield from self._parts()

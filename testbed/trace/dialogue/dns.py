"""DNS queries and answers as exchanges (RFC 1035; over TCP with a length before each message, RFC 7766)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from testbed.protocols.text import printable
from testbed.trace.flows import CLIENT
from testbed.trace.model import Command, Exchange, Phase, Reply, Transaction
from testbed.trace.reassembly import Chunk, Gap

if TYPE_CHECKING:
    import dns.message

_MAX_LINES = 50


class DnsDialogue:
    """Pairs queries with answers by their id.  ``stream`` tells TCP from UDP."""

    def __init__(self, *, stream: bool) -> None:
        self._stream = stream
        self._buffers = (bytearray(), bytearray())
        self._exchanges: list[Exchange] = []
        self._open: dict[tuple[int, str, str], deque[int]] = {}

    def feed(self, item: Chunk | Gap) -> None:
        """The next datagram, or the next octets of a stream."""
        if isinstance(item, Gap):
            self._buffers[item.side].clear()
        elif not self._stream:
            self._message(item.octets, item)
        else:
            buffer = self._buffers[item.side]
            buffer += item.octets
            while len(buffer) >= 2 and len(buffer) >= 2 + (length := buffer[0] << 8 | buffer[1]):
                self._message(bytes(buffer[2 : 2 + length]), item)
                del buffer[: 2 + length]

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood."""
        return tuple(self._exchanges), ()

    def _message(self, wire: bytes, item: Chunk) -> None:
        import dns.exception
        import dns.message

        try:
            message = dns.message.from_wire(wire, ignore_trailing=True, continue_on_error=True)
        except (dns.exception.DNSException, ValueError, IndexError, UnicodeError):
            side = "query" if item.side == CLIENT else "answer"
            command = Command("DNS", f"malformed {side}", (item.frame,), item.time_ns, len(wire))
            self._exchanges.append(Exchange(Phase.TRANSFER, command, None, "this is no DNS message"))
            return
        if message.flags & 0x8000:
            self._answer(message, item, len(wire))
        else:
            self._query(message, item, len(wire))

    def _query(self, message: dns.message.Message, item: Chunk, octets: int) -> None:
        kind, name = _question(message)
        command = Command(kind, name, (item.frame,), item.time_ns, octets)
        self._open.setdefault((message.id, kind, name.lower()), deque()).append(len(self._exchanges))
        self._exchanges.append(Exchange(Phase.TRANSFER, command, None, "no answer"))

    def _answer(self, message: dns.message.Message, item: Chunk, octets: int) -> None:
        import dns.rcode

        kind, name = _question(message)
        lines = _records(message)
        code = dns.rcode.to_text(message.rcode())
        reply = Reply(code, "", lines, (item.frame,), item.time_ns, octets)
        note = "" if code == "NOERROR" else _WORDS.get(code, "")
        if message.flags & 0x0200:
            note = "truncated; to be asked again over TCP"
        elif code == "NOERROR" and not lines:
            note = "no such record"
        waiting = self._open.get((message.id, kind, name.lower()))
        if waiting:
            at = waiting.popleft()
            self._exchanges[at] = Exchange(Phase.TRANSFER, self._exchanges[at].command, reply, note)
        else:
            self._exchanges.append(Exchange(Phase.TRANSFER, None, reply, note))


_WORDS = {
    "NXDOMAIN": "the name does not exist",
    "SERVFAIL": "the name server failed",
    "REFUSED": "the name server refuses to answer",
    "FORMERR": "the name server did not understand",
    "NOTIMP": "the name server cannot do that",
}


def _question(message: dns.message.Message) -> tuple[str, str]:
    import dns.rdatatype

    if not message.question:
        return "DNS", ""
    question = message.question[0]
    return dns.rdatatype.to_text(question.rdtype), printable(question.name.to_text(omit_final_dot=True))


def _records(message: dns.message.Message) -> tuple[str, ...]:
    import dns.rdatatype

    lines = []
    for rrset in message.answer:
        for rdata in rrset:
            try:
                text = rdata.to_text()
            except (ValueError, UnicodeError):
                text = "(unreadable)"
            lines.append(printable(f"{dns.rdatatype.to_text(rrset.rdtype)} {text}")[:300])
            if len(lines) == _MAX_LINES:
                return tuple(lines)
    return tuple(lines)

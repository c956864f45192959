"""A capture without what identifies people, hosts and messages, with as many packets of as many octets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from ipaddress import ip_address

import numpy as np
from msgspec.structs import replace

from testbed import __version__
from testbed.errors import CaptureError
from testbed.pcap.capture import Capture, Interface
from testbed.pcap.decode import table_and_fragments
from testbed.pcap.read import parse_capture, read_capture
from testbed.pcap.rewrite import rewrite
from testbed.pcap.table import TCP
from testbed.plural import count
from testbed.protocols.text import shown
from testbed.redact.addresses import Addresses
from testbed.redact.dialogues.dialogue import Tools
from testbed.redact.dns import DnsMessages
from testbed.redact.filler import Filler
from testbed.redact.journal import journal
from testbed.redact.packets import Packets
from testbed.redact.stream import Redaction
from testbed.redact.texts import Texts
from testbed.redact.words import Words
from testbed.trace.analysis import ANNOTATION, Analysis
from testbed.trace.flows import Flow
from testbed.trace.inspect import analyse
from testbed.trace.services.table import name_by_port, service_of
from testbed.trace.tcp.reassembly import Chunk, Gap, reassemble

MOST_OCTETS = 128 << 20
"""Of a capture: all of it is read closely, at about a megabyte in a second."""
MOST_PACKETS = 500_000
_PLAIN_NAME = re.compile(r"(?:wire|lost|any|lo\d?|(?:eth|bond|tun|tap)\d{1,3}|(?:en|wl)\w{1,12}|br-?\d{1,3})\Z")


class Redactor:
    """Redacts captures under one secret ``key`` of 64 octets: what is the same in several stays the same."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        texts = Texts(Words(key), Addresses(key))
        self._tools = Tools(texts, Filler(key))
        self._dns = DnsMessages(texts, self._tools.filler)

    def __reduce__(self) -> tuple[type[Redactor], tuple[bytes]]:
        return Redactor, (self._key,)

    def inspected(self, path: str, number: int, *, show_credentials: bool = False) -> Analysis:
        """Annotate a capture after it was redacted; it is told as ``redacted-1.pcapng``, by its number among several.

        Raises CaptureError when the file is no capture, or too large.
        """
        capture = self.capture(read_capture(path), path)
        return analyse(capture, f"redacted-{number}.pcapng", show_credentials=show_credentials)

    def capture(self, capture: Capture, name: str = "capture") -> Capture:
        """The capture redacted.  Raises CaptureError for one that is too large."""
        if len(capture.data) > MOST_OCTETS or len(capture.frame) > MOST_PACKETS:
            raise CaptureError(
                f"{shown(name)}: it is too large to redact, which takes at most {MOST_OCTETS >> 20} MiB and "
                f"{MOST_PACKETS:,} packets; cut out what matters, e.g. with editcap or tshark -Y"
            )
        original, capture = capture, replace(capture, secrets=())
        table, fragments = table_and_fragments(capture)
        packets = Packets(capture, table, fragments, self._tools)
        analysis = analyse(capture)
        for index, flow in enumerate(analysis.understanding.flows):
            carry = self._tcp if flow.protocol == TCP else self._udp
            carry(analysis, index, flow, packets)
        return self._written_again(
            replace(
                capture,
                data=packets.finish(),
                interfaces=tuple(map(self._interface, capture.interfaces)),
                names=dict(map(self._name, capture.names.items())),
                journal=tuple(journal(entry, self._tools.texts) for entry in capture.journal),
                comments={},
                problems=(*capture.problems, *_left_out(original)),
                redacted=True,
            )
        )

    def _written_again(self, capture: Capture) -> Capture:
        """The same read from a file of its own, so that nothing else of the original is in its octets."""
        file = BytesIO()
        rewrite(capture, file, application=f"Mail Testbed {__version__}")
        return replace(parse_capture(np.frombuffer(file.getvalue(), np.uint8)), problems=capture.problems)

    def _tcp(self, analysis: Analysis, index: int, flow: Flow, packets: Packets) -> None:
        payload = analysis.table.octets
        if not any(flow.length):
            return
        items: list[Chunk | Gap] = list(reassemble(analysis.understanding.received(index), payload))
        redaction = Redaction(items, flow.server[1], self._tools)
        for place, row in enumerate(flow.index):
            octets = payload(row) if flow.length[place] else b""
            if octets:
                sequence = (flow.sequence[place] + bool(flow.flags[place] & 2)) & 0xFFFFFFFF
                packets.carry(row, redaction.segment(flow.side[place], sequence, octets))

    def _udp(self, analysis: Analysis, index: int, flow: Flow, packets: Packets) -> None:
        dns = service_of(name_by_port("udp", flow.server[1])).questions
        for row in flow.index:
            octets = analysis.table.octets(row)
            packets.carry(row, self._dns.message(octets) if dns else self._tools.filler.octets(octets))

    def _interface(self, interface: Interface) -> Interface:
        if _PLAIN_NAME.match(interface.name):
            return interface
        return replace(interface, name=self._tools.texts.names(interface.name.encode()).decode("utf-8", "replace"))

    def _name(self, item: tuple[str, str]) -> tuple[str, str]:
        address, name = item
        packed = self._tools.texts.addresses.packed(ip_address(address).packed)
        return str(ip_address(packed)), self._tools.texts.host(name.encode()).decode("utf-8", "replace")


def _left_out(capture: Capture) -> Iterator[str]:
    """Sentences on what the redacted capture does not hold."""
    if any(map(len, capture.secrets)):
        yield "TLS keys are left out, so nobody can tell what TLS hid"
    commented = sum(any(not text.startswith(ANNOTATION) for text in texts) for texts in capture.comments.values())
    if commented:
        yield f"{count(commented, 'packet')} had comments, which are left out"
    if capture.journal:
        yield "of log entries, times, hosts, and sentences without names are kept; of a lab's, its scenario is left out"

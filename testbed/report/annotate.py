"""The capture written again as pcapng, with a comment on every packet, to be read in Wireshark."""

from __future__ import annotations

from typing import BinaryIO

from testbed import __version__
from testbed.pcap.write import BlockWriter
from testbed.trace.analysis import Analysis, PacketRow


def annotate(analysis: Analysis, out: BinaryIO) -> None:
    """Write the annotated capture: packets and journal entries in their order, with their names."""
    capture = analysis.capture
    writer = BlockWriter(out, application=f"Mail Testbed {__version__}")
    for interface in capture.interfaces:
        writer.interface(interface.link_type, interface.name, interface.snap_length)
    if capture.names:
        writer.names(capture.names)
    evidence: dict[int, list[str]] = {}
    for finding in analysis.findings:
        for frame in finding.frames[:50]:
            evidence.setdefault(frame, []).append(f"{finding.severity}: {finding.text}")
    entries = iter(capture.journal)
    entry = next(entries, None)
    for row, packet in enumerate(analysis.packets()):
        while entry is not None and entry.frame < packet.frame:
            writer.journal(entry.fields)
            entry = next(entries, None)
        writer.packet(
            int(capture.interface[row]),
            packet.time_ns,
            capture.octets(row),
            packet.length,
            "\n".join([_comment(packet), *evidence.get(packet.frame, ())]).strip(),
        )
    while entry is not None:
        writer.journal(entry.fields)
        entry = next(entries, None)
    writer.flush()


def _comment(packet: PacketRow) -> str:
    parts = [f"#{packet.connection} {packet.phase}: {packet.step}"] if packet.connection else []
    parts += [name.replace("_", " ") for name in packet.tcp]
    parts += [packet.comment] if packet.comment else []
    return "; ".join(parts)

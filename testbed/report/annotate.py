"""The capture written again as pcapng, with a comment on every packet, to be read in Wireshark."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from testbed import __version__
from testbed.errors import not_written
from testbed.outcome import Outcome
from testbed.pcap.rewrite import rewrite
from testbed.protocols.text import shown
from testbed.trace.analysis import ANNOTATION, Analysis, PacketRow
from testbed.whole_file import whole_file


def annotate(analysis: Analysis, out: BinaryIO) -> None:
    """Write the annotated capture, as :func:`testbed.pcap.rewrite.rewrite` does."""
    evidence: dict[int, list[str]] = {}
    for finding in analysis.all_findings():
        for frame in finding.frames[:50]:
            evidence.setdefault(frame, []).append(f"{finding.severity}: {finding.text}")
    packets = analysis.packets()

    def comments(row: int) -> list[str]:
        packet = next(packets)
        return _comments(packet, evidence.get(packet.frame, []))

    rewrite(analysis.capture, out, application=f"Mail Testbed {__version__}", comments=comments)


def annotated(outcome: Outcome) -> Outcome:
    """The same outcome, its trace with a comment on every packet; raises as :func:`annotate_file`."""
    if outcome.analysis is not None:
        annotate_file(outcome.analysis)
    return outcome


def annotate_file(analysis: Analysis) -> None:
    """Put the annotated capture in the place of the file it was read from.

    A file with problems stays as it is: what could not be read would be missing.  Raises MachineError when the folder
    has no room for it; the file is whole then, without comments.
    """
    if analysis.problems:
        return
    target = Path(analysis.path)
    try:
        with whole_file(target) as out:
            annotate(analysis, out)
    except OSError as error:
        raise not_written(f"{shown(target)}: the trace cannot be annotated", error) from error


def _comments(packet: PacketRow, evidence: list[str]) -> list[str]:
    """The comment the packet already had, then ours."""
    parts = [f"#{packet.connection} {packet.phase}: {packet.step}"] if packet.connection else []
    parts += [name.replace("_", " ") for name in packet.tcp]
    ours = ["; ".join(parts)] if parts else []
    return [*([packet.comment] if packet.comment else []), *(ANNOTATION + text for text in (*ours, *evidence))]

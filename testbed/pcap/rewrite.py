"""A capture written again as pcapng: packets and log entries in their order, so that each keeps its frame number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

from testbed.pcap.capture import REDACTED, Capture
from testbed.pcap.write import BlockWriter


def rewrite(
    capture: Capture, out: BinaryIO, *, application: str, comments: Callable[[int], Sequence[str]] = lambda row: ()
) -> None:
    """Write it, with its names and before all packets the TLS keys that open them.

    ``comments`` are asked for each row in turn.  What had a frame number and was not read leaves an empty block.
    """
    writer = BlockWriter(out, application=application, comment=_told_of(capture))
    for interface in capture.interfaces:
        writer.interface(interface.link_type, interface.name, interface.snap_length)
    if capture.names:
        writer.names(capture.names)
    for keys in filter(len, capture.secrets):
        writer.secrets(bytes(keys))
    entries = {entry.frame: entry for entry in capture.journal}
    row = 0
    for frame in range(1, capture.frames + 1):
        if row < len(capture.frame) and capture.frame[row] == frame:
            writer.packet(
                int(capture.interface[row]),
                max(
                    0, int(capture.time_ns[row])
                ),  # pcapng counts from 1970; a crafted capture may claim an earlier time
                capture.octets(row),
                int(capture.original[row]),
                comments(row),
            )
            row += 1
        elif frame in entries:
            writer.journal(entries[frame].fields)
        else:
            writer.nothing()
    writer.flush()


def _told_of(capture: Capture) -> str:
    return f"{REDACTED}: {'; '.join(capture.problems)}" if capture.redacted else ""

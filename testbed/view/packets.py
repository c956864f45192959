"""The packets of a connection, and the octets of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.text import Text

from testbed.report.clock import elapsed
from testbed.trace.analysis import Analysis, PacketRow
from testbed.view.place import Place
from testbed.view.rows import Rows
from testbed.view.words import cell, line, right, told

_IN_A_LINE = 16


class Packets(Rows):
    """A row for each: frame, time since the connection began, direction, length on the wire, what it is."""

    def __init__(self, place: Place, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place = place
        self._packets: Sequence[PacketRow] = ()

    def on_mount(self) -> None:
        self._packets = [*self._place.analysis.packets(self._place.number)]
        self.show(len(self._packets))

    @property
    def frame(self) -> int:
        """The frame under the cursor, 0 where there is none."""
        return self._packets[self.cursor].frame if self._packets else 0

    def go_to(self, frame: int) -> None:
        """Move the cursor to a frame; stay where this connection does not have it."""
        for place, packet in enumerate(self._packets):
            if packet.frame == frame:
                self.go(place)
                return

    def text_of(self, place: int, width: int) -> Text:
        packet, connection = self._packets[place], self._place.connection
        flags = packet.flags if packet.flags not in packet.step else ""
        events = (name.replace("_", " ") for name in packet.tcp)
        what = " · ".join(filter(None, (packet.step, flags, *events, packet.comment)))
        return Text(" ").join(
            (
                right(str(packet.frame), 6),
                right(f"+{elapsed(packet.time_ns - connection.start_ns)}", 12, "quiet"),
                told("→" if packet.source == str(connection.client) else "←"),
                right(str(packet.length), 6),
                cell(str(packet.phase or ""), 9, str(packet.phase or "")),
                told(what + (" · lost" if packet.lost else ""), "lost" if packet.lost else ""),
            )
        )


def octets_of(analysis: Analysis, frame: int) -> Iterator[Text]:
    """The captured octets of a frame, as hexadecimal numbers and as ASCII."""
    rows = np.flatnonzero(analysis.capture.frame == frame)
    found = analysis.capture.octets(int(rows[0])) if len(rows) else b""
    for start in range(0, len(found), _IN_A_LINE):
        part = found[start : start + _IN_A_LINE]
        letters = "".join(chr(one) if 32 <= one < 127 else "·" for one in part)
        yield line(told(f"{start:04x}  ", "quiet"), told(f"{part.hex(' '):<47}  {letters}"))

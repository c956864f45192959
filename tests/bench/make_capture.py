"""Makes a large capture out of a small one: many clients, each with the connection of a reference trace, interleaved.

``python tests/bench/make_capture.py OUT.pcap CONNECTIONS``
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np

from testbed.pcap.read import read_capture
from testbed.pcap.table import TCP, packet_table

PROJECT = Path(__file__).parents[2]
TEMPLATES = ("delivered", "mailbox-full", "data-segment-lost")
_SPACING_NS = 2_000_000  # between the starts of two connections
_LINKTYPE_RAW = 101


def template(name: str) -> list[tuple[int, bytes]]:
    """The packets of the SMTP connections of a reference trace: time since the first, and octets."""
    capture = read_capture(PROJECT / "captures" / f"{name}.pcapng")
    table = packet_table(capture)
    rows = table.row[(table.protocol == TCP) & ((table.source_port == 25) | (table.destination_port == 25))]
    times = capture.time_ns[rows]
    spread = np.minimum(np.diff(times, prepend=times[:1]), 50_000_000).cumsum()  # no hours between packets
    return [(int(time), capture.octets(int(row))) for time, row in zip(spread, rows, strict=True)]


def make(path: Path, connections: int) -> int:
    """Write the capture and give the number of its packets."""
    templates = [template(name) for name in TEMPLATES]
    records: list[tuple[int, int, int, int]] = []  # time, connection, template, packet
    for number in range(connections):
        packets = templates[number % len(templates)]
        start = number * _SPACING_NS
        records += [(start + time, number, number % len(templates), n) for n, (time, _) in enumerate(packets)]
    records.sort()
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, _LINKTYPE_RAW))
        for time, number, which, n in records:
            data = _for_client(templates[which][n][1], number)
            seconds, ns = divmod(1_700_000_000_000_000_000 + time, 1_000_000_000)
            out.write(struct.pack("<IIII", seconds, ns, len(data), len(data)) + data)
    return len(records)


def _for_client(data: bytes, number: int) -> bytes:
    """The packet as if the relay had the address 10.x.y.z (checksums are left as they were)."""
    address = bytes((10, number >> 16 & 255, number >> 8 & 255, number & 255))
    at = 12 if data[22:24] == b"\0\x19" else 16  # the client's address is the source of packets to port 25
    return data[:at] + address + data[at + 4 :]


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), int(sys.argv[2])), "packets")

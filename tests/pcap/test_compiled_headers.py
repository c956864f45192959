"""Packet tables and flows are the same whoever makes them: the compiled library, or NumPy without it."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import fields

from testbed.native.library import WITHOUT, library
from testbed.pcap.capture import Capture
from testbed.pcap.decode import packet_table
from testbed.pcap.read import parse_capture, read_capture
from testbed.pcap.table import PacketTable
from testbed.trace.flows import flows
from testbed.trace.services.table import PORTS
from tests.conftest import PROJECT

ETHERNET = bytes(12)
V4 = bytes.fromhex("450000340001400040060000 0a000001 0a000002")
V6 = bytes.fromhex("60000000 0028 06 40") + bytes(15) + b"\1" + bytes(15) + b"\2"
EXTENDED = bytes.fromhex("60000000 0030 00 40") + bytes(31) + b"\2" + bytes.fromhex("0600000000000000")
PIECE = bytes.fromhex("60000000 0030 2c 40") + bytes(31) + b"\2" + bytes.fromhex("0600000100000000")
TCP = bytes.fromhex("9c40 0019 00000001 00000002 5018 0200 00000000") + b"EHLO a.example\r\n"
UDP = bytes.fromhex("9c40 0035 0018 0000") + bytes(16)
BEGINNINGS = {
    1: [
        *(
            ETHERNET + bytes.fromhex(kind)
            for kind in ("0800", "86dd", "81000001 0800", "88a80001 81000002 86dd", "0806")
        ),
        *(
            ETHERNET + bytes.fromhex(kind)
            for kind in ("88641100 0001 0036 0021", "8847 00001140", "8847 00001040 00002140")
        ),
    ],
    113: [bytes(14) + b"\x08\0", bytes(14) + b"\x86\xdd"],
    276: [b"\x08\0" + bytes(18), b"\x86\xdd" + bytes(18)],
    0: [b"\2\0\0\0", b"\0\0\0\x1e"],
    101: [b""],
    147: [b""],
}


def hostile(seed: int) -> Capture:
    """Packets of one link type, some octets of them changed, some cut, in a file that may break off in the last."""
    draw = random.Random(seed)
    link = draw.choice([*BEGINNINGS])
    file = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link)
    for number in range(60):
        packet = bytearray(
            draw.choice(BEGINNINGS[link]) + draw.choice((V4, V4, V6, EXTENDED, PIECE)) + draw.choice((TCP, UDP))
        )
        for _ in range(draw.choice((0, 0, 0, 1, 3))):
            packet[draw.randrange(len(packet))] = draw.choice((0, 1, 4, 6, 17, 44, 58, 255, draw.randrange(256)))
        kept = packet[: draw.choice((len(packet), len(packet), draw.randrange(len(packet) + 1)))]
        said = draw.choice((len(packet), len(kept), draw.randrange(100)))
        file += struct.pack("<IIII", number, 0, len(kept), said) + kept
    return parse_capture(np.frombuffer(file, np.uint8))


def told(table: PacketTable) -> list[object]:
    """All that a packet table tells, its addresses as texts, and the flows it makes."""
    columns = [
        field.name
        for field in fields(table)
        if field.name not in ("capture", "v6_addresses", "unread", "sender", "receiver")
    ]
    found: list[object] = [getattr(table, name).tolist() for name in columns]
    made = flows(table, PORTS)
    grouped = [column.tolist() for column in (made.order, made.start, made.stop, made.from_client, made.repeats)]
    return [*found, [table.ends(row) for row in range(len(table))], table.unread, grouped]


@pytest.mark.skipif(library() is None, reason="there is no compiled library")
@pytest.mark.parametrize(
    "source", [*range(0, 400, 40), *sorted((PROJECT / "captures").glob("*.pcapng"))[::40]], ids=str
)
def test_both_make_the_same(source: int | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [read_capture(source)] if isinstance(source, Path) else [hostile(source + place) for place in range(40)]
    made = []
    for without in ("", "1"):
        monkeypatch.setenv(WITHOUT, without)
        library.cache_clear()
        made.append([told(packet_table(capture)) for capture in some])
    library.cache_clear()
    assert made[0] == made[1]
    assert any(table[0] for table in made[0])

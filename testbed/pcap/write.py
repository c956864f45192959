"""Writes pcapng (draft-ietf-opsawg-pcapng): packets, host names, TLS keys, journal entries.

:class:`BlockWriter` knows blocks; :class:`TraceWriter` is what a lab writes its trace with.  Journal entries
follow systemd's Journal Export Format.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import BinaryIO

_SECTION, _INTERFACE, _NAMES, _PACKET, _JOURNAL, _SECRETS = 0x0A0D0D0A, 1, 4, 6, 9, 10
_COMMENT, _USER_APPLICATION, _INTERFACE_NAME, _RESOLUTION = 1, 4, 2, 9
_CUSTOM, _NO_ENTERPRISE = 0x40000BAD, 0
_NANOSECONDS = b"\x09"
_TLS_KEY_LOG = 0x544C534B
_MAX_OPTION = 65_535

LINKTYPE_RAW = 101
WIRE, LOST = "wire", "lost"

_PACKET_HEADER = struct.Struct("<IIIIIII")
_LENGTH = struct.Struct("<I")


class BlockWriter:
    """Writes one section to ``file``, block by block; nothing is kept."""

    def __init__(self, file: BinaryIO, *, application: str, comment: str = "") -> None:
        self._write = file.write
        self._flush = file.flush
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        comments = [(_COMMENT, comment.encode())] if comment else []
        self._block(_SECTION, section + _options(*comments, (_USER_APPLICATION, application.encode())))

    def interface(self, link_type: int, name: str, snap_length: int = 0) -> None:
        """Describe the next interface; its packets have nanosecond times."""
        options = [(_INTERFACE_NAME, name.encode())] if name else []
        body = struct.pack("<HHI", link_type, 0, snap_length) + _options(*options, (_RESOLUTION, _NANOSECONDS))
        self._block(_INTERFACE, body)

    def names(self, names: Mapping[str, str]) -> None:
        """Tell readers the names of addresses."""
        records = []
        for address, name in names.items():
            packed = ip_address(address).packed
            value = packed + name.encode() + b"\0"
            records.append(struct.pack("<HH", 1 if len(packed) == 4 else 2, len(value)) + _padded(value))
        self._block(_NAMES, b"".join(records) + bytes(4))

    def secrets(self, keylog: bytes) -> None:
        """TLS keys in the NSS key log format; they must come before the packets they open."""
        self._block(_SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(keylog)) + _padded(keylog))

    def packet(self, interface: int, time_ns: int, data: bytes, original: int, comments: Sequence[str] = ()) -> None:
        """One packet; ``original`` is its length on the wire."""
        length = len(data)
        tail = bytes(-length % 4)
        if comments:
            tail += _options(*((_COMMENT, comment.encode()) for comment in comments))
        total = 32 + length + len(tail)
        header = _PACKET_HEADER.pack(_PACKET, total, interface, time_ns >> 32, time_ns & 0xFFFFFFFF, length, original)
        self._write(b"".join((header, data, tail, _LENGTH.pack(total))))

    def journal(self, fields: Mapping[str, str]) -> None:
        """One journal entry."""
        text = b"".join(_journal_field(name, value) for name, value in fields.items())
        self._block(_JOURNAL, _padded(text + b"\n"))

    def nothing(self) -> None:
        """A block that says nothing, and that readers count as a frame."""
        self._block(_CUSTOM, struct.pack("<I", _NO_ENTERPRISE))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._flush()

    def _block(self, kind: int, body: bytes) -> None:
        total = 12 + len(body)
        self._write(struct.pack("<II", kind, total) + body + _LENGTH.pack(total))


class TraceWriter:
    """The trace of a lab: interface 0 is the wire, interface 1 takes what the wire destroyed.

    Frames are numbered as Wireshark numbers them: packets and log entries alike, from 1.
    """

    def __init__(self, file: BinaryIO, *, application: str) -> None:
        self._blocks = BlockWriter(file, application=application)
        self._frames = 0
        self.names = self._blocks.names
        self.secrets = self._blocks.secrets
        self.flush = self._blocks.flush
        for name in (WIRE, LOST):
            self._blocks.interface(LINKTYPE_RAW, name)

    def packet(self, time_ns: int, data: bytes, *, lost: bool = False, comment: str = "") -> int:
        """One raw IP packet; gives its frame number."""
        self._blocks.packet(int(lost), time_ns, data, len(data), (comment,) if comment else ())
        self._frames += 1
        return self._frames

    def log(
        self, time_ns: int, host: str, event: str, message: str, fields: Mapping[str, str], *, priority: int = 6
    ) -> int:
        """One entry of a host's log; gives its frame number.  ``priority`` is syslog's (6 is info)."""
        entry = {
            "__REALTIME_TIMESTAMP": str(time_ns // 1000),
            "MESSAGE": message,
            "PRIORITY": str(priority),
            "SYSLOG_IDENTIFIER": "testbed",
            "_HOSTNAME": host,
            "TESTBED_EVENT": event,
            "TESTBED_TIME_NS": str(time_ns),
            **{f"TESTBED_{name.upper()}": value for name, value in fields.items()},
        }
        self._blocks.journal(entry)
        self._frames += 1
        return self._frames


def _journal_field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "replace")
    if b"\n" in data:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"


def _options(*options: tuple[int, bytes]) -> bytes:
    parts = b"".join(
        struct.pack("<HH", code, len(value[:_MAX_OPTION])) + _padded(value[:_MAX_OPTION]) for code, value in options
    )
    return parts + bytes(4)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)

"""TLS keys in the NSS key log format, as SSLKEYLOGFILE names a file of them and pcapng's secrets blocks hold them."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterable

from msgspec import Struct, field

from testbed.errors import UsageError, reason
from testbed.protocols.text import shown

_MOST = 64 << 20  # octets of a key log
_MOST_TOGETHER = 2 * _MOST
_TLS_KEY_LOG = 0x544C534B
_LINE = re.compile(rb"^([A-Z0-9_]{1,64}) ([0-9A-Fa-f]{64}) ([0-9A-Fa-f]{2,256})[ \t]*\r?$", re.MULTILINE)


class KeyLog(Struct, frozen=True):
    """The key lines by the ClientHello's random they are for; everything else of the file is forgotten."""

    lines: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.lines)

    def secrets(self, random: bytes) -> dict[str, bytes]:
        """The secrets of one connection by their labels; of two under one label the later."""
        words = (line.decode("ascii").split(" ") for line in self.lines.get(random, ()))
        return {label: bytes.fromhex(secret) for label, _, secret in words if len(secret) % 2 == 0}

    def of(self, randoms: Iterable[bytes]) -> bytes:
        """The key log of some connections only."""
        return b"".join(line + b"\n" for random in dict.fromkeys(randoms) for line in self.lines.get(random, ()))


def parse_key_log(*texts: bytes | memoryview) -> KeyLog:
    """Read key logs, up to 128 MiB together; lines that are no keys (comments, damage) are left out."""
    lines: dict[bytes, dict[bytes, None]] = {}
    room = _MOST_TOGETHER
    for text in texts:
        for match in _LINE.finditer(text[:room]):
            label, random, secret = match.groups()
            lines.setdefault(bytes.fromhex(random.decode()), {})[b" ".join((label, random, secret))] = None
        room = max(0, room - len(text))
    return KeyLog({random: tuple(found) for random, found in lines.items()})


def secrets_in(block: memoryview, order: str) -> memoryview:
    """The key log in the body of a pcapng Decryption Secrets Block, empty where its secrets are of another kind.

    Raises struct.error when the block is too short.
    """
    kind, length = struct.unpack_from(order + "II", block)
    return block[8 : 8 + length] if kind == _TLS_KEY_LOG else block[:0]


def read_key_log(path: str) -> bytes:
    """The octets of a key log file.  Raises UsageError when it is none, or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(
                    f"{shown(path)}: this is not a regular file; --keylog takes the file SSLKEYLOGFILE named"
                )
            text = file.read(_MOST + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown(path)}: the key log cannot be read: {reason(error)}") from error
    if len(text) > _MOST:
        raise UsageError(
            f"{shown(path)}: the key log is longer than {_MOST >> 20} MiB; "
            "leave only the lines of this capture's connections"
        )
    if not _LINE.search(text):
        raise UsageError(f"{shown(path)}: this is not a TLS key log: it has no line like 'CLIENT_RANDOM <hex> <hex>'")
    return text

"""The handshake messages of one direction, put together from records; and what of them changes how records are read."""

from __future__ import annotations

from collections.abc import Iterator

_MOST = 1 << 18  # octets of a message that is waited for
_MOST_MESSAGES = 10_000
ENCRYPTED_EXTENSIONS, KEY_UPDATE = 8, 24


class Messages:
    """Cuts what handshake records hold into messages, each with its header of four octets (RFC 8446 §4)."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._found = 0
        self._lost = False  # in a message too long to be one, or behind too many

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The next octets, and the messages that they make whole."""
        if self._lost:
            return
        self._held += octets
        at = 0
        while len(self._held) - at >= 4:
            end = at + 4 + int.from_bytes(self._held[at + 1 : at + 4], "big")
            if end - at > _MOST or self._found > _MOST_MESSAGES:
                self._lost = True
                self._held.clear()
                return
            if end > len(self._held):
                break
            self._found += 1
            yield bytes(self._held[at:end])
            at = end
        del self._held[:at]

    @property
    def rest(self) -> int:
        """Octets of a message that is not whole yet."""
        return len(self._held)

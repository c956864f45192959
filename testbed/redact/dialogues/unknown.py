"""What nobody here understands is replaced as a whole: lines of text by lines, other octets by others."""

from __future__ import annotations

from testbed.redact.dialogues.dialogue import Tools, divided


class Unknown:
    """A connection of whatever kind."""

    def __init__(self, tools: Tools) -> None:
        self.corrections: list[tuple[int, bytes]] = []
        self._filler = tools.filler

    def room(self, side: int) -> int | None:
        return None

    def gap(self, side: int, octets: int) -> None:
        pass

    def line(self, side: int, line: bytes) -> bytes:
        content, end = divided(line)
        if all(0x20 <= octet < 0x7F or octet == 0x09 for octet in content):
            return self._filler.line(content) + end
        return self._filler.octets(content) + end

"""What a dialogue is to the redactor: lines of both sides, in the order in which they were said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from testbed.redact.filler import Filler
from testbed.redact.message import MessageLines
from testbed.redact.texts import Texts

CLIENT, SERVER = 0, 1


class Dialogue(Protocol):
    """Takes lines, and gives as many octets for each."""

    corrections: list[tuple[int, bytes]]
    """What is better known now of lines said before: how far back from the end of the last one, and the octets."""

    def room(self, side: int) -> int | None:
        """How many octets may be taken at a time besides where a line ends; None for as many as there are."""

    def line(self, side: int, line: bytes) -> bytes:
        """What stands for a line of one side, its end included; one that is cut off has none."""

    def gap(self, side: int, octets: int) -> None:
        """So many octets of one side are missing."""


class Tools:
    """What all dialogues of a redaction share."""

    def __init__(self, texts: Texts, filler: Filler) -> None:
        self.texts = texts
        self.filler = filler

    def message(self, command: Callable[[bytes], bytes | None] = lambda text: None) -> MessageLines:
        """A reader of messages, among whose lines there may be commands."""
        return MessageLines(self.texts, self.filler, command)


def divided(line: bytes) -> tuple[bytes, bytes]:
    """A line and its end."""
    content = line.rstrip(b"\r\n")
    return content, line[len(content) :]

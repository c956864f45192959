"""The messages of a connection as lines: header, parts, source, none of it rendered."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from testbed.plural import count
from testbed.report.html.letters import Letter, Part, letters
from testbed.report.words import frames, octets
from testbed.view.place import Place
from testbed.view.words import line, told


def message_lines(place: Place) -> list[Text]:
    """All that its messages hold; one line where there is none."""
    found = letters(place.analysis, place.connection)
    lines = [line for number, letter in enumerate(found, 1) for line in _letter(letter, number, len(found))]
    return lines or [told("No message crossed this connection, or none that can be read.", "quiet")]


def _letter(letter: Letter, number: int, of: int) -> Iterator[Text]:
    whole = "whole" if letter.complete else "not whole"
    missing = f", {count(letter.missing, 'octet')} missing" if letter.missing else ""
    title = f"message {number} of {of}" if of > 1 else "message"
    yield told(f"━━ {title} · {octets(letter.octets)}, {whole}{missing} · {frames(letter.frames)}", "phase.transfer")
    for name, value in letter.fields:
        yield line(told(f"{name}: ", "host"), told(value))
    for part in letter.parts:
        yield from _part(part)
    yield told("── source", "phase.handshake")
    yield from map(_line, letter.source.split("\n"))
    if letter.cut:
        yield told(f"… {count(letter.cut, 'more octet')}", "quiet")
    yield told("")


def _part(part: Part) -> Iterator[Text]:
    named = f" · {part.name}" if part.name else ""
    yield told(f"── {part.kind}{named} · {octets(part.octets)}", "phase.handshake")
    if part.text:
        yield from map(_line, part.text.split("\n"))
    if part.cut:
        yield told("…", "quiet")


def _line(text: str) -> Text:
    return told(text.expandtabs(8))

"""How wide text is, before anybody has chosen a font: rather too wide than too narrow."""

from __future__ import annotations

import unicodedata

_NARROW, _DIGIT, _USUAL, _CAPITAL, _BROAD, _SQUARE = 0.36, 0.62, 0.6, 0.74, 0.98, 1.05
_BY_CHARACTER = (
    dict.fromkeys("iljI|!.,:;'`", _NARROW)
    | dict.fromkeys('ftr()[]{}/\\- "', 0.42)
    | dict.fromkeys("mwMW@%—…", _BROAD)
    | dict.fromkeys("0123456789", _DIGIT)
)
_ELLIPSIS = "…"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Of a line in a font without serifs of this size."""
    return sum(map(_em, text)) * size * (1.12 if bold else 1)


def cut(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """As much of a line as there is room for, ``…`` for the rest."""
    if width(text, size, bold=bold) <= room:
        return text
    kept = text[: max(1, int(room / (_NARROW * size)))]  # more never fits
    while kept and width(kept + _ELLIPSIS, size, bold=bold) > room:
        kept = kept[:-1]
    return kept.rstrip() + _ELLIPSIS


def wrapped(text: str, size: float, room: float, most: int, *, bold: bool = False) -> list[str]:
    """Lines of whole words, at most so many; the last is cut where more is left, and so is a word that fits in none."""
    lines: list[str] = []
    rest = text.split()
    while rest and len(lines) < most:
        taken = 1
        while taken < len(rest) and width(" ".join(rest[: taken + 1]), size, bold=bold) <= room:
            taken += 1
        last = len(lines) == most - 1
        lines.append(cut(" ".join(rest if last else rest[:taken]), size, room, bold=bold))
        rest = [] if last else rest[taken:]
    return lines


def _em(character: str) -> float:
    known = _BY_CHARACTER.get(character)
    if known is not None:
        return known
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF" or ord(character) > 0xFFFF:
        return _SQUARE
    return _CAPITAL if character.isupper() or ord(character) > 0x2E7 else _USUAL

"""Strangers' text in Markdown: nothing but text, or code, behind a fence it cannot end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from testbed.protocols.text import printable

_SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")
_TICKS = re.compile("`+")
_HARMLESS = "/,.'\"()=+%-?;!"  # means nothing inside a line


def plain(text: str) -> str:
    """Text that is nothing but text: no markup, no HTML, no cell of a table ends in it, and no address is a link."""
    shown = _SPECIAL.sub(lambda found: _shown(found[0]), printable(" ".join(text.split())))
    return shown.replace("www.", "www\\.")


def _shown(character: str) -> str:
    if character in _HARMLESS:
        return character
    return "&#124;" if character == "|" else f"\\{character}"


def code(text: str) -> str:
    """Text in the middle of a line, as code."""
    text = printable(text)
    ticks = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{padding}{text}{padding}{ticks}"


def block(lines: Sequence[str], language: str = "") -> Iterator[str]:
    """Lines as code, behind a fence longer than any within them."""
    shown = [printable(line) for line in lines]
    fence = "`" * max(3, *(1 + len(run) for line in shown for run in _TICKS.findall(line)), 3)
    yield f"{fence}{language}"
    yield from shown
    yield fence

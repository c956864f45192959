"""Many bodies of HTML in little room.

Bodies made from the same templates share most of their lines.  So each line is kept once, sorted (which brings alike
ones together), and a body is the numbers of its lines; both are deflated (RFC 1951, in the form of RFC 1950) and in
base64.  That takes a third of what deflating them one by one does, whose window of 32 KB is smaller than a body.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

KEY = "\ue000"
"""Stands in packed bodies where their scenario's key belongs; no text that is safe to show holds it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """``lines``, one below the other, and ``bodies``, the numbers of their lines (from 0), a body a line."""

    lines: str
    bodies: str


def packed(bodies: Sequence[str]) -> Packed:
    """The bodies, to be unpacked by a page's script."""
    found = [body.split("\n") for body in bodies]
    lines = sorted({line for body in found for line in body})
    number = {line: place for place, line in enumerate(lines)}
    told = "\n".join(",".join(str(number[line]) for line in body) for body in found)
    return Packed(_deflated("\n".join(lines)), _deflated(told))


def _deflated(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode("utf-8", "backslashreplace"), 9)).decode()

"""Many bodies of HTML in little room.

Bodies made from the same templates share most of their lines, but for the numbers in them: times, frames, places in
pictures.  So each line is kept once without its numbers, sorted (which brings alike ones together); the numbers stand
together by line; and a body is which lines it has.  All three are deflated (RFC 1951, in the form of RFC 1950) and in
base64.  That takes a quarter of what deflating bodies one by one does, whose window of 32 KB is smaller than a body.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Sequence

from msgspec import Struct

KEY = "\ue000"
"""Stands in packed bodies where their scenario's key belongs; no text that is safe to show holds it."""

_NUMBER = "\ue001"  # stands for one; nor does it hold this
_DIGITS = re.compile(r"[0-9]+")


class Packed(Struct, frozen=True):
    """``lines``, one below the other, a sign in place of each number in them.

    ``numbers`` has a line for each of them: what its signs stand for, wherever the bodies have it, in their order.
    ``bodies`` has a line for each body: which lines it has, counted from 0.
    """

    lines: str
    numbers: str
    bodies: str


def packed(bodies: Sequence[str]) -> Packed:
    """The bodies, to be unpacked by a page's script."""
    numbers: dict[str, list[str]] = {}
    found: list[list[str]] = []
    for body in bodies:
        found.append([])
        for line in body.split("\n"):
            without = _DIGITS.sub(_NUMBER, line)
            numbers.setdefault(without, []).extend(_DIGITS.findall(line))
            found[-1].append(without)
    lines = sorted(numbers)
    place = {line: number for number, line in enumerate(lines)}
    return Packed(
        _deflated(lines),
        _deflated(" ".join(numbers[line]) for line in lines),
        _deflated(",".join(str(place[line]) for line in body) for body in found),
    )


def _deflated(lines: Iterable[str]) -> str:
    return base64.b64encode(zlib.compress("\n".join(lines).encode("utf-8", "backslashreplace"), 9)).decode()

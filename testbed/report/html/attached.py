"""A capture inside a page: to be downloaded, and for the octets of each packet."""

from __future__ import annotations

import base64
from pathlib import Path

from msgspec import Struct

from testbed.protocols.text import printable
from testbed.report.words import octets
from testbed.trace.analysis import Analysis

MOST = 8_000_000
"""Octets of a capture that goes into a page."""
_PACKED = (".gz", ".zst")


class Attached(Struct, frozen=True):
    """A capture, unpacked, in base64.  ``places`` are offset and length of each frame's octets in it."""

    name: str
    octets: int
    base64: str
    places: dict[int, tuple[int, int]]


def attached(analysis: Analysis) -> tuple[Attached | None, str]:
    """The capture, and ``""``; or None and why it is not in the page."""
    capture = analysis.capture
    size = len(capture.data)
    if size > MOST:
        return None, f"the capture itself, and its packets' octets: {octets(size)} are more than a page should weigh"
    name = printable(Path(analysis.path).name)
    for packed in _PACKED:
        name = name.removesuffix(packed)
    columns = zip(capture.frame.tolist(), capture.offset.tolist(), capture.length.tolist(), strict=True)
    places = {frame: (offset, length) for frame, offset, length in columns}
    return Attached(name, size, base64.b64encode(capture.data.tobytes()).decode(), places), ""

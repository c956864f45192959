"""An arrow between two lanes: its look tells how it went, besides its colour."""

from __future__ import annotations

from testbed.report.pictures.canvas import line
from testbed.report.pictures.elements import element
from testbed.report.pictures.style import themed
from testbed.report.pictures.values import Arrow, Mood

_HEAD = 5.0  # half of it


def shaft(arrow: Arrow, source: float, target: float, y: float) -> str:
    """The line and its head; dashed where something was lost, and short where the other end was not reached."""
    name = "quiet" if arrow.mood is Mood.QUIET else arrow.mood
    way = 1 if target >= source else -1
    end = target - way * 3 if arrow.arrives else source + (target - source) * 0.62
    dashes = "2 6" if arrow.mood is Mood.UNKNOWN else "7 6" if arrow.mood is Mood.LOST else None
    parts = [line(source + way * 3, y, end - way * _HEAD, y, name, 2.2, dashes)]
    if arrow.arrives:
        corners = ((end, y), (end - way * 2.2 * _HEAD, y - _HEAD), (end - way * 2.2 * _HEAD, y + _HEAD))
        points = " ".join(f"{x:.1f},{at:.1f}" for x, at in corners)
        parts.append(element("polygon", points=points, fill="currentColor", **themed(name)))
    else:
        for slope in (-1, 1):
            parts.append(line(end - 5, y - 5 * slope, end + 5, y + 5 * slope, name, 2.4))
    return "".join(parts)

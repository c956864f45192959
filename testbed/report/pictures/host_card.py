"""The head of a lane: what a host is called, and what it does with mail."""

from __future__ import annotations

from testbed.report.pictures import icons
from testbed.report.pictures.canvas import box, text, titled
from testbed.report.pictures.values import Lane
from testbed.report.pictures.widths import cut, width

HEIGHT = 46.0

_NAME, _SMALL, _SMALLEST = 13.0, 11.5, 10.5
_ICON = 24.0  # room for it
_EDGE = 6.0


def host_card(lane: Lane, x: float, top: float, wide: float) -> str:
    """Around a place: with a sign where there is room, and a long name in two lines rather than cut."""
    room, role = wide - 2 * _EDGE, str(lane.role)
    parts = [box(x - wide / 2, top, wide, HEIGHT, "card", 7)]
    fitting = [
        (size, icon)
        for icon in (_ICON, 0.0)
        for size in (_NAME, _SMALL)
        if width(lane.name, size, bold=True) <= room - icon and width(role, _SMALL) <= room - icon
    ]
    if fitting:
        size, icon = fitting[0]
        words = max(width(lane.name, size, bold=True), width(role, _SMALL))
        if icon:
            parts.append(icons.of_role(lane.role, x + icon / 2 - words / 2 - 14, top + 23))
        parts.append(text(lane.name, x + icon / 2, top + 20, size, anchor="middle", bold=True))
        parts.append(text(role, x + icon / 2, top + 36, _SMALL, "quiet", anchor="middle"))
    else:
        for number, words_of_name in enumerate(_halves(lane.name)):
            shown = cut(words_of_name, _SMALLEST, room, bold=True)
            parts.append(text(shown, x, top + 14 + 12 * number, _SMALLEST, anchor="middle", bold=True))
        parts.append(text(cut(role, _SMALLEST, room), x, top + 40, _SMALLEST, "quiet", anchor="middle"))
    return titled(f"{lane.name}, {role}", *parts)


def _halves(name: str) -> tuple[str, ...]:
    """A name in two lines, broken before the dot or the colon that is next to its middle."""
    places = [place for place, character in enumerate(name) if character in ".:" and 0 < place < len(name) - 1]
    if not places:
        return (name,)
    at = min(places, key=lambda place: abs(place - len(name) / 2))
    return name[:at], name[at:]

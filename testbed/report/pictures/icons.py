"""Small signs, drawn with lines so that they need no font: how something went, and what a host is."""

from __future__ import annotations

from testbed.report.pictures.elements import element
from testbed.report.pictures.style import themed
from testbed.report.pictures.values import Mood, Role, Sign

_MOODS = {
    Mood.OK: "M-3.6 .2 L-1.1 2.8 L3.7 -2.6",
    Mood.TEMPORARY: "M0 -3.8 V0.4 L2.9 2.2",  # the hands of a clock
    Mood.REPEATED: "M-3.8 -3.6 H1.6 V1 H-3.8 Z M-1.6 1 V3.6 H3.8 V-1 H1.6",  # one sheet above another
    Mood.FAILED: "M-2.8 -2.8 L2.8 2.8 M2.8 -2.8 L-2.8 2.8",
    Mood.LOST: "M-3.6 0 H-1.6 M-.6 0 H.6 M1.6 0 H3.6",
    Mood.UNKNOWN: "M-2 -1.9 C-2 -4.6 2.4 -4.3 2.2 -1.7 C2.1 0 0 -.3 0 1.7 M0 3.6 V4",
    Mood.QUIET: "M-2.8 0 H2.8",
}
_SIGNS = {
    Sign.WAITS: _MOODS[Mood.TEMPORARY],
    Sign.STORED: "M-3.8 -2.4 H3.8 V2.8 H-3.8 Z M-3.8 -2.2 L0 .8 L3.8 -2.2",  # a letter
    Sign.BOUNCED: "M3.6 3 V-.6 H-3 M-.6 -3 L-3.2 -.6 L-.6 1.8",  # an arrow that comes back
    Sign.FAULT: "M1.2 -4.4 L-2.6 .8 H0 L-1.2 4.4 L2.8 -1 H.2 Z",  # lightning
    Sign.DOWN: _MOODS[Mood.FAILED],
    Sign.UP: _MOODS[Mood.OK],
    Sign.NOTE: "M-2.8 0 H2.8",
}
_SCREEN = "M-8 -6 H8 V4 H-8 Z M-3.5 7.5 H3.5"
_SERVER = "M-7 -7 H7 V-.8 H-7 Z M-7 .8 H7 V7 H-7 Z M-4.4 -3.9 H-3 M-4.4 3.9 H-3"
_ENVELOPE = "M-8 -5.5 H8 V5.5 H-8 Z M-8 -5 L0 1.2 L8 -5"
_GLOBE = (
    "M0 -7.5 A7.5 7.5 0 1 0 0 7.5 A7.5 7.5 0 1 0 0 -7.5 M-7.5 0 H7.5 M0 -7.5 C-5 -3 -5 3 0 7.5 M0 -7.5 C5 -3 5 3 0 7.5"
)
_BOOK = "M-6.5 -7 H6.5 V7 H-6.5 Z M-3.5 -3 H3.5 M-3.5 0 H3.5 M-3.5 3 H1"
_ROLES = {
    Role.USER_AGENT: _SCREEN,
    Role.SENDER: _SCREEN,
    Role.READER: _SCREEN,
    Role.BROWSER: _SCREEN,
    Role.RELAY: _SERVER,
    Role.SERVER: _SERVER,
    Role.MAILBOXES: _ENVELOPE,
    Role.WEB_MAIL: _GLOBE,
    Role.NAME_SERVER: _BOOK,
    Role.POLICY_HOST: _BOOK,
}
_LOCK = "M-3.4 -.4 H3.4 V4.4 H-3.4 Z M-2.1 -.4 V-2.2 A2.1 2.1 0 0 1 2.1 -2.2 V-.4"


def of_mood(mood: Mood, x: float, y: float) -> str:
    """How something went: never told by colour alone."""
    name = "quiet" if mood is Mood.QUIET else mood
    return _in_circle(_MOODS[mood], name, x, y)


def of_mark(sign: Sign, mood: Mood, x: float, y: float) -> str:
    """What a mark is about."""
    return _in_circle(_SIGNS[sign], "ink" if mood is Mood.QUIET else mood, x, y)


def of_role(role: Role, x: float, y: float) -> str:
    """What a host is."""
    return _path(_ROLES[role], x, y, 1.4, themed("quiet"))


def of_fault(x: float, y: float) -> str:
    """Something a lab has staged."""
    return _path(_SIGNS[Sign.FAULT], x, y, 1.3, themed("ink"))


def lock(x: float, y: float) -> str:
    """TLS holds."""
    return _path(_LOCK, x, y, 1.3, themed("quiet"))


def _in_circle(path: str, name: str, x: float, y: float) -> str:
    circle = element("circle", cx=x, cy=y, r=8, fill="currentColor")
    return element("g", circle, _path(path, x, y, 1.6, themed("paper")), **themed(name))


def _path(path: str, x: float, y: float, thickness: float, theme: dict[str, str]) -> str:
    return element(
        "path",
        d=path,
        transform=f"translate({x:.1f} {y:.1f})",
        fill="none",
        stroke="currentColor",
        stroke_width=thickness,
        stroke_linecap="round",
        stroke_linejoin="round",
        **theme,
    )

"""A sheet that grows downwards: text, lines and signs with what all pictures have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from testbed.protocols.text import shortened
from testbed.report.pictures.elements import element, words
from testbed.report.pictures.style import FONT, css, themed

MARGIN = 20.0

_LONGEST_TIP, _LONGEST_DESCRIPTION = 600, 4_000  # a server's reply may have a megabyte


@dataclass(slots=True)
class Sheet:
    """``y`` is how far it is filled; ``behind`` is drawn below ``parts``."""

    width: float
    y: float = MARGIN
    behind: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def document(self, title: str, description: str) -> str:
        """A file of its own, that needs nothing else and suits light and dark."""
        content = (*_told(title, description), element("style", css()))
        return (
            self._svg(content, role="img", width=self.width, height=self.y, xmlns="http://www.w3.org/2000/svg") + "\n"
        )

    def inline(self, title: str, description: str) -> str:
        """A part of a page: no element or attribute of style in it, for a strict Content-Security-Policy.

        It is a group and no image, so that the links in it are links to whoever hears it.  The page has the rules of
        :func:`testbed.report.pictures.style.css`, or its own for the same classes.
        """
        return self._svg(_told(title, description), role="group", class_="mt-picture", width="100%")

    def _svg(self, content: Iterable[str], **attributes: str | float) -> str:
        paper = element("rect", width=self.width, height=self.y, rx=8, fill="currentColor", **themed("paper"))
        return element(
            "svg",
            *content,
            paper,
            *self.behind,
            *self.parts,
            viewBox=f"0 0 {self.width:g} {self.y:.0f}",
            font_family=FONT,
            font_size=13,
            **attributes,
        )


def _told(title: str, description: str) -> tuple[str, str]:
    """What it is, for whoever hears it."""
    return (
        element("title", words(shortened(title, _LONGEST_TIP))),
        element("desc", words(shortened(description, _LONGEST_DESCRIPTION))),
    )


def text(
    shown: str, x: float, y: float, size: float, name: str = "ink", *, anchor: str = "start", bold: bool = False
) -> str:
    """One line of text, its baseline at ``y``.  What runs from right to left stays within its line."""
    return element(
        "text",
        words(shown),
        x=x,
        y=y,
        font_size=size,
        font_weight="600" if bold else None,
        text_anchor=anchor if anchor != "start" else None,
        direction="ltr",
        unicode_bidi="isolate",
        fill="currentColor",
        **themed(name),
    )


def line(x1: float, y1: float, x2: float, y2: float, name: str, thickness: float = 1, dashes: str | None = None) -> str:
    """A straight line."""
    return element(
        "line",
        x1=x1,
        y1=y1,
        x2=x2,
        y2=y2,
        stroke="currentColor",
        stroke_width=thickness,
        stroke_dasharray=dashes,
        stroke_linecap="round",
        **themed(name),
    )


def box(x: float, y: float, width: float, height: float, name: str, radius: float = 0) -> str:
    """A filled rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, rx=radius or None, fill="currentColor", **themed(name))


def titled(title: str, *content: str) -> str:
    """Elements that tell all about themselves to whoever points at them."""
    return element("g", element("title", words(shortened(title, _LONGEST_TIP))), *content)

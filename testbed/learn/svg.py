"""Machines as a picture, side by side, with the shortest dialogue that tells each two apart."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from testbed.learn.layout import HEAD, LETTER, LINE, PAD, Box, Layout, lay_out
from testbed.learn.machine import Machine
from testbed.learn.portrait import Pair, Portrait
from testbed.learn.words import bounds, lines, size

_MARGIN, _TOP, _BETWEEN, _LEAD = 24.0, 78.0, 40.0, 44.0
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#7a4fb5", "#8a5a2b")
_STYLE = (
    "text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1f2328}"
    ".name{font:bold 15px system-ui,sans-serif}.note{font:12px system-ui,sans-serif;fill:#59636e}"
    ".quiet{fill:#6e7781}.head{font-weight:bold}.end{fill:#c4262e}.differs{fill:#c4262e;font-weight:bold}"
)


def svg(portraits: Sequence[Portrait], pairs: Sequence[Pair] = ()) -> str:
    """The picture, complete in itself."""
    parts: list[str] = []
    x, bottom = _MARGIN, 0.0
    for portrait in portraits:
        layout = lay_out(portrait.machine)
        width = max(layout.width + _LEAD, _NOTE_LETTERS * 6.2)
        parts += _portrait(portrait, layout, x)
        x += width + _BETWEEN
        bottom = max(bottom, _TOP + layout.height)
    for pair in pairs:
        told = list(_pair(pair, bottom + _BETWEEN))
        parts += told
        bottom += _BETWEEN + LINE * len(told)
    width, height = x - _BETWEEN + _MARGIN, bottom + _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}">\n<style>{_STYLE}</style>\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


_NOTE_LETTERS = 64


def _portrait(portrait: Portrait, layout: Layout, x: float) -> Iterator[str]:
    machine = portrait.machine
    name = f"{portrait.host}, {portrait.protocol.upper()}, {portrait.title}: {size(machine)}"
    yield _text(x, 28, name, "name")
    for number, line in enumerate(textwrap.wrap(bounds(portrait.learnt), _NOTE_LETTERS)):
        yield _text(x, 48 + 15 * number, line, "note")
    yield f'<g transform="translate({x + _LEAD:.1f} {_TOP:.1f})">'
    yield from _rails(layout)
    for box in layout.boxes:
        yield from _box(machine, box, layout)
    yield _text(-_LEAD, layout.boxes[0].head - 6, machine.greeting, "quiet")
    yield from _arrow(-_LEAD, layout.boxes[0].head, -1, "#59636e")
    yield "</g>"


def _box(machine: Machine, box: Box, layout: Layout) -> Iterator[str]:
    width, colour = layout.box_width, _colour(box.state)
    yield (
        f'<rect y="{box.y:.1f}" width="{width:.1f}" height="{box.height:.1f}" rx="6" fill="#ffffff" '
        f'stroke="{colour}" stroke-width="1.5"/>'
    )
    yield (
        f'<path d="M0 {box.y + HEAD:.1f}v-{HEAD - 6:.1f}a6 6 0 0 1 6 -6h{width - 12:.1f}a6 6 0 0 1 6 6'
        f'v{HEAD - 6:.1f}z" fill="{colour}" fill-opacity="0.13"/>'
    )
    yield _text(PAD, box.head + 4, box.title, "head")
    for row in box.rows:
        stays, ends = row.edge.to == box.state, machine.is_end(row.edge.to)
        kind = "quiet" if stays else ""
        for number, line in enumerate(row.lines):
            yield _text(PAD, row.y + 4 + LINE * number, line, kind)
        mark = " " if stays else "■" if ends else "→"
        answer = f"{row.edge.answer} {mark}"
        yield _text(width - PAD - LETTER * len(answer), row.y + 4, answer, "end" if ends else kind)


def _rails(layout: Layout) -> Iterator[str]:
    for rail in layout.rails:
        colour = _colour(rail.state)
        heights = (*rail.joins, rail.head)
        path = [f"M{rail.x:.1f} {min(heights):.1f}V{max(heights):.1f}"]
        path += [f"M{layout.box_width:.1f} {join:.1f}H{rail.x:.1f}" for join in rail.joins]
        yield f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        for join in rail.joins:
            yield f'<circle cx="{rail.x:.1f}" cy="{join:.1f}" r="2.5" fill="{colour}"/>'
        yield from _arrow(rail.x, rail.head, layout.box_width + 1, colour)


def _arrow(start: float, y: float, end: float, colour: str) -> Iterator[str]:
    back = 7 if start > end else -7
    yield f'<path d="M{start:.1f} {y:.1f}H{end + back:.1f}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    yield f'<path d="M{end:.1f} {y:.1f}l{back} -4v8z" fill="{colour}"/>'


def _pair(pair: Pair, y: float) -> Iterator[str]:
    one, other = pair.one.title, pair.other.title
    if not pair.differences:
        yield _text(_MARGIN, y, f"{one} and {other} answer alike.", "note")
        return
    yield _text(_MARGIN, y, f"The shortest dialogue that tells {one} (left) and {other} (right) apart:", "note")
    for number, (said, here, there) in enumerate(lines(pair.differences[0]), 1):
        kind = "differs" if here != there else ""
        yield _text(_MARGIN + PAD, y + LINE * number, f"{said:<16}{here or '–':<10}{there or '–'}", kind)


def _colour(state: int) -> str:
    return _COLOURS[state % len(_COLOURS)]


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    plain = "".join(char if char.isprintable() else "�" for char in text)
    return f'<text x="{x:.1f}" y="{y:.1f}"{name} xml:space="preserve">{escape(plain)}</text>'

"""Where everything of a machine's picture stands: a box for each state, and a rail for each state that others lead to.

Boxes stand below each other in breadth-first order.  What leads to a state joins its rail, at the right of the boxes,
which ends in an arrow at its head: so nothing is crossed by text, however many states there are.
"""

from __future__ import annotations

import textwrap

from msgspec import Struct

from testbed.learn.machine import Machine
from testbed.learn.words import Edge, edges, state_name

LETTER, LINE = 7.25, 17.0  # of a monospaced font of 12 pixels
PAD, GAP, RAIL = 10.0, 22.0, 16.0
HEAD = 26.0
_INPUTS = 30  # letters in a line


class Row(Struct, frozen=True):
    """What is answered alike in a state; ``y`` is the middle of its first line."""

    edge: Edge
    lines: tuple[str, ...]
    y: float


class Box(Struct, frozen=True):
    """A state, its ``rows`` below its head."""

    state: int
    title: str
    y: float
    height: float
    rows: tuple[Row, ...]

    @property
    def head(self) -> float:
        """The height at which arrows come in."""
        return self.y + HEAD / 2


class Rail(Struct, frozen=True):
    """The line that leads to a state, at ``x`` right of the boxes, joined at each of the heights ``joins``."""

    state: int
    x: float
    joins: tuple[float, ...]
    head: float


class Layout(Struct, frozen=True):
    """In pixels, from the top left corner of the first box."""

    width: float
    height: float
    box_width: float
    boxes: tuple[Box, ...]
    rails: tuple[Rail, ...]


def lay_out(machine: Machine) -> Layout:
    """The picture of a canonical machine; ends have no box, what leads there is marked."""
    boxes: list[Box] = []
    y = 0.0
    for state, way in machine.ways().items():
        if machine.is_end(state):
            continue
        box = _box(machine, state, f"{state}  {state_name(machine, way)}", y)
        boxes.append(box)
        y += box.height + GAP
    width = _box_width(boxes)
    rails = _rails(boxes, width)
    return Layout(width + RAIL * (len(rails) + 1), max(0.0, y - GAP), width, tuple(boxes), rails)


def _box(machine: Machine, state: int, title: str, y: float) -> Box:
    rows: list[Row] = []
    below = y + HEAD + 4
    for edge in edges(machine, state):
        lines = tuple(textwrap.wrap(", ".join(edge.inputs), _INPUTS)) or ("",)
        rows.append(Row(edge, lines, below + LINE / 2))
        below += LINE * len(lines)
    return Box(state, title, y, below + 5 - y, tuple(rows))


def _box_width(boxes: list[Box]) -> float:
    titles = max(len(box.title) for box in boxes)
    inputs = max((len(line) for box in boxes for row in box.rows for line in row.lines), default=0)
    answers = max((len(row.edge.answer) for box in boxes for row in box.rows), default=0)
    return PAD * 2 + LETTER * max(titles + 2, inputs + answers + 6)


def _rails(boxes: list[Box], box_width: float) -> tuple[Rail, ...]:
    """The shorter a rail, the nearer to the boxes."""
    found = []
    for target in boxes:
        joins = tuple(row.y for box in boxes for row in box.rows if row.edge.to == target.state != box.state)
        if joins:
            found.append((target, joins))
    found.sort(key=lambda rail: max(*rail[1], rail[0].head) - min(*rail[1], rail[0].head))
    return tuple(
        Rail(target.state, box_width + RAIL * (place + 1), joins, target.head)
        for place, (target, joins) in enumerate(found)
    )

"""The analysis of captures, for programs.

What the fields are stands in :mod:`testbed.report.json_fields`.  Everything is written while it is found: connections
are taken one at a time, packets come from columns, and no list of either is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import GeneratorType

from testbed.report.authentication_fields import authentication_json, passages_json
from testbed.report.fields import written
from testbed.report.journeys import JOURNEY
from testbed.report.json_fields import CAPTURE, CONNECTION, DOCUMENT, FILE, FINDING, FRAMES, PROBLEMS, PROGRAM, SCHEMA
from testbed.report.packet_fields import packets_json
from testbed.trace.analysis import Analysis
from testbed.trace.journeys import Journey, Leg, journeys, legs_of

_LONE = re.compile("[\ud800-\udfff]")
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

_encode = json.JSONEncoder(ensure_ascii=False).encode
_encode_indented = json.JSONEncoder(ensure_ascii=False, indent=2).encode


def analyses_json(analyses: Iterable[Analysis], *, packets: bool) -> Iterator[str]:
    """``{"schema": 1, "captures": [{"file", "connections": […], "findings": […], …}], "journeys": […]}``, in pieces.

    The pieces joined are one indented document, without a line feed at its end.
    """
    legs: list[Leg] = []
    document = written(DOCUMENT, (_capture(analysis, packets, legs) for analysis in analyses))
    document["journeys"] = (written(JOURNEY, journey) for journey in _joined(legs))
    yield from map(harmless, _pieces(document, ""))


def ndjson(analysis: Analysis, *, packets: bool) -> Iterator[str]:
    """A line per capture, connection, packet, finding, journey, judged message and passage of one.

    ``type`` says which, ``file`` whose.
    """
    yield _line("capture", analysis, written((SCHEMA, PROGRAM, FRAMES, PROBLEMS), analysis))
    legs: list[Leg] = []
    yield from (_line("connection", analysis, fields) for fields in _connections(analysis, legs))
    if packets:
        yield from (_line("packet", analysis, packet) for packet in packets_json(analysis))
    yield from (_line("finding", analysis, written(FINDING, finding)) for finding in analysis.findings)
    yield from (_line("journey", analysis, written(JOURNEY, journey)) for journey in journeys(legs))
    yield from (_line("authentication", analysis, fields) for fields in authentication_json(analysis))
    yield from (_line("passage", analysis, fields) for fields in passages_json(analysis))


def _line(kind: str, analysis: Analysis, fields: dict[str, object]) -> str:
    return harmless(_encode({"type": kind, FILE.name: FILE.of(analysis), **fields}))


def harmless(text: str) -> str:
    """JSON in which what a terminal would obey, or show in another order, is written as an escape."""
    text = utf8(text).replace("##[", "\\u0023#[")  # in a log of GitHub's, a command
    if text.isascii() and "\x7f" not in text:
        return text
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def utf8(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates, as from file names that are no UTF-8, become U+FFFD."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)


def _pieces(value: object, pad: str) -> Iterator[str]:
    """The text of a value, as ``json.dumps(indent=2)`` writes it; a generator in it becomes an array, item by item."""
    inner = pad + "  "
    items: Iterable[tuple[str, object]]
    if isinstance(value, GeneratorType):
        opening, closing, items = "[", "]", (("", item) for item in value)
    elif isinstance(value, dict) and any(isinstance(item, GeneratorType) for item in value.values()):
        opening, closing, items = "{", "}", ((f"{_encode(name)}: ", item) for name, item in value.items())
    else:
        yield _indented(value, pad)
        return
    mark = opening
    for name, item in items:
        yield f"{mark}\n{inner}{name}"
        yield from _pieces(item, inner)
        mark = ","
    yield opening + closing if mark == opening else f"\n{pad}{closing}"


def _indented(value: object, pad: str) -> str:
    """What ``json.dumps(indent=2)`` writes.  That is slow Python, so packets, most of which are flat, go to its C."""
    nested = not isinstance(value, dict) or any(
        item and isinstance(item, dict | list | tuple) for item in value.values()
    )
    if value and not nested:
        inner = f"{pad}  "
        return f"{{\n{inner}{_flat(inner)(value)[1:-1]}\n{pad}}}"
    return _encode_indented(value).replace("\n", f"\n{pad}")


@cache
def _flat(pad: str) -> Callable[[object], str]:
    return json.JSONEncoder(ensure_ascii=False, separators=(f",\n{pad}", ": ")).encode


def _capture(analysis: Analysis, packets: bool, legs: list[Leg]) -> dict[str, object]:
    """The capture; its legs are noted while its connections are written, since they are not kept."""
    capture = {field.name: field.of(analysis) for field in CAPTURE if field.always or packets}
    return capture | {"connections": _connections(analysis, legs)}


def _connections(analysis: Analysis, legs: list[Leg]) -> Iterator[dict[str, object]]:
    for connection in analysis.connections:
        legs += legs_of(connection, analysis.path)
        yield written(CONNECTION, connection)


def _joined(legs: list[Leg]) -> Iterator[Journey]:
    """The journeys, once all legs are known."""
    yield from journeys(legs)

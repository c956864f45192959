"""Data as YAML, as a person would write it: short things in a line, long ones below each other.

What was written so is read as the same data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from testbed.scenario.document import read_document
from testbed.scenario.problems import ScenarioError

_WIDTH = 116


def as_yaml(data: Mapping[str, object], apart: Sequence[str] = ()) -> str:
    """A mapping as a text; before the keys that are to stand ``apart`` is an empty line."""
    lines: list[str] = []
    for key, value in data.items():
        if key in apart and lines:
            lines.append("")
        lines += _pair(key, value, open_up=key in apart)
    return "\n".join(lines) + "\n"


def _pair(key: object, value: object, *, open_up: bool = False) -> Iterator[str]:
    """``key: value`` in a line, or with the value's own lines below."""
    name = _scalar(str(key))
    if isinstance(value, str) and _reads_well_in_lines(value):
        yield f"{name}: |"
        yield from (f"  {line}" if line else "" for line in value[:-1].split("\n"))
    elif isinstance(value, str):
        yield f"{name}: {_line(value)}"
    elif _is_short(value, len(name)) and not (open_up and _is_full(value)):
        yield f"{name}: {_flow(value)}"
    else:
        yield f"{name}:"
        yield from (f"  {line}" if line else "" for line in _block(value))


def _block(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pair(key, inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            first, *others = _item(inner)
            yield f"- {first}"
            yield from (f"  {line}" if line else "" for line in others)
    else:
        yield _flow(value)


def _item(value: object) -> Iterator[str]:
    """What stands behind a dash: of a mapping with one key that key, as of steps and expectations."""
    if not _is_full(value) or (_is_short(value, 0) and not (isinstance(value, Mapping) and len(value) == 1)):
        yield _flow(value)
    else:
        yield from _block(value)


def _is_full(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _is_short(value: object, beside: int) -> bool:
    return not _is_full(value) or (len(_flow(value)) + beside <= _WIDTH and not _has_lines(value))


def _has_lines(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_lines, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_lines, value))
    return isinstance(value, str) and _reads_well_in_lines(value)


def _reads_well_in_lines(text: str) -> bool:
    """Whether it can stand below its key, each of its lines in one."""
    lines = text.split("\n")
    return (
        len(lines) > 2
        and not lines[-1]
        and bool(lines[-2].strip())
        and lines[0][:1] not in ("", " ")
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


def _line(text: str) -> str:
    """The text as it is where it is read as itself to the end of its line; else in quotes."""
    return text if _reads_as(text, f"key: {text}", {"key": text}) else _quoted(text)


def _scalar(text: str) -> str:
    """The text as it is where it is read as itself, anywhere; else in quotes."""
    everywhere = f"- [{text}, {{{text}: {text}}}]\n- {text}\n- {text}: {text}"
    return text if _reads_as(text, everywhere, [[text, {text: text}], text, {text: text}]) else _quoted(text)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _reads_as(text: str, yaml: str, data: object) -> bool:
    try:
        return text.isprintable() and read_document("", yaml).data == data
    except ScenarioError:
        return False

"""A draft as a file: YAML as people write it, with the frames that show each part."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from testbed.protocols.text import printable
from testbed.reproduce.draft import Draft, Part, cited
from testbed.scenario.as_yaml import as_yaml

_WIDTH = 116
_PARTS = ("faults", "steps", "expect")


def written(draft: Draft, source: str) -> str:
    """The text of the scenario; ``source`` is what its capture is called."""
    return "\n".join(_lines(draft, source)) + "\n"


def _lines(draft: Draft, source: str) -> Iterator[str]:
    yield from _comment(f"Made by 'testbed reproduce' from {source}, whose frames are named behind what they show.")
    for assumed in dict.fromkeys(draft.assumed):
        yield from _comment(f"not in the capture: {assumed}.")
    for unstaged in dict.fromkeys(draft.unstaged):
        yield from _comment(f"not staged: {unstaged}.")
    yield ""
    yield from as_yaml({"title": draft.title, **draft.settings}).splitlines()
    if draft.hosts:
        yield ""
        yield from as_yaml({"hosts": draft.hosts}, ("hosts",)).splitlines()
    for key in _PARTS:
        parts: Sequence[Part] = getattr(draft, key)
        if parts:
            yield ""
            yield f"{key}:"
            for part in parts:
                yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    first, *others = as_yaml({"part": [part.data]}, ("part",)).splitlines()[1:]
    comment = cited(part.frames)
    if comment and len(first) + len(comment) + 4 <= _WIDTH and not first.endswith("|"):
        yield f"{first}  # {comment}"
    else:
        yield from ([f"  # {comment}"] if comment else [])
        yield first
    yield from others


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(printable(text), _WIDTH - 2, break_on_hyphens=False):
        yield f"# {line}"

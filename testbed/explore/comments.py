"""What stands above a scenario that was found, for whoever has not explored: what was seen, what should have been."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.explore.confirmed import Confirmed
from testbed.explore.promises import Promise
from testbed.explore.ran import Breach
from testbed.explore.shrink import Shrunk
from testbed.plural import count
from testbed.protocols.text import printable, shown
from testbed.scenario.faults import Fault

_WIDTH = 116
_MOST_FRAMES = 8


def comments(
    found_by: str, shrunk: Shrunk, promised: Promise, confirmed: Confirmed, faults: Sequence[Fault], path: Path
) -> Iterator[str]:
    """Lines of comments, each of them below 120 characters."""
    small = "as small as it stays red" if shrunk.all_tried else "smaller, as far as its plays went"
    plays = f"{count(shrunk.plays, 'play')}, then {confirmed}"
    yield from _wrapped(f"Found by '{found_by}', and made {small} ({plays}).")
    if faults:
        yield from _part("What goes wrong:", [fault.describe() for fault in faults])
    breach = confirmed.breach or shrunk.breach
    if breach is not None:
        yield from _part(f"What was seen{_where(confirmed.breach, path)}:", [breach.why])
    yield from _part(f"What should have happened{promised.rfc and f' ({promised.rfc})'}:", [promised.kept])


def see_for_yourself(path: Path, *, in_run: bool, outside: bool) -> Iterator[str]:
    """How it is played again, and its trace read; ``in_run`` tells whether it is red when it is only run."""
    command = "testbed run" if in_run else "testbed explore"
    options = " --allow-outside" if outside else ""
    again = f"{command}{options} {shown(path.name)}"
    yield from _part("See for yourself:", [again, f"testbed inspect {shown(path.stem)}.pcapng"])


def _where(breach: Breach | None, path: Path) -> str:
    if breach is None or not breach.frames:
        return ""
    cited = ", ".join(map(str, breach.frames[:_MOST_FRAMES]))
    more = len(breach.frames) - _MOST_FRAMES
    which = f"frame{'s' if len(breach.frames) > 1 else ''} {cited}{f' and {more} more' if more > 0 else ''}"
    return f", in {which} of {shown(path.stem)}.pcapng"


def _part(head: str, sentences: Sequence[str]) -> Iterator[str]:
    yield "#"
    yield from _wrapped(head)
    for sentence in sentences:
        yield from _wrapped(sentence, "  ")


def _wrapped(text: str, indent: str = "") -> Iterator[str]:
    for line in textwrap.wrap(printable(text), _WIDTH - len(indent), break_on_hyphens=False):
        yield f"# {indent}{line}"

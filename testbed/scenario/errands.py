"""What a step asks of the ready-made program that plays a user agent, and whether it can be asked for that.

A word that a program has no way to express is a mistake: left out in silence, it would make the scenario another.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from testbed.scenario.problems import Found, Path
from testbed.subjects.subject import subjects


class Word(Struct, frozen=True):
    """Something a step says, as ``subject.toml`` names it, as the scenario writes it, and at which path of the step."""

    name: str
    written: str
    path: Path


def cannot_be_asked(agent: str, program: str, errand: str, words: Iterable[Word]) -> Found:
    """What a user agent's program cannot do of a step, each at its path.  ``errand`` is ``send`` or ``read``.

    ``program`` is ``""`` for one of the user's own, which does as it likes.
    """
    if not program:
        yield (), f"{agent} is a program, and {errand}s when it likes"
        return
    can = {name: subject.can(errand) for name, subject in subjects().items() if errand in subject.errands}
    if program not in can:
        yield (), f"{agent} is {program}, which {errand}s no mail; {', '.join(can)} do"
        return
    for word in words:
        if word.name not in can[program]:
            others = [name for name in can if word.name in can[name]]
            remedy = f"; {', '.join(others)} can" if others else ", nor has any other ready-made program"
            yield word.path, f"{program} has no option for '{word.written}'{remedy}"

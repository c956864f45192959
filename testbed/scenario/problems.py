"""What is wrong with a scenario file, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

from msgspec import Struct

from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.scenario.synonyms import meanings

_BETWEEN_WORDS = re.compile(r"[-_ ]")

Path = tuple[str | int, ...]
"""Where something stands: the keys and places that lead there."""

Found = Iterator[tuple[Path, str]]
"""Problems, each with its path."""


class Problem(Struct, frozen=True):
    """One mistake.  ``line`` and ``column`` count from 1; 0 means the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    source: str = ""  # the line itself

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return shown(f"{place}: {self.message}")

    @property
    def excerpt(self) -> str:
        """The line with a caret under the place, ``""`` where there is none."""
        text = self.source.rstrip()
        if not self.line or not text or len(text) > 160:
            return ""
        text = "".join(c if c.isprintable() else " " for c in text)
        return f"{self.line:>5} | {text}\n      | {' ' * (self.column - 1)}^"


class ScenarioError(UsageError):
    """One or more scenario files are wrong; ``problems`` has every mistake."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        parts = []
        for problem in self.problems:
            parts.append(str(problem))
            if problem.excerpt:
                parts.append(problem.excerpt)
        super().__init__("\n".join(parts))


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`` (did you mean 'mailboxes'?)``, or ``""`` when nothing is near."""
    words = list(islice(known, 1_000))
    folded = {candidate.lower(): candidate for candidate in words}
    said = str(word)[:300].lower()
    mixed_up = [one for one in folded if sorted(one) == sorted(said)]  # form for from
    meant = [one for word in meanings(said) for one in folded if one == word or (word != said and one == f"{word}ed")]
    parts = [one for one in _BETWEEN_WORDS.split(said) if one in folded]  # certificate-expired for expired
    near = mixed_up or meant or get_close_matches(said, list(folded), 1, 0.6) or parts
    return f" (did you mean '{folded[near[0]]}'?)" if near else ""

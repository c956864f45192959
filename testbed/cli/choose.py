"""Which of the scenarios are played: those with a word in them, and of these one share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from testbed.errors import UsageError

if TYPE_CHECKING:  # the parser needs this module, and help is to be there at once
    from testbed.scenario.scenario import Scenario

Item = TypeVar("Item")
_WORD = re.compile(r"[\w-]+")


def parse_shard(text: str) -> tuple[int, int]:
    """``2/5`` as (2, 5).  Raises ArgumentTypeError."""
    number, slash, total = text.partition("/")
    if slash and all(part.isascii() and part.isdigit() and len(part) < 7 for part in (number, total)):
        shard = int(number), int(total)
        if 1 <= shard[0] <= shard[1]:
            return shard
    raise argparse.ArgumentTypeError(f"'{text}' is not a shard; write K/N with K from 1 to N, such as 2/5")


def share(items: Sequence[Item], shard: tuple[int, int]) -> list[Item]:
    """The part of shard (K, N): every Nth from the Kth on.

    The shards of N are disjoint, complete, and differ in size by one at most; what stands side by side, such as the
    cases of a matrix that takes long, goes to different ones.
    """
    number, total = shard
    return list(items[number - 1 :: total])


def matching(scenarios: Sequence[Scenario], word: str) -> list[Scenario]:
    """Those with the word in file, title or case, whatever the case of its letters.  Raises UsageError for none."""
    wanted = word.casefold()
    found = [s for s in scenarios if any(wanted in text.casefold() for text in (s.file, s.title, s.case))]
    if not found:
        words = {one for s in scenarios for text in (s.file, s.title, s.case) for one in _WORD.findall(text.casefold())}
        near = get_close_matches(wanted, sorted(words), 1)
        hint = f"did you mean '{near[0]}'?" if near else "'testbed check' lists them"
        raise UsageError(f"no scenario has '{word}' in its file, title or case; {hint}")
    return found


def chosen(scenarios: Sequence[Scenario], options: argparse.Namespace) -> list[Scenario]:
    """What ``-k`` and ``--shard`` leave of the scenarios; a share may be empty."""
    found = matching(scenarios, options.word) if options.word is not None else list(scenarios)
    return share(found, options.shard) if options.shard else found

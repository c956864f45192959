"""What is to be explored: each scenario, as it is written and as others play it."""

from __future__ import annotations

import argparse
import re

from msgspec import Struct

from testbed.cli.choose import chosen
from testbed.cli.untrusted import reach
from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.report.compared.comparison import OURS
from testbed.runner import lacking
from testbed.scenario.casting import Candidate, cast_all
from testbed.scenario.load import discover
from testbed.scenario.scenario import Scenario
from testbed.subjects.parts import PARTS


class Errand(Struct, frozen=True):
    """A scenario to be explored, and who plays in it, ``""`` for nobody but the lab's own; ``told`` as an option."""

    scenario: Scenario
    player: str
    told: str

    @property
    def folder(self) -> str:
        """The name of the folder for its runs."""
        who = "" if self.player in self.scenario.name else f".{self.player}"
        return re.sub(r"[^\w.-]+", "-", self.scenario.name + who)


def errands(options: argparse.Namespace) -> list[list[Errand]]:
    """Those of each scenario, one for each player.  Raises ScenarioError, and UsageError for what cannot be played."""
    part, players = _players(options)
    files = discover(options.paths).files
    as_written = cast_all(files, {}, reach(options))
    casts = {one: as_written if one == OURS else cast_all(files, {part: one}, reach(options)) for one in players}
    wanted = {id(scenario) for scenario in chosen([one.scenario for one in as_written], options)}
    places = [place for place, candidate in enumerate(as_written) if id(candidate.scenario) in wanted]
    return [[_errand(casts[one][place], part, one) for one in players] for place in places]


def _errand(candidate: Candidate, part: str, player: str) -> Errand:
    if why := candidate.why_not or lacking(candidate.scenario):
        raise UsageError(f"{shown(candidate.scenario.file)} cannot be explored: {why}")
    return Errand(candidate.scenario, "" if player == OURS else player, "" if player == OURS else f" --{part} {player}")


def _players(options: argparse.Namespace) -> tuple[str, tuple[str, ...]]:
    """The part that others than the lab's own play, and who: ``("", ("ours",))`` for none.  Raises UsageError."""
    given = {part: names for part in PARTS if (names := getattr(options, part))}
    if len(given) > 1:
        raise UsageError(f"say one of {' or '.join(f'--{part}' for part in given)}: one part is explored at a time")
    return next(iter(given.items())) if given else ("", (OURS,))

"""A whole run, as its outputs take it: what became of every scenario, and when."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from testbed.outcome import Outcome, Result
from testbed.plural import count


class Run(Struct, frozen=True):
    """``outcomes`` in the order of the files; one that was not played is skipped, and says why.

    ``started`` is in UTC, ``seconds`` real time, ``shard`` as the user wrote it, such as ``2/5``, or ``""``.
    """

    outcomes: tuple[Outcome, ...]
    started: datetime
    seconds: float
    interrupted: bool = False
    shard: str = ""
    refused: int = 0  # strangers' scenarios that --untrusted does not play

    @property
    def counts(self) -> Counter[Result]:
        """How many scenarios came out how."""
        return Counter(outcome.result for outcome in self.outcomes)

    @property
    def why_no_lab(self) -> str:
        """Why this machine runs no lab, ``""`` where it does."""
        return next((outcome.played.error for outcome in self.outcomes if outcome.played.no_lab), "")

    @property
    def not_judged(self) -> tuple[Outcome, ...]:
        """Scenarios that held as far as could be seen, which was not to the end."""
        return tuple(outcome for outcome in self.outcomes if outcome.not_judged)


def remedy(outcomes: Sequence[Outcome]) -> str:
    """What to do so that more can be judged; ``""`` where nothing would help."""
    unclear = [
        outcome.inspected.analysis
        for outcome in outcomes
        if outcome.inspected is not None and outcome.judgement is not None and outcome.judgement.not_judged
    ]
    if for_tshark := sum(analysis.understanding.decrypted.for_tshark for analysis in unclear):
        closed = f"TLS of suites that testbed does not open stays encrypted in {count(for_tshark, 'scenario')}"
        return f"{closed}; to have it judged, install tshark ('testbed doctor' says how)"
    sealed = sum(any(c.tls is not None and c.tls.sealed for c in analysis.connections) for analysis in unclear)
    if not sealed:
        return ""
    closed = f"TLS stays encrypted in {count(sealed, 'scenario')}: the trace lacks keys of a program"
    return f"{closed}; to have it judged, make it write them to the file SSLKEYLOGFILE names"


def why_skipped(outcome: Outcome) -> str:
    """Why a scenario was not judged."""
    kept = "the trace so far is kept" if outcome.played.trace else "nothing was captured"
    return outcome.played.skipped or f"interrupted; {kept}"


def inspect_command(outcome: Outcome) -> str:
    """The command that shows the trace, for a shell; ``""`` when there is none."""
    return f"testbed inspect {shlex.quote(str(outcome.played.trace))}" if outcome.played.trace else ""


def names(outcomes: Sequence[Outcome]) -> list[str]:
    """The title of each, with its case where one file has the title twice."""
    titles = Counter((outcome.scenario.file, outcome.scenario.title) for outcome in outcomes)
    return [
        f"{outcome.scenario.title} [{outcome.scenario.case}]"
        if titles[outcome.scenario.file, outcome.scenario.title] > 1 and outcome.scenario.case
        else outcome.scenario.title
        for outcome in outcomes
    ]

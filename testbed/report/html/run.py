"""A run as one page: what came out how, what is red in full, every trace.

A page of very many scenarios stays small and opens at once: those that are not red are packed, and unpacked when they
are looked at.  What is red, and how all came out, is read without that.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import PurePath

from markupsafe import Markup
from msgspec import Struct

from testbed.expect import Verdict
from testbed.outcome import Outcome, Result
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.clock import LOCAL, Clock
from testbed.report.failures import Failure, failures
from testbed.report.html.capture import CaptureView, capture_view
from testbed.report.html.packed import KEY, packed
from testbed.report.html.page import fragment, page
from testbed.report.html.source import Source, sources
from testbed.report.printed import printed
from testbed.report.run import Run, inspect_command, names, remedy, why_skipped
from testbed.report.what_failed import red
from testbed.trace.compare.difference import Difference

_MOST_IN_FULL = 20  # scenarios that are not packed: all of a small run, of a larger one those that are red
_MOST_ATTACHED = 20_000_000  # octets of all captures in a page
_MOST_PRINTED = 200  # lines of a program


class ScenarioView(Struct, frozen=True):
    """A scenario as a page shows it; ``partly`` counts what could not be judged."""

    name: str
    file: str
    result: str
    seconds: float
    partly: int
    why: str
    failures: tuple[Failure, ...]
    verdicts: tuple[Verdict, ...]
    sources: tuple[Source, ...]
    programs: Mapping[str, Sequence[str]]
    changes: tuple[Difference, ...]
    reference: str
    trace: CaptureView | None
    commands: tuple[str, ...]


class Cell(Struct, frozen=True):
    """A scenario in the overview."""

    key: str
    name: str
    result: str


class Place(Struct, frozen=True):
    """Where a scenario's body stands: ``full`` in the page, or packed, as the body of this number (from 0)."""

    name: str
    key: str
    file: str
    result: str
    seconds: float
    partly: int
    why: str
    full: Markup | None
    number: int = 0


def run_html(run: Run, *, clock: Clock = LOCAL, with_capture: bool = True) -> str:
    """The page of a run."""
    named = list(zip(run.outcomes, names(run.outcomes), strict=True))
    order = sorted(range(len(named)), key=lambda place: not red(named[place][0]))
    room, places, bodies = _MOST_ATTACHED if with_capture else 0, list[Place](), list[str]()
    for rank, place in enumerate(order):
        outcome, name = named[place]
        whole = rank < _MOST_IN_FULL and (len(order) <= _MOST_IN_FULL or red(outcome))
        view = _scenario(outcome, name, clock, attach=whole and room > 0)
        if view.trace is not None and view.trace.attached is not None:
            room -= view.trace.attached.octets
        key = f"s{place + 1}"
        body = fragment("scenario.html", one=view, key=key if whole else KEY, narrow=whole)
        places.append(_place(view, key, body if whole else None, len(bodies)))
        if not whole:
            bodies.append(body)
    counts = run.counts
    return page(
        "run.html",
        title=_title(run),
        run=run,
        when=run.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        totals=[(str(kind), counts[kind]) for kind in Result if counts[kind]],
        remedy=remedy(run.outcomes),
        folders=_folders(named),
        places=places,
        packed=packed(bodies) if bodies else None,
    )


def _title(run: Run) -> str:
    reds = sum(map(red, run.outcomes))
    total = count(len(run.outcomes), "scenario")
    if run.why_no_lab:
        return "No lab can be run here"
    return f"{reds} of {total} did not hold" if reds else f"{run.counts[Result.HELD]} of {total} held"


def _folders(named: Sequence[tuple[Outcome, str]]) -> list[tuple[str, list[Cell]]]:
    """The overview: a cell for each scenario, those of one folder together."""
    cells = [
        (
            str(PurePath(printable(outcome.scenario.file)).parent),
            Cell(f"s{place}", printable(name), str(outcome.result)),
        )
        for place, (outcome, name) in enumerate(named, 1)
    ]
    return [(folder, [cell for _, cell in inside]) for folder, inside in groupby(cells, key=lambda one: one[0])]


def _place(view: ScenarioView, key: str, full: Markup | None, number: int) -> Place:
    return Place(view.name, key, view.file, view.result, view.seconds, view.partly, view.why, full, number)


def _scenario(outcome: Outcome, name: str, clock: Clock, *, attach: bool) -> ScenarioView:
    analysis, judgement = outcome.analysis, outcome.judgement
    verdicts = (*judgement.expectations, *judgement.always) if judgement is not None else ()
    file = shlex.quote(printable(outcome.scenario.file))
    return ScenarioView(
        name=printable(name),
        file=printable(outcome.scenario.file),
        result=str(outcome.result),
        seconds=outcome.played.seconds,
        partly=len(outcome.not_judged),
        why=printable(why_skipped(outcome)) if outcome.result is Result.SKIPPED else "",
        failures=tuple(failures(outcome)),
        verdicts=verdicts,
        sources=sources(outcome.scenario, verdicts),
        programs=printed(outcome, _MOST_PRINTED),
        changes=outcome.changes,
        reference=printable(str(outcome.reference or "")),
        trace=capture_view(analysis, clock=clock, with_capture=attach) if analysis is not None else None,
        commands=tuple(filter(None, (f"testbed run {file}", printable(inspect_command(outcome))))),
    )

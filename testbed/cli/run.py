"""``testbed run``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from testbed.cli import SIGNALLED
from testbed.cli.choose import chosen
from testbed.cli.cluster import wants_cluster
from testbed.cli.labs import labs
from testbed.cli.progress import Progress, erase, write_over
from testbed.cli.references import References
from testbed.cli.results import Results
from testbed.cli.run_ending import ending, exit_code
from testbed.cli.run_outputs import Outputs, obstacle
from testbed.cli.run_pictures import Pictures
from testbed.cli.untrusted import bounded, reach, why_refused
from testbed.cli.verbosity import QUIET
from testbed.errors import LabError, MachineError, TestbedError, machine_error, not_written
from testbed.interruption import Interruption
from testbed.outcome import Outcome, Result, conclude
from testbed.played import Played
from testbed.plural import count
from testbed.protocols.text import shown
from testbed.report.annotate import annotated
from testbed.report.console import console
from testbed.report.run import Run
from testbed.run_folder import RunFolder
from testbed.runner import lacking
from testbed.scenario.casting import cast_all
from testbed.scenario.former import former_told
from testbed.scenario.load import discover
from testbed.scenario.network_needs import NetworkKind
from testbed.scenario.scenario import Scenario
from testbed.subjects.parts import PARTS

_INSTEAD = "; or run with '--network host' on the machine's own loopback, which skips what needs a wire"


def main(options: argparse.Namespace) -> int:
    """Load, play, inspect, judge, report."""
    outputs, references = Outputs(options), References(options)
    out = console(sys.stderr if outputs.on_stdout else sys.stdout)
    write_over(out, Text("reading scenarios …", "quiet"))
    try:
        found = discover(options.paths)
        cast = {part: player for part in PARTS if (player := getattr(options, part))}
        candidates = cast_all(found.files, cast, reach(options))
    finally:
        erase(out)
    everything = [candidate.scenario for candidate in candidates]
    not_cast = {id(candidate.scenario): candidate.why_not for candidate in candidates}
    bounded(everything, options)
    scenarios = chosen(everything, options)
    pictures = Pictures(options.svg, len(scenarios))
    shard = "{}/{}".format(*options.shard) if options.shard else ""
    started, clock = datetime.now(UTC), time.monotonic()
    outcomes: list[Outcome] = []
    wrong: list[TestbedError] = []
    with RunFolder(options.keep) as folder, Interruption() as interruption:
        traces = dict(zip(map(id, everything), _traces(everything, folder.path), strict=True))
        work = [(scenario, traces[id(scenario)]) for scenario in scenarios]
        _refuse_obstacles(work)
        with outputs.fence():
            try:
                _play(work, not_cast, options, out, references, interruption, outcomes, quiet=outputs.on_stdout)
            except (TestbedError, OSError) as error:
                wrong.append(error if isinstance(error, TestbedError) else machine_error("the run broke off", error))
            seconds = time.monotonic() - clock
            refused = sum(bool(why_refused(outcome.scenario, options)) for outcome in outcomes)
            if any(outcome.result in (Result.FAILED, Result.ERROR) for outcome in outcomes):
                folder.note_red()
            if not scenarios:
                out.print(f"shard {shard} is empty: there are fewer scenarios than shards")
            elif not outputs.on_stdout:
                kept = folder.path if any(outcome.played.trace for outcome in outcomes) else None
                ending(out, outcomes, options, seconds, kept, refused)
            left = _not_played(scenarios, outcomes, interruption, wrong)
            if left and (interruption.number or options.fail_fast or wrong):
                out.print(f"{count(len(left), 'scenario')} not played")
            references.summary(out, everything)
            for hint in (found.left_out, former_told(scenarios)):
                if hint:
                    out.print(hint)
        try:
            pictures.write(outcomes, {number: trace.stem for number, trace in traces.items()})
        except TestbedError as error:
            wrong.append(error)
        try:
            outputs.write(Run((*outcomes, *left), started, seconds, bool(interruption.number), shard, refused))
        except TestbedError as error:
            wrong.append(error)
        if wrong:
            raise wrong[0] if len(wrong) == 1 else MachineError("; ".join(map(str, wrong)))
    return _exit_code(outcomes, interruption, options.network)


def _refuse_obstacles(work: list[tuple[Scenario, Path]]) -> None:
    """Raises UsageError or MachineError where it is known that traces cannot be written."""
    if work and (why := obstacle(work[0][1])):
        raise not_written(f"{shown(work[0][1])}: the trace cannot be written", why)


def _play(
    work: list[tuple[Scenario, Path]],
    not_cast: Mapping[int, str],
    options: argparse.Namespace,
    out: Console,
    references: References,
    interruption: Interruption,
    outcomes: list[Outcome],
    *,
    quiet: bool,
) -> None:
    """Put what became of each into ``outcomes``, in the order of the files, however far it comes."""
    if not work:
        return
    scenarios = [scenario for scenario, _ in work]
    results = Results(out, scenarios, QUIET if quiet else options.verbosity)
    progress = Progress(out, len(scenarios), results.tell)
    place = {id(scenario): number for number, scenario in enumerate(scenarios)}
    known: dict[int, Outcome] = {}
    told = 0
    try:
        with (
            labs(
                options,
                scenarios,
                interruption,
                progress,
                why_not=lambda scenario: not_cast.get(id(scenario), ""),
                why_red=partial(_why_red, options),
            ) as played,
            progress,
        ):
            far = wants_cluster(options)  # references are files of this machine
            for judged in played.accounts(work, partial(_judged, options.time_limit, None if far else references)):
                outcome = references.compared(judged) if far else judged
                known[place[id(outcome.scenario)]] = outcome
                references.note(outcome)
                if outcome.played.no_lab:
                    break  # what one lab is refused, all are
                while told in known:  # in the order of the files, whichever ends first
                    progress.ended(known[told])
                    told += 1
                if options.fail_fast and outcome.result in (Result.FAILED, Result.ERROR):
                    break
            if not any(outcome.played.no_lab for outcome in known.values()):
                for number in sorted(known):
                    if number >= told:
                        progress.ended(known[number])
                results.end()
    finally:
        outcomes += [known[number] for number in sorted(known)]


def _judged(time_limit_s: float, references: References | None, played: Played) -> Outcome:
    outcome = annotated(conclude(played, time_limit_s))
    return references.compared(outcome) if references is not None else outcome


def _why_red(options: argparse.Namespace, scenario: Scenario) -> str:
    """Why a scenario is not even to be played here, and no skip: a stranger's program, or one that is missing."""
    return why_refused(scenario, options) or (lacking(scenario) if options.require_needs else "")


def _not_played(
    scenarios: list[Scenario], outcomes: list[Outcome], interruption: Interruption, wrong: list[TestbedError]
) -> list[Outcome]:
    """The scenarios whose turn never came, or whose trace could not be kept, with the reason."""
    if wrong:
        why = f"the run broke off: {wrong[0]}"
    elif interruption.number:
        why = "the run was interrupted before its turn"
    elif any(outcome.played.no_lab for outcome in outcomes):
        why = "no lab can be run here"
    else:
        why = "the run ended at the first that was red (--fail-fast)"
    played = {id(outcome.scenario) for outcome in outcomes}
    return [
        Outcome(Played(scenario, None, 0.0, skipped=why), None, None)
        for scenario in scenarios
        if id(scenario) not in played
    ]


def _traces(scenarios: list[Scenario], folder: Path) -> list[Path]:
    """A file name per scenario, that of its YAML file and case, made unique where two folders have the same.

    Which of them are played changes no name, so that shares of a run can be put together.
    """
    names: set[str] = set()
    traces = []
    for scenario in scenarios:
        stem = name = scenario.name
        number = 2
        while name in names:
            name = f"{stem}-{number}"
            number += 1
        names.add(name)
        traces.append(folder / f"{name}.pcapng")
    return traces


def _exit_code(outcomes: list[Outcome], interruption: Interruption, network: str) -> int:
    if interruption.number:
        return SIGNALLED + interruption.number
    for result in outcomes:
        if result.played.no_lab:
            raise LabError(result.played.error + (_INSTEAD if network == NetworkKind.PRIVATE else ""))
    return exit_code(outcomes)

"""A stored trace as if its lab had just ended, so that it can be judged again: years later, or by another scenario."""

from __future__ import annotations

from pathlib import Path

from testbed.errors import UsageError
from testbed.pcap.read import read_capture
from testbed.played import Played
from testbed.protocols.events import ALL_PLAYED, LabEnded, LabStarted
from testbed.protocols.text import shown
from testbed.scenario.in_code import IN_CODE, scenario_in_code
from testbed.scenario.load import load_cases, parse
from testbed.scenario.problems import ScenarioError
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.trace.model.log import lab_of, log_entry, of

_PLAYED = ("hosts", "faults", "steps")
_NOTHING_OUTSIDE = Reach(alone=True)  # a stranger's trace names no file of this machine


def played_once(trace: Path, scenario: Path | None = None, reach: Reach = Reach()) -> Played:  # noqa: B008 - frozen
    """What became of the lab whose trace this is, of the scenario it carries or of the one in a file.

    The file may expect something else than when it was played.  Raises CaptureError for what is no capture, UsageError
    for a capture of no lab, and for a scenario that cannot be read or plays something else.
    """
    journal = [log_entry(entry) for entry in read_capture(trace).journal]
    lab = lab_of(journal)
    if lab is None:
        raise UsageError(
            f"{shown(trace)}: no scenario is in it, for it is not the trace of a lab; expectations are judged from "
            "what a lab's hosts log, too. 'testbed inspect' says what it shows"
        )
    found = _carried(trace, lab) if scenario is None else _same_lab(scenario, lab, reach)
    ends = [entry.event for entry in of(journal, LabEnded)]
    if not ends:
        why = "the trace breaks off before its lab has ended"
        return Played(found, trace, 0.0, error=f"{shown(trace)}: {why}", cause=why)
    seconds, reason = ends[-1].real_seconds, ends[-1].reason
    if reason == ALL_PLAYED:
        return Played(found, trace, seconds)
    why = f"the lab ended before its steps were over: {reason}"
    return Played(found, trace, seconds, error=f"{shown(trace)}: {why}", cause=why, by_program=found.has_programs)


def _carried(trace: Path, lab: LabStarted) -> Scenario:
    try:
        return _read(lab)
    except ScenarioError as error:
        raise UsageError(f"{shown(trace)}: the scenario it carries cannot be read: {error}") from None


def _read(lab: LabStarted) -> Scenario:
    """The scenario in a trace; what it names beside it need not be there any more.  Raises ScenarioError."""
    if lab.file == IN_CODE:
        return scenario_in_code(lab.scenario, lab.case, _NOTHING_OUTSIDE)
    return parse(lab.scenario, lab.file, lab.case, _NOTHING_OUTSIDE)


def _same_lab(file: Path, lab: LabStarted, reach: Reach) -> Scenario:
    """The case of a file that the trace is of, or its only one.  Raises UsageError where it plays something else."""
    cases = load_cases(file, reach)
    scenario = next((one for one in cases if one.case == lab.case or len(cases) == 1), None)
    if scenario is None:
        case = f"'{lab.case}'" if lab.case else "one without a matrix"
        raise UsageError(f"{shown(file)} has {len(cases)} cases, none of them that of the trace, {case}")
    try:
        carried = _read(lab)
    except ScenarioError:
        return scenario  # of a version that wrote scenarios otherwise
    for key in _PLAYED:
        if repr(getattr(scenario, key)) != repr(getattr(carried, key)):  # equality minds lines, too
            raise UsageError(
                f"{shown(file)}: its {key} are not those with which the trace was played, so no verdict on it would be "
                f"sound; only what is expected may differ. 'testbed run {shown(file)}' plays it"
            )
    return scenario

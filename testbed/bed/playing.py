"""The two things to do with a scenario from Python: hold its lab open, or play it to its end."""

from __future__ import annotations

import os
from pathlib import Path

from testbed.bed.bed import Bed
from testbed.bed.source import Folder, Source, scenario_of, trace_file
from testbed.keeper import LabSession, Order
from testbed.lab.where import AUTO, where
from testbed.outcome import Outcome, conclude
from testbed.played import Played
from testbed.protocols.text import shown
from testbed.runner import TIME_LIMIT_S, lacking
from testbed.scenario.network_needs import NetworkKind
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario


def open_lab(
    source: Source = None,
    /,
    *,
    case: str = "",
    keep: Folder = None,
    play_steps: bool = True,
    network: str = AUTO,
    allow_outside: bool = False,
    **parts: object,
) -> Bed:
    """Open a lab, play its steps, and hold it open; ``with open_lab(…) as bed:`` ends it.

    ``source`` is a scenario: the path of its file, YAML text, a mapping, or a loaded scenario.  Without it,
    ``parts`` are the scenario's keys: ``hosts``, ``faults``, ``expect`` …  In code, all keys are optional: an empty
    scenario is the textbook's lab.  ``case`` names a case of a matrix.  The trace goes into the folder ``keep``
    (default: a fresh temporary one).  ``network`` is ``"private"``, ``"host"`` for the machine's own loopback, or
    ``"auto"``: private where possible.  With ``allow_outside``, the scenario may name files outside its folder, and
    its programs may write there.

    Raises UsageError for a wrong scenario, LabError if labs cannot run here.
    """
    scenario = scenario_of(source, case, parts, Reach(anywhere=allow_outside))
    return Bed(scenario, trace_file(scenario, keep), plays_steps=play_steps, network=where(network).kind)


def play(
    source: Source = None,
    /,
    *,
    case: str = "",
    keep: Folder = None,
    time_limit_s: float = TIME_LIMIT_S,
    network: str = AUTO,
    allow_outside: bool = False,
    require_needs: bool = False,
    **parts: object,
) -> Outcome:
    """Play a scenario to its end and judge it; the parameters are as for :func:`open_lab`.

    ``outcome.result`` says whether everything held; :func:`check` raises if something did not.  On the machine's own
    loopback (``network="host"``, or where nothing else is possible), a scenario that needs more is skipped.  With
    ``require_needs``, a scenario whose ``needs`` are not installed is an error instead of being skipped.
    """
    scenario = scenario_of(source, case, parts, Reach(anywhere=allow_outside))
    kind = where(network).kind
    return play_into(scenario, trace_file(scenario, keep), Path.cwd(), time_limit_s, kind, require_needs=require_needs)


def play_into(
    scenario: Scenario,
    trace: Path,
    folder: Path,
    time_limit_s: float = TIME_LIMIT_S,
    network: NetworkKind = NetworkKind.PRIVATE,
    *,
    require_needs: bool = False,
) -> Outcome:
    """Play a scenario whose paths are seen from ``folder``; its trace goes where ``trace`` says."""
    if require_needs and (why := lacking(scenario)):
        return conclude(Played(scenario, None, 0.0, error=f"{shown(scenario.file)}: {why}", cause=why))
    order = Order(scenario, trace.absolute(), folder, dict(os.environ), time_limit_s, network=network)
    return conclude(LabSession(order).played(), time_limit_s)

"""Which scenario a program means, and where its trace goes."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TypeAlias

from testbed.catalogue import located
from testbed.errors import UsageError
from testbed.run_folder import RunFolder
from testbed.scenario.in_code import IN_CODE, scenario_in_code
from testbed.scenario.load import OWN_FOLDER, load_cases
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario

Source: TypeAlias = str | os.PathLike[str] | Mapping[str, object] | Scenario | None
"""A scenario: its file, or one of ``@catalogue``; its YAML text, of several lines; its keys and values; or itself."""

Folder: TypeAlias = str | os.PathLike[str] | None


def scenario_of(
    source: Source, case: str = "", parts: Mapping[str, object] | None = None, reach: Reach = OWN_FOLDER
) -> Scenario:
    """The scenario that is meant, with files ``reach`` allows.  Raises UsageError."""
    if source is not None and parts:
        raise UsageError(f"say the scenario, or its keys ({', '.join(parts)}), not both")
    if isinstance(source, Scenario):
        return source
    if source is None or isinstance(source, Mapping):
        return scenario_in_code(parts or {} if source is None else source, case, reach)
    text = os.fspath(source)
    if isinstance(source, str) and "\n" in text:
        return scenario_in_code(text, case, reach)
    found = load_cases(located(text, "scenarios"), reach)
    for scenario in found:
        if scenario.case == case:
            return scenario
    names = "; ".join(f"case='{scenario.case}'" for scenario in found[:5] if scenario.case)
    raise UsageError(
        f"{text}: name one of its {len(found)} cases: {names} …" if names else f"{text} has no case '{case}'"
    )


def trace_file(scenario: Scenario, folder: Folder) -> Path:
    """The trace's path: in the folder, named so that nothing is overwritten; else in a temporary one."""
    stem, number = trace_stem(scenario), 2
    into = fresh_folder(os.getpid()) if folder is None else Path(folder)
    found = into / f"{stem}.pcapng"
    while found.exists():
        found = into / f"{stem}-{number}.pcapng"
        number += 1
    return found.absolute()


@cache
def fresh_folder(process: int) -> Path:
    """The fresh folder that a process has for the traces nobody has named a place for."""
    folder = RunFolder()
    atexit.register(folder.close)
    return folder.path


def trace_stem(scenario: Scenario) -> str:
    """What a trace is called: as its scenario's file and case, or ``lab`` where there is no file."""
    return "lab" if scenario.file == IN_CODE else scenario.name

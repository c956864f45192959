"""The files beside a scenario that go into its lab: attachments, and the folders programs find theirs in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from testbed.scenario.attachments import MOST_OCTETS
from testbed.scenario.problems import Problem
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import SendStep

MAX_FILES, MAX_OCTETS = 2_000, 100_000_000
"""Of one folder."""


def problems_beside(scenario: Scenario) -> Iterator[Problem]:
    """What is wrong with the files a scenario names: not there, no files, too much, or out of its reach."""
    place, reach = scenario.file_of("steps"), scenario.reach
    for step in scenario.steps:
        for one in step.attach if isinstance(step, SendStep) else ():
            if one.file is not None:
                path = os.path.join(os.path.dirname(place), one.file)
                if wrong := reach.why_not(path, scenario.file) or _why_no_attachment(path):
                    yield Problem(place, step.line, 1, f"the attachment '{one.file[:60]}': {wrong}")
    for name, host in scenario.hosts.items():
        if isinstance(host.files, str):
            folder = scenario.folder_of_files(name) / host.files
            if wrong := _why_no_folder(folder, scenario.file, reach):
                file, line = scenario.place_of_files(name)
                yield Problem(file, line, 1, f"the folder '{host.files[:60]}' of {name}: {wrong}")


def _why_no_attachment(path: str) -> str:
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return "there is no such file beside the scenario"
    if not stat.S_ISREG(facts.st_mode):
        return "this is not a regular file"
    if facts.st_size > MOST_OCTETS:
        return f"{facts.st_size:,} octets are more than {MOST_OCTETS:,}, which an attachment has at most"
    return ""


def _why_no_folder(folder: Path, scenario: str, reach: Reach) -> str:
    if wrong := reach.why_not(folder, scenario):
        return wrong
    try:
        if not folder.is_dir():
            return "there is no such folder beside the scenario"
        return _why_not_all(folder, scenario, reach)
    except (OSError, ValueError) as error:
        return f"it cannot be copied: {error}"


def _why_not_all(folder: Path, scenario: str, reach: Reach) -> str:
    count = octets = 0
    for parent, folders, files in os.walk(folder, followlinks=True):  # links in a circle end at the limit
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            inner = os.path.relpath(path, folder)[:60]
            if wrong := reach.why_not(path, scenario):
                return f"{inner}: {wrong}"
            facts = os.stat(path)
            if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
                return f"{inner}: this is not a regular file"
            count, octets = count + 1, octets + facts.st_size
            if count > MAX_FILES or octets > MAX_OCTETS:
                return f"it holds more than {MAX_FILES:,} files or {MAX_OCTETS:,} octets, too much for a lab"
    return ""

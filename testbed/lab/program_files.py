"""What a program finds in its directory: files from beside the scenario, and all that a ready-made program takes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from testbed.errors import StepError, reason
from testbed.hosts.site import Site
from testbed.protocols.text import shown
from testbed.scenario.program_hosts import MAILBOXES, filled, placeholders
from testbed.scenario.scenario import Scenario
from testbed.subjects.installed import kept_files
from testbed.subjects.subject import subjects

Facts = Mapping[tuple[str, str], str]
"""By what it is, and the host it is of; nothing for the program's own."""

_A_WHILE_S = 3_600  # servers such as Postfix wait when their configuration has only just been changed


def write_files(scenario: Scenario, site: Site, facts: Facts) -> bool:
    """Put a program's files into its directory; whether they tell it of its Maildirs.  Raises StepError.

    Facts are filled into all of them but the production files of a ready-made program, whose braces are their own.
    Of a ready-made program ``stores`` says where its mailboxes lie, and nothing else does.
    """
    spec, directory = scenario.hosts[site.name], site.directory
    where, production = directory, None
    try:
        if spec.program is not None:
            subject = subjects()[spec.program]
            where = directory / subject.configuration
            for file, place in kept_files(subject):
                _copy(file, directory / place)
            for folder in subject.templates(spec.role):
                shutil.copytree(folder, directory, dirs_exist_ok=True)
        if isinstance(spec.files, dict):
            for name, text in spec.files.items():
                _write(where / name, text)
        elif spec.files is not None:
            production = scenario.folder_of_files(site.name) / spec.files
        if production is not None and spec.program is None:
            shutil.copytree(production, where, dirs_exist_ok=True)
        known = [_fill(found, facts) for found in _files(directory)]
        if production is not None and spec.program is not None:
            shutil.copytree(production, where, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        problem = f"the files of {site.name} cannot be copied: {reason(error)}"
        raise StepError(f"{shown(scenario.file)}: {problem}") from error
    before = time.time() - _A_WHILE_S
    for found in _files(directory):
        os.utime(found, (before, before))
    return any(known) and spec.program is None


def names_maildirs(text: str) -> bool:
    """Whether a text tells its program where to deliver mail."""
    return (MAILBOXES, "") in placeholders(text) or f"TESTBED_{MAILBOXES.upper()}" in text


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, target)


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o755 if text.startswith("#!") else 0o644)


def _files(directory: Path) -> Iterator[Path]:
    return (found for found in directory.rglob("*") if found.is_file())


def _fill(file: Path, facts: Facts) -> bool:
    """Put the facts into a file of text; whether it names its host's own Maildirs."""
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError:
        return False
    changed = filled(text, facts)
    if changed != text:
        file.write_bytes(changed.encode())
    return names_maildirs(text)

"""What ``testbed run`` gives besides its report for people: a function and a row of the table for each output."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from testbed.errors import MachineError, TestbedError, UsageError, not_written
from testbed.protocols.text import obeyed_by_none, shown
from testbed.scenario.recognition import SUFFIXES
from testbed.whole_file import whole_file

if TYPE_CHECKING:
    from testbed.report.run import Run

STDOUT = "-"


def _junit(run: Run) -> str:
    from testbed.report.junit import junit_xml

    return junit_xml(run)


def _tap(run: Run) -> str:
    from testbed.report.tap import tap

    return tap(run)


def _markdown(run: Run) -> str:
    from testbed.report.markdown import markdown

    return markdown(run)


def _html(run: Run, *, with_capture: bool) -> str:
    from testbed.report.html.run import run_html

    return run_html(run, with_capture=with_capture)


def _json(run: Run) -> str:
    from testbed.report.json_run import run_json

    return run_json(run) + "\n"


# Options that name a file, or - for standard output.
_FORMS: dict[str, Callable[[Run], str]] = {"junit": _junit, "tap": _tap, "markdown": _markdown}


class Outputs:
    """The outputs that were asked for.  What cannot be written is complained of at once.

    Raises UsageError for names that are wrong, MachineError where the machine does not let them be written.
    """

    def __init__(self, options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> None:
        self._forms: dict[str, Callable[[Run], str]] = {
            **_FORMS,
            "html": partial(_html, with_capture=options.with_capture),
        }
        named = {option: value for option in self._forms if (value := getattr(options, option)) is not None}
        spoken = ["--json"] if options.json else []
        spoken += [f"--{option} {STDOUT}" for option, value in named.items() if value == STDOUT]
        if len(spoken) > 1:
            raise UsageError(f"{' and '.join(spoken)} all want standard output; name a file for {spoken[-1][:-2]}")
        self._files = {option: Path(value) for option, value in named.items() if value != STDOUT}
        self._spoken = next((self._forms[option] for option, value in named.items() if value == STDOUT), None)
        if options.json:
            self._spoken = _json
        self._github = bool(options.github)
        self._root = environment.get("GITHUB_WORKSPACE", "")
        self._summary = environment.get("GITHUB_STEP_SUMMARY", "") if self._github else ""
        self._check()

    @property
    def on_stdout(self) -> bool:
        """Whether standard output belongs to a program; people's report then has no place."""
        return self._spoken is not None

    @contextlib.contextmanager
    def fence(self) -> Iterator[None]:
        """Have GitHub obey nothing that is printed meanwhile: a server's reply may look like a workflow command."""
        if not self._github:
            yield
            return
        token = secrets.token_hex(16)
        self._say(f"::stop-commands::{token}\n")
        try:
            yield
        finally:
            self._say(f"::{token}::\n")

    def write(self, run: Run) -> None:
        """Write all of them, each whole or not at all.  Raises as when made, once all are written that can be."""
        complaints: list[TestbedError] = []
        for option, path in self._files.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as out:
                    out.write(self._forms[option](run).encode("utf-8", "backslashreplace"))
            except OSError as error:
                complaints.append(_cannot(path, error))
        if self._summary:
            try:
                with open(self._summary, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as summary:
                    summary.write(_markdown(run))
            except OSError as error:
                complaints.append(_cannot(Path(self._summary), error))
        if self._spoken is not None:
            if hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(encoding="utf-8")
            sys.stdout.write(obeyed_by_none(self._spoken(run)))
        if self._github:
            from testbed.report.github import workflow_commands

            self._say(workflow_commands(run, self._root))
        if complaints:
            raise complaints[0] if len(complaints) == 1 else MachineError("; ".join(map(str, complaints)))

    def _say(self, text: str) -> None:
        """To the log of GitHub's, which reads both streams."""
        stream: TextIO = sys.stderr if self.on_stdout else sys.stdout
        stream.write(text)
        stream.flush()

    def _check(self) -> None:
        seen: dict[str, str] = {}
        for option, path in self._files.items():
            real = os.path.realpath(path)
            if real in seen:
                raise UsageError(f"--{seen[real]} and --{option} name the same file, {shown(path)}")
            if path.suffix.lower() in SUFFIXES:
                raise UsageError(
                    f"--{option} {shown(path)} would write over a scenario; name the file the report goes into"
                )
            seen[real] = option
        for path in (*self._files.values(), *([Path(self._summary)] if self._summary else [])):
            if why := obstacle(path):
                raise _cannot(path, why)


def written(file: str, text: str) -> None:
    """Write an output to a file, whole or not at all, or to standard output.  Raises UsageError or MachineError."""
    if file == STDOUT:
        sys.stdout.write(obeyed_by_none(text))
        return
    try:
        with whole_file(Path(file)) as out:
            out.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise _cannot(Path(file), error) from error


def obstacle(path: Path) -> OSError | None:
    """Why a file cannot be written, None when nothing is known against it."""
    if os.path.isdir(path):
        return OSError(errno.EISDIR, "it is a folder")
    if os.path.lexists(path):
        return None if os.access(path, os.W_OK) else OSError(errno.EACCES, "permission denied")
    folder = path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.path.isdir(folder):
        return OSError(errno.ENOTDIR, f"{shown(folder)} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        return OSError(errno.EACCES, f"no file may be made in {shown(folder)}")
    return None


def _cannot(path: Path, error: OSError) -> TestbedError:
    return not_written(f"{shown(path)}: the report cannot be written", error)

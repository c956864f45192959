"""What ``testbed run`` gives besides its report for people: a function and a row of the table for each output."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from testbed.errors import UsageError, reason
from testbed.report.run import Run
from testbed.scenario.recognition import SUFFIXES

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


def _json(run: Run) -> str:
    from testbed.report.json_run import run_json

    return run_json(run) + "\n"


# Options that name a file, or - for standard output.
_FILES: dict[str, Callable[[Run], str]] = {"junit": _junit, "tap": _tap, "markdown": _markdown}


class Outputs:
    """The outputs that were asked for.  What cannot be written is complained of at once, as UsageError."""

    def __init__(self, options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> None:
        named = {option: value for option in _FILES if (value := getattr(options, option)) is not None}
        spoken = ["--json"] if options.json else []
        spoken += [f"--{option} {STDOUT}" for option, value in named.items() if value == STDOUT]
        if len(spoken) > 1:
            raise UsageError(f"{' and '.join(spoken)} all want standard output; name a file for {spoken[-1][:-2]}")
        self._files = {option: Path(value) for option, value in named.items() if value != STDOUT}
        self._spoken = next((_FILES[option] for option, value in named.items() if value == STDOUT), None)
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
        """Write all of them.  Raises UsageError, when all are written that can be."""
        complaints = []
        texts = [(path, _FILES[option](run), "w") for option, path in self._files.items()]
        if self._summary:
            texts.append((Path(self._summary), _markdown(run), "a"))
        for path, text, mode in texts:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open(mode, encoding="utf-8", newline="\n") as out:
                    out.write(text)
            except OSError as error:
                complaints.append(_cannot(path, reason(error)))
        if self._spoken is not None:
            if hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(encoding="utf-8")
            sys.stdout.write(self._spoken(run))
        if self._github:
            from testbed.report.github import workflow_commands

            self._say(workflow_commands(run, self._root))
        if complaints:
            raise UsageError("; ".join(complaints))

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
                raise UsageError(f"--{seen[real]} and --{option} name the same file, {path}")
            if path.suffix.lower() in SUFFIXES:
                raise UsageError(f"--{option} {path} would write over a scenario; name the file the report goes into")
            seen[real] = option
        for path in (*self._files.values(), *([Path(self._summary)] if self._summary else [])):
            if why := obstacle(path):
                raise UsageError(_cannot(path, why))


def obstacle(path: Path) -> str:
    """Why a file cannot be written, ``""`` when nothing is known against it."""
    if os.path.isdir(path):
        return "it is a folder"
    if os.path.lexists(path):
        return "" if os.access(path, os.W_OK) else "permission denied"
    folder = path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.path.isdir(folder):
        return f"{folder} is not a folder"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"no file may be made in {folder}"


def _cannot(path: Path, why: str) -> str:
    return f"{path}: the report cannot be written: {why}"

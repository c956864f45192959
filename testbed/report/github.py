"""Annotations for GitHub Actions: workflow commands that put a failure beside its line of the scenario."""

from __future__ import annotations

import os

from testbed.outcome import Outcome
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.failures import Failure, account, failures
from testbed.report.run import Run, names, remedy

MOST = 10
"""GitHub shows so many errors of a step, and says nothing of the others."""


def workflow_commands(run: Run, root: str = "") -> str:
    """A line per failure, which says at the end how many more there are; a warning where not all could be judged.

    ``root`` is the folder of the repository, from which GitHub counts paths; ``""`` for the current one.
    """
    lines = []
    for outcome, name in zip(run.outcomes, names(run.outcomes), strict=True):
        lines += [_error(outcome, name, failure, root) for failure in failures(outcome)]
    if len(lines) > MOST:
        more = len(lines) - (MOST - 1)
        lines[MOST - 1 :] = [f"::error title=Mail Testbed::{more} more did not hold; the job's summary names them all"]
    if partly := len(run.not_judged):
        why = remedy(run.outcomes)
        told = f"{count(partly, 'scenario')} held, but not all of it could be judged" + (f": {why}" if why else "")
        lines.append(f"::warning title=Mail Testbed::{_data(told)}")
    return "".join(line + "\n" for line in lines)


def _error(outcome: Outcome, name: str, failure: Failure, root: str) -> str:
    properties = {"file": _from(root, failure.file), "line": str(failure.line or 1), "title": printable(name)}
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::error {told}::{_data(chr(10).join(account(outcome, failure)))}"


def _from(root: str, file: str) -> str:
    if not root:
        return printable(file)
    path = os.path.relpath(os.path.realpath(file), os.path.realpath(root))
    return printable(file if path.startswith("..") else path)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""Captures that are reproduced by the dozen, from their packets alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from testbed.errors import UsageError
from testbed.reproduce.evidence import evidence
from testbed.reproduce.parties import is_mail, is_reading
from testbed.reproduce.played import all_reproduced
from testbed.reproduce.search import search
from testbed.runner import usual_jobs
from tests.conftest import PROJECT

REFERENCES = sorted((PROJECT / "captures").glob("*.pcapng"))
EVERY = os.environ.get("REPRODUCE") == "all"
_NTH = 11


def sample() -> list[Path]:
    """All references, or every eleventh."""
    return REFERENCES if EVERY else REFERENCES[::_NTH]


def outcomes(captures: Iterable[Path], folder: Path) -> dict[str, str]:
    """By the names of captures: ``""`` where the scenario tells the same, else what differs."""
    found: dict[str, str] = {}
    searches = {path.stem: search(evidence(path), path.name) for path in captures}
    for name, came in all_reproduced(searches, folder, jobs=usual_jobs()):
        if isinstance(came, UsageError):
            found[name] = str(came)
            continue
        told = [f"{one.what}: {one.capture}, and {one.played} when played" for one in came.differences]
        found[name] = "; ".join([*told, *came.red])
    return found


def is_of_mail(path: Path) -> bool:
    """Whether a capture shows mail being handed over or read."""
    try:
        return any(is_mail(one) or is_reading(one) for one in evidence(path).connections)
    except UsageError:
        return False

"""The project, small: for commands that name all of it.  All of it is played by tests/lab/catalogue."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.traces import traces_of

_GROUPS = ("dns", "queue")


def make_small(project: Path) -> None:
    """Leave the textbook's scenarios and some groups in a copy of the project, and their reference traces."""
    for group in (project / "scenarios").iterdir():
        if group.is_dir() and group.name not in _GROUPS:
            shutil.rmtree(group)
    kept = {trace.name for file in (project / "scenarios").rglob("*.yaml") for trace in traces_of(file.stem)}
    for trace in (project / "captures").iterdir():
        if trace.name not in kept:
            trace.unlink()

"""What the fixture ``lab`` is: a factory of labs that end with the test."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from testbed.bed import Bed, open_lab
from testbed.bed.source import Source
from testbed.errors import NoLabError
from testbed.pytest_plugin.traces import keep_folder


class LabFactory:
    """Call it to open a lab, as :func:`testbed.open_lab`; in a ``with``, it ends there, else with the test.

    A relative path is looked for beside the test's file first.  Where the machine cannot run labs, the test is skipped.
    """

    def __init__(self, request: pytest.FixtureRequest, temporary: pytest.TempPathFactory) -> None:
        self._request = request
        self._temporary = temporary
        self._beds: list[Bed] = []
        self._folder: Path | None = None

    def __call__(self, source: Source = None, /, *, case: str = "", play_steps: bool = True, **parts: object) -> Bed:
        try:
            bed = open_lab(self._beside(source), case=case, keep=self._keep(), play_steps=play_steps, **parts)
        except NoLabError as error:
            pytest.skip(f"labs cannot run here: {error}")
        self._beds.append(bed)
        self._request.node.user_properties.append(("testbed_trace", str(bed.trace)))
        return bed

    def close(self) -> None:
        """End the labs that are still open, the last one first."""
        for bed in reversed(self._beds):
            bed.close()

    def sections(self) -> list[tuple[str, str]]:
        """For the report of a test that failed: where each trace is, and the command that shows it."""
        lines = [
            f"trace       {bed.trace}\nlook at it  testbed inspect {shlex.quote(str(bed.trace))}" for bed in self._beds
        ]
        return [("Mail Testbed", "\n".join(lines))] if lines else []

    def _beside(self, source: Source) -> Source:
        if isinstance(source, str | Path) and "\n" not in str(source):
            near = self._request.path.parent / source
            return near if near.exists() else source
        return source

    def _keep(self) -> Path:
        if self._folder is None:
            name = re.sub(r"[^\w.-]+", "-", self._request.node.name).strip("-")[:60]
            kept = keep_folder(self._request.config)
            self._folder = kept / name if kept else self._temporary.mktemp(f"lab-{name[:30]}")
        return self._folder

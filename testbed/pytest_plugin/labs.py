"""What the fixture ``lab`` is: a factory of labs that end with the test."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from testbed.bed import Bed
from testbed.bed.source import Source, scenario_of, trace_stem
from testbed.errors import NoLabError
from testbed.pytest_plugin.bounds import reach
from testbed.pytest_plugin.networks import network_of, not_here
from testbed.pytest_plugin.traces import inside, keep_folder, trace_lines


class LabFactory:
    """Call it to open a lab, as with :func:`testbed.open_lab`; a ``with`` ends the lab, otherwise the test does.

    A relative path is looked up beside the test's file first.  If the machine cannot run the lab, the test is
    skipped, or fails with ``--testbed-require-labs``.
    """

    def __init__(self, request: pytest.FixtureRequest, temporary: pytest.TempPathFactory) -> None:
        self._request = request
        self._temporary = temporary
        self._beds: list[Bed] = []
        self._folder: Path | None = None

    def __call__(self, source: Source = None, /, *, case: str = "", play_steps: bool = True, **parts: object) -> Bed:
        scenario = scenario_of(self._beside(source), case, parts, reach(self._request.config))
        number = f"-{len(self._beds) + 1}" if self._beds else ""
        try:
            bed = Bed(
                scenario,
                self._keep() / f"{trace_stem(scenario)}{number}.pcapng",
                plays_steps=play_steps,
                network=network_of(self._request.node),
            )
        except NoLabError as error:
            not_here(self._request.node, f"labs cannot run here: {error}")
        self._beds.append(bed)
        self._request.node.user_properties.append(("testbed_trace", str(bed.trace)))
        return bed

    def close(self) -> None:
        """End the labs that are still open, the last one first."""
        with contextlib.ExitStack() as stack:
            for bed in self._beds:
                stack.callback(bed.close)

    def sections(self) -> list[tuple[str, str]]:
        """For the report of a test that failed: where each trace is, and the command that shows it."""
        lines = [trace_lines(bed.trace) for bed in self._beds]
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
            if kept is None:
                self._folder = self._temporary.mktemp(f"lab-{name[:30]}")
            else:
                self._folder = kept / inside(self._request.config, self._request.path.with_suffix("")) / name
        return self._folder

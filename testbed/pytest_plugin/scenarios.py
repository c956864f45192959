"""Scenario files as tests: collected a case at a time, played, and reported by the lines of the file."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest._code.code import TerminalRepr

from testbed.errors import TestbedError
from testbed.protocols.text import shown
from testbed.pytest_plugin import BASELINE, REQUIRE_NEEDS, TIME_LIMIT
from testbed.pytest_plugin.bounds import reach
from testbed.pytest_plugin.networks import network_of, not_here
from testbed.pytest_plugin.traces import inside, keep_folder, temporary_folder, trace_lines
from testbed.scenario.load import load_cases
from testbed.scenario.scenario import Scenario

if TYPE_CHECKING:
    from testbed.outcome import Outcome

_TITLE = re.compile(r"^title[ \t]*:", re.M)


class ScenarioFile(pytest.File):
    """A scenario file: a test for each of its cases."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Load the file.  Raises CollectError with every mistake, each a sentence with line and column."""
        try:
            scenarios = load_cases(_as_seen(self), reach(self.config))
        except TestbedError as error:
            raise self.CollectError(str(error)) from None
        titles = Counter(scenario.title for scenario in scenarios)
        traces: Counter[str] = Counter()
        for scenario in scenarios:
            case = f" [{scenario.case}]" if titles[scenario.title] > 1 else ""
            traces[scenario.name] += 1
            number = traces[scenario.name]
            trace = scenario.name if number == 1 else f"{scenario.name}-{number}"
            name = f"{scenario.title}{case}".replace("::", ":")  # which parts a node's id
            yield ScenarioItem.from_parent(self, name=name, scenario=scenario, trace=f"{trace}.pcapng")


class NotGreen(Exception):
    """A scenario was played, and is red."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.scenario.title)
        self.outcome = outcome


class ScenarioItem(pytest.Item):
    """One scenario."""

    def __init__(self, *, scenario: Scenario, trace: str, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self.scenario = scenario
        self._trace_name = trace
        match = _TITLE.search(scenario.text)
        self._line = scenario.text.count("\n", 0, match.start()) if match else 0
        self.add_marker(pytest.mark.testbed(group=self.path.parent.name, file=self.path.name, case=scenario.case))

    def runtest(self) -> None:
        """Play, inspect, judge.  Raises NotGreen; skips with the reason what cannot be played here."""
        from testbed.bed import play_into
        from testbed.outcome import Result
        from testbed.report.annotate import annotated
        from testbed.report.failures import unjudged

        trace = self._trace()
        trace.unlink(missing_ok=True)  # what an earlier run kept is not this one's
        try:
            folder = self.config.invocation_params.dir
            network = network_of(self)
            limit, strict = float(self.config.getini(TIME_LIMIT)), bool(self.config.getoption(REQUIRE_NEEDS))
            outcome = play_into(self.scenario, trace, folder, limit, network, require_needs=strict)
        finally:
            if trace.exists():
                self.user_properties.append(("testbed_trace", str(trace)))
        outcome = self._compared(annotated(outcome))
        if outcome.played.no_lab:
            not_here(self, f"labs cannot run here: {outcome.played.error}")
        if outcome.result is Result.SKIPPED:
            not_here(self, outcome.played.skipped)
        if outcome.result is not Result.HELD:
            raise NotGreen(outcome)
        for line in unjudged(outcome):
            self.warn(pytest.PytestWarning(line))

    def _compared(self, outcome: Outcome) -> Outcome:
        """The outcome with what changed since its reference trace, where references were named."""
        folder = self.config.getoption(BASELINE)
        if not folder:
            return outcome
        from testbed.baseline import Baseline

        return Baseline(self.config.invocation_params.dir / folder).compared(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str | TerminalRepr:
        """The expectations that did not hold, as they are written, and what was seen instead."""
        from testbed.pytest_plugin.words import failure, plain

        error = excinfo.value
        if isinstance(error, NotGreen):
            return failure(error.outcome)
        if isinstance(error, TestbedError | pytest.fail.Exception):
            trace = self._trace()
            kept = trace_lines(trace) if trace.exists() else "nothing was captured"
            line = self._line + 1
            return plain(self.scenario.file, line, str(error), f"{shown(self.scenario.file)}:{line}: {error}\n{kept}")
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file, and the line of the title, from 0."""
        return self.path, self._line, self.name

    def _trace(self) -> Path:
        kept = keep_folder(self.config) or temporary_folder(self.config)
        return kept / inside(self.config, self.path.parent) / self._trace_name


def _as_seen(node: pytest.File) -> str:
    """The file's path as the user sees it: from the folder pytest was started in."""
    return os.path.relpath(node.path, node.config.invocation_params.dir)

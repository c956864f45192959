"""What every scenario of the catalogue is held against: it is green, its findings name the cause, and it is red when
the behaviour it guards is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from tests.conftest import PROJECT
from tests.lab.test_scenarios import play, why

SCENARIOS = PROJECT / "scenarios"


@dataclass(frozen=True)
class Staged:
    """One scenario of the catalogue.

    ``file`` is its path under ``scenarios/``, ``findings`` are the codes of all findings its trace gives, no more and
    no less.  ``broken`` says in words what ``break_it`` does to the hosts; labs are forked, so a patch made in the test
    holds inside them.
    """

    file: str
    findings: frozenset[str]
    broken: str
    break_it: Callable[[pytest.MonkeyPatch], None]

    def __str__(self) -> str:
        return self.file.removesuffix(".yaml")


def staged(file: str, findings: str, broken: str, break_it: Callable[[pytest.MonkeyPatch], None]) -> Staged:
    """A row of a table; ``findings`` are codes with spaces between."""
    return Staged(file, frozenset(findings.split()), broken, break_it)


def check_it_holds(case: Staged, folder: Path) -> Outcome:
    """Play it, and look at verdict and findings."""
    outcome = play(SCENARIOS / case.file, folder)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.scenario.about
    assert outcome.scenario.rfc
    assert outcome.analysis is not None
    assert {finding.code for finding in outcome.analysis.findings} == case.findings
    frames = {packet.frame for packet in outcome.analysis.packets()}
    for finding in outcome.analysis.findings:
        assert finding.frames
        assert set(finding.frames) <= frames
    return outcome


def check_it_guards(case: Staged, patch: pytest.MonkeyPatch, folder: Path) -> Outcome:
    """Play it with hosts that do not behave, and see it fail, not break off."""
    case.break_it(patch)
    outcome = play(SCENARIOS / case.file, folder)
    assert outcome.result is Result.FAILED, f"it holds although {case.broken}; {outcome.played.error}"
    return outcome

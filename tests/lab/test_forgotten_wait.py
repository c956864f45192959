"""An expectation that waiting would have let come true says so, with what to wait for."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.expect import judge
from testbed.lab import run
from testbed.scenario.load import parse
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect

SCENARIO = """\
title: Nobody waits
hosts:
  someschool.edu: {{mailboxes: {{bob: {{quota: 20 KB, filled: 20 KB}}, carol: {{}}}}}}
steps:
  - send: {{to: [bob@someschool.edu, carol@someschool.edu]}}
{steps}expect:
  - {expected}
"""
SOON = "mail for bob@someschool.edu is still queued at crepes.fr, next attempt in 30 min: add '- wait: 1h'"
LATE = "mail for bob@someschool.edu is still queued at crepes.fr, given up in 5 d: add '- wait: 6d'"


def played(folder: Path, steps: str) -> Analysis:
    trace = folder / "trace.pcapng"
    expected = "queued: {at: crepes.fr, to: bob@someschool.edu}"
    with trace.open("wb") as out:
        run(parse(SCENARIO.format(steps=steps, expected=expected)), out, lambda line: None)
    return inspect(trace)


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """A lab that ended while a relay had mail for Bob."""
    return played(tmp_path_factory.mktemp("unfinished"), "")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("expected", "remedy"),
    [
        ("delivered: {to: bob@someschool.edu}", SOON),
        ("mailbox: {of: bob@someschool.edu, messages: 5}", SOON),
        ("attempts: {to: someschool.edu, at_least: 3}", SOON),
        ("transactions: {to: someschool.edu, from: crepes.fr, count: 2}", SOON),
        ("bounced: {to: alice@crepes.fr}", LATE),
        ("bounced: {to: alice@crepes.fr, for: bob@someschool.edu}", LATE),
        ("notified: {to: alice@crepes.fr, action: failed}", LATE),
        # What no waiting mends.
        ("delivered: {to: carol@someschool.edu, copies: 2}", ""),
        ("delivered: {to: bob@someschool.edu, copies: 0}", ""),
        ("bounced: {to: alice@crepes.fr, for: carol@someschool.edu}", ""),
        ("attempts: {to: someschool.edu, at_most: 0}", ""),
        ("queued: {at: crepes.fr, count: 2}", ""),
        ("reply: {from: someschool.edu, on: RCPT, code: 550}", ""),
        ("queued: {at: crepes.fr, to: bob@someschool.edu}", ""),
    ],
)
def test_what_is_still_queued_is_told_with_a_span(expected: str, remedy: str, unfinished: Analysis) -> None:
    [verdict] = judge(parse(SCENARIO.format(steps="", expected=expected)), unfinished).expectations
    assert verdict.remedy == remedy


@pytest.mark.lab
def test_the_span_is_long_enough(tmp_path: Path) -> None:
    """What the remedy says is done, and the next attempt is made; there the next remedy is longer."""
    again = played(tmp_path, "  - wait: 1h\n")
    expected = "attempts: {to: someschool.edu, count: 2}"
    [made] = judge(parse(SCENARIO.format(steps="  - wait: 1h\n", expected=expected)), again).expectations
    assert (made.held, made.remedy) == (True, "")
    expected = "delivered: {to: bob@someschool.edu}"
    [late] = judge(parse(SCENARIO.format(steps="  - wait: 1h\n", expected=expected)), again).expectations
    assert late.remedy == SOON

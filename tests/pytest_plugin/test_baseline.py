"""Scenarios compared with their reference traces."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import GREEN, Run, Write

pytest_plugins = ["pytester"]

SLOWER = "faults:\n  - {at: someschool.edu, on: RCPT, reply: 450 4.7.1 Try again, times: 1}\n"


@pytest.mark.lab
def test_what_changed_since_the_reference_fails(run: Run, write: Write) -> None:
    write("x.yaml", GREEN)
    run("--testbed-keep", "references", "x.yaml").assert_outcomes(passed=1)
    run("--testbed-baseline", "references", "x.yaml").assert_outcomes(passed=1)
    write("x.yaml", GREEN.replace("expect:", "  - wait: 1h\nexpect:") + SLOWER)
    result = run("-n", "1", "--testbed-baseline", "references", "x.yaml")
    result.assert_outcomes(failed=1)
    lines = ["x.yaml: the same as in *references/x.pcapng", "seen *", "FAILED x.yaml::*the same as in*"]
    result.stdout.fnmatch_lines(lines)


def test_a_folder_that_is_not_there_is_told(run: Run) -> None:
    result = run("--testbed-baseline", "nowhere")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --testbed-baseline: there is no folder nowhere"])

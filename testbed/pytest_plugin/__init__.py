"""The pytest face: scenario files are tests, and the fixture ``lab`` opens labs for tests in Python.

Whoever has Mail Testbed installed has this loaded in every run of pytest, so it imports nothing before it is needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testbed.pytest_plugin.labs import LabFactory
    from testbed.pytest_plugin.scenarios import ScenarioFile

GLOBS = "testbed_scenarios"
KEEP = "testbed_keep"
BASELINE = "testbed_baseline"
NETWORK = "testbed_network"
REQUIRE_LABS = "testbed_require_labs"
ALLOW_OUTSIDE = "testbed_allow_outside"
REQUIRE_NEEDS = "testbed_require_needs"
TIME_LIMIT = "testbed_time_limit"
MARK = "testbed"

_SUFFIXES = (".yaml", ".yml")
_matched = pytest.StashKey[frozenset[Path]]()
_opened = pytest.StashKey["LabFactory"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where traces go, and which files are scenarios."""
    group = parser.getgroup("testbed", "Mail Testbed")
    group.addoption(
        "--testbed-keep",
        dest=KEEP,
        metavar="DIR",
        help="write the traces of labs into this folder (default: pytest's temporary folder)",
    )
    group.addoption(
        "--testbed-baseline",
        dest=BASELINE,
        metavar="DIR",
        help="compare scenarios with the reference traces of this folder; a change fails the scenario",
    )
    group.addoption(
        "--testbed-network",
        dest=NETWORK,
        choices=("auto", "private", "host"),
        default="auto",
        help="where labs live; on the host's own loopback, what needs a wire is skipped (default: auto, private where "
        "the machine allows it)",
    )
    group.addoption(
        "--testbed-require-labs",
        dest=REQUIRE_LABS,
        action="store_true",
        default=os.environ.get("TESTBED_REQUIRE_LABS", "").lower() not in ("", "0", "false"),
        help="fail what cannot be played here instead of skipping it (default if TESTBED_REQUIRE_LABS is set)",
    )
    group.addoption(
        "--testbed-allow-outside",
        dest=ALLOW_OUTSIDE,
        action="store_true",
        help="let scenarios name files outside rootdir, and their programs write there",
    )
    group.addoption(
        "--testbed-require-needs",
        dest=REQUIRE_NEEDS,
        action="store_true",
        help="treat a scenario file whose 'needs' are not installed as an error instead of skipping it",
    )
    parser.addini(
        GLOBS,
        "Patterns of the scenario files, relative to rootdir (default: scenarios are recognised by their keys).",
        "args",
    )
    parser.addini(TIME_LIMIT, "How many seconds of real time a scenario may take (default: 30).", default="30")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known.  Raises UsageError for settings that make no sense."""
    if config.getini(GLOBS):
        _matching(config)
    baseline = config.getoption(BASELINE)
    if baseline and not (config.invocation_params.dir / baseline).is_dir():
        raise pytest.UsageError(f"--testbed-baseline: there is no folder {baseline}")
    limit = config.getini(TIME_LIMIT)
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", limit) or float(limit) == 0:
        raise pytest.UsageError(f"{TIME_LIMIT}: '{limit}' is not a number of seconds; write e.g. 60")
    config.addinivalue_line(
        "markers", f"{MARK}(group, file, case): a scenario of Mail Testbed; group is its folder. Set by itself."
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A scenario file; any other is left alone."""
    if file_path.suffix.lower() not in _SUFFIXES or not _is_scenario(file_path, parent):
        return None
    from testbed.pytest_plugin.scenarios import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


def _is_scenario(path: Path, parent: pytest.Collector) -> bool:
    """Whether a file matches the patterns; without any, whether it was named, or has a scenario's keys."""
    if parent.config.getini(GLOBS):
        return path in _matching(parent.config)
    return parent.session.isinitpath(path) or _looks_like_one(path)


def _matching(config: pytest.Config) -> frozenset[Path]:
    """The files that match the patterns.  Raises UsageError."""
    if _matched not in config.stash:
        try:
            found = [path for pattern in config.getini(GLOBS) for path in config.rootpath.glob(pattern)]
        except (ValueError, NotImplementedError) as error:
            raise pytest.UsageError(f"{GLOBS}: patterns are relative to {config.rootpath}: {error}") from None
        config.stash[_matched] = frozenset(found)
    return config.stash[_matched]


def _looks_like_one(path: Path) -> bool:
    """It names our schema, or has the keys of a scenario."""
    from testbed.scenario.recognition import looks_like_scenario

    try:
        return looks_like_scenario(path)
    except OSError:
        return False


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabFactory]:
    """Open labs of Mail Testbed: ``bed = lab("scenario.yaml")``, or ``lab(faults=[…])``.  They end with the test."""
    from testbed.pytest_plugin.labs import LabFactory

    factory = LabFactory(request, tmp_path_factory)
    request.node.stash[_opened] = factory
    yield factory
    factory.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Name the traces of the labs a failed test has opened; of a mistake it has made with them, show its own lines."""
    factory = item.stash.get(_opened, None)
    if factory is not None and call.excinfo is not None:
        from testbed.pytest_plugin.mistakes import without_our_frames

        call.excinfo = without_our_frames(call.excinfo)
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if factory is not None and report.failed:
        report.sections += factory.sections()
    return report  # type: ignore[return-value]

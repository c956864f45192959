"""Where the traces of a run of pytest go."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from testbed.bed.source import fresh_folder

_NAME = "testbed"


def keep_folder(config: pytest.Config) -> Path | None:
    """The folder of ``--testbed-keep``, seen from where pytest was started; None when it was not given."""
    given = config.getoption("testbed_keep")
    return config.invocation_params.dir / given if given else None


def temporary_folder(config: pytest.Config) -> Path:
    """A folder of this run beside those of ``tmp_path``, kept and removed as they are."""
    factory = getattr(config, "_tmp_path_factory", None)  # a fixture's, and an item of ours has no fixtures
    if isinstance(factory, pytest.TempPathFactory):
        return factory.getbasetemp() / _NAME
    return fresh_folder(os.getpid())


def inside(config: pytest.Config, path: Path) -> Path:
    """The path as seen from the root of the tests, so that traces of the same name keep out of each other's way."""
    return path.relative_to(config.rootpath) if path.is_relative_to(config.rootpath) else Path(path.name)


def trace_lines(trace: Path) -> str:
    """Where a trace is, and the command that shows it."""
    return f"trace       {trace}\nlook at it  testbed inspect {shlex.quote(str(trace))}"

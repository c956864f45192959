"""A folder in which pytest runs as at somebody's who has installed Mail Testbed."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PROJECT

OTHERS = ("randomly", "hypothesispytest", "anyio")
"""Plugins that come with what our own tests need; hypothesis alone takes half of a short run of pytest."""

Run = Callable[..., pytest.RunResult]
Write = Callable[[str, str], Path]

RED = """\
title: Bob's mailbox is full ($how)
matrix:
  how: [quota, messages]
  limit: [1]
hosts:
  someschool.edu: {mailboxes: {bob: {quota: 20 KB, filled: 20 KB}}}
steps:
  - send: {to: bob@someschool.edu, size: "$limit KB"}
  - wait: 40m
expect:
  - reply: {from: someschool.edu, on: RCPT, code: 452 4.2.2, count: 2}
  - attempts:
      to: someschool.edu
      count: 4
"""
GREEN = """\
title: Mail is delivered
steps:
  - send: {to: bob@someschool.edu}
expect:
  - delivered: {to: bob@someschool.edu}
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest in the folder, in a process of its own, with the entry points of pyproject.toml."""
    points = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    installed = pytester.path.parent / f"{pytester.path.name}-installed"
    info = installed / "mail_testbed-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mail-testbed\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        "[pytest11]\n" + "".join(f"{name} = {module}\n" for name, module in points.items())
    )
    monkeypatch.setenv("PYTHONPATH", f"{PROJECT}:{installed}")
    monkeypatch.setenv("COLUMNS", "200")

    def started(*arguments: str | Path) -> pytest.RunResult:
        others = (word for name in OTHERS for word in ("-p", f"no:{name}"))
        return pytester.runpytest_subprocess(*others, *arguments)

    return started


@pytest.fixture
def write(pytester: pytest.Pytester) -> Write:
    """Write a file of the folder."""

    def written(name: str, text: str) -> Path:
        file = pytester.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return written

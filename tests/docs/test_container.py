"""`.devcontainer/`: its stages are there, and what the image takes of a checkout is enough to install the package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

DOCKERFILE = (PROJECT / ".devcontainer/Dockerfile").read_text()
STAGES = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.M)
TAKEN = re.findall(r"^!(\S+)$", (PROJECT / ".dockerignore").read_text(), re.M)


def test_what_names_a_stage_names_one_of_the_file() -> None:
    text = (PROJECT / ".devcontainer/devcontainer.json").read_text()
    editor = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))
    assert editor["build"]["target"] in STAGES
    assert (PROJECT / ".devcontainer" / editor["build"]["context"]).resolve() == PROJECT
    assert {*re.findall(r"--from=(\w+)", DOCKERFILE)} <= {*STAGES}


def test_the_extras_it_installs_are_some() -> None:
    [extras] = re.findall(r"'\.\[([\w,]+)\]'", DOCKERFILE)
    declared = (PROJECT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in declared for extra in extras.split(","))


def test_the_package_installs_from_what_the_image_takes(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
    for name in TAKEN:
        taken = PROJECT / name
        if taken.is_dir():
            shutil.copytree(taken, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(taken, tmp_path / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "out"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    assert len([*(tmp_path / "out").glob("mail_testbed-*.whl")]) == 1

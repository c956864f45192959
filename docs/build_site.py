"""Builds the site of the docs in ``build/site``: ``python docs/build_site.py``.  Fails on a broken link."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
CONFIG = PROJECT / ".zensical.toml"
_TO_SCENARIOS = re.compile(r"\]\(\.\./(?=scenarios/)")
_FOLDER = re.compile(r"\[([^\]]+)\]\([^):]+/\)")


def pages(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each page of the navigation with the section it stands in."""
    for entry in config["project"]["nav"]:
        for section, files in entry.items():
            for file in [files] if isinstance(files, str) else files:
                yield section, file


def stage(target: Path) -> None:
    """Copy docs and scenarios into one folder, so that no link leaves the site."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(PROJECT / "docs", target, ignore=shutil.ignore_patterns("*.py", "__pycache__", "compared"))
    shutil.copytree(PROJECT / "scenarios", target / "scenarios")
    for page in target.glob("*.md"):
        text = _FOLDER.sub(r"\1", page.read_text("utf-8"))  # a site lists no folders
        page.write_text(_TO_SCENARIOS.sub("](", text), encoding="utf-8")


def build() -> int:
    """The exit code of Zensical: 1 when a link leads nowhere."""
    project = tomllib.loads(CONFIG.read_text("utf-8"))["project"]
    stage(PROJECT / project["docs_dir"])
    shutil.rmtree(PROJECT / project["site_dir"], ignore_errors=True)
    command = (sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", CONFIG.name)
    built = subprocess.run(command, cwd=PROJECT, check=False)
    if built.returncode == 0:
        for _, page in pages({"project": project}):  # what docs/llms.txt links to
            shutil.copy(PROJECT / project["docs_dir"] / page, PROJECT / project["site_dir"])
    return built.returncode


if __name__ == "__main__":
    sys.exit(build())

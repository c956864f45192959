"""The site of the docs: it builds without a broken link, holds every page, and asks nothing of the network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import PROJECT

needs_zensical = pytest.mark.skipif(
    find_spec("zensical") is None, reason="Zensical is not installed: pip install 'mail-testbed[docs]'"
)
_FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"?https?:[^>]*>")
NAVIGATION = tomllib.loads((PROJECT / ".zensical.toml").read_text("utf-8"))["project"]["nav"]


def _build(copy: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(copy / "docs" / "build_site.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(PROJECT / ".zensical.toml", tmp_path)
    for folder in ("docs", "scenarios"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


def test_every_page_is_in_the_navigation_once() -> None:
    parts = [part for entry in NAVIGATION for part in entry.values()]
    files = [file for part in parts for file in ([part] if isinstance(part, str) else part)]
    assert sorted(files) == sorted(page.name for page in (PROJECT / "docs").glob("*.md"))


@needs_zensical
def test_it_builds_and_fetches_nothing(copy: Path) -> None:
    built = _build(copy)
    assert built.returncode == 0, built.stdout + built.stderr
    site = copy / "build" / "site"
    pages = list(site.glob("*.html"))
    assert {page.stem for page in (copy / "docs").glob("*.md")} < {page.stem for page in pages}
    assert [found for page in pages for found in _FETCHED.findall(page.read_text("utf-8"))] == []
    assert [link for page in pages for link in _broken(page)] == []
    assert (site / "search.js").stat().st_size > 100_000


def _broken(page: Path) -> Iterator[str]:
    """The links to files that are not there; Zensical checks those to pages."""
    for link in re.findall(r"(?:href|src)=\"?([^\"\s>]+)", page.read_text("utf-8")):
        path = unquote(link.partition("#")[0].partition("?")[0])
        if path and ":" not in path and page.name != "404.html" and not (page.parent / path).exists():
            yield f"{page.name}: {link}"


@needs_zensical
def test_a_broken_link_fails_the_build(copy: Path) -> None:
    for page in (copy / "docs").glob("*.md"):
        page.write_text("# A page\n")
    (copy / "docs" / "index.md").write_text("# Home\n\n[a](nowhere.md) [b](serving.md#anywhere)\n")
    built = _build(copy)
    assert built.returncode != 0
    assert "page does not exist" in built.stderr
    assert "anchor does not exist" in built.stderr


def test_the_list_for_language_models_is_up_to_date(copy: Path) -> None:
    (copy / "docs" / "llms.txt").unlink()
    subprocess.run([sys.executable, str(copy / "docs" / "llms_txt.py")], check=True)
    written = (copy / "docs" / "llms.txt").read_text("utf-8")
    assert written == (PROJECT / "docs" / "llms.txt").read_text("utf-8"), "run 'make docs'"

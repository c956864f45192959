"""``--html``: a page goes into a file of its own kind, and never over what it is made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command import testbed
from tests.conftest import PROJECT

DELIVERED, MAILBOX_FULL = (PROJECT / "captures" / f"{name}.pcapng" for name in ("delivered", "mailbox-full"))
SCENARIO = PROJECT / "scenarios" / "delivered.yaml"


@pytest.mark.parametrize("command", ["inspect", "diff", "judge"])
def test_a_capture_is_never_written_over(command: str, tmp_path: Path) -> None:
    capture = tmp_path / "mine.pcapng"
    shutil.copy(DELIVERED, capture)
    others = [MAILBOX_FULL] if command == "diff" else []
    shown = testbed(command, "--html", capture, capture, *others)
    assert shown.returncode == 2
    assert "is not the name of a page; name a file that ends in .html, or -" in shown.stderr
    assert capture.read_bytes() == DELIVERED.read_bytes()


@pytest.mark.parametrize("command", ["run", "explore", "compare"])
def test_a_scenario_is_never_written_over(command: str, tmp_path: Path) -> None:
    scenario = tmp_path / "mine.yaml"
    shutil.copy(SCENARIO, scenario)
    assert testbed(command, "--html", scenario, scenario).returncode == 2
    assert scenario.read_bytes() == SCENARIO.read_bytes()


def test_a_page_is_written_and_its_size_told(tmp_path: Path) -> None:
    shown = testbed("inspect", "--html", tmp_path / "page.html", DELIVERED)
    assert shown.returncode == 0
    assert "to be opened in a browser" in shown.stdout
    assert "delivered.pcapng" in (tmp_path / "page.html").read_text()


def test_a_page_may_go_to_standard_output() -> None:
    shown = testbed("diff", "--html", "-", DELIVERED, MAILBOX_FULL)
    assert shown.returncode == 1
    assert shown.stdout.startswith("<!doctype html>")
    assert shown.stdout.rstrip().endswith("</html>")


def test_no_page_is_written_of_nothing(tmp_path: Path) -> None:
    shown = testbed("inspect", "--html", tmp_path / "page.html", tmp_path / "missing.pcap")
    assert shown.returncode == 2
    assert "missing.pcap: it cannot be read" in shown.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--html", "page.html", "--json"], "--html and --json"),
        (["--json", "--csv"], "--json and --csv"),
        (["-o", "out.pcapng", "--html", "page.html"], "--html and --output"),
        (["--ladder", "txt", "--markdown"], "--ladder and --markdown"),
    ],
)
def test_one_output_is_given_at_a_time(options: list[str], named: str) -> None:
    shown = testbed("inspect", *options, DELIVERED)
    assert shown.returncode == 2
    assert f"{named}: one output at a time" in shown.stderr

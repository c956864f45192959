"""The catalogue: its names on the command line, what is found in it, and that it is in the wheel."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from testbed.catalogue import located, meant
from testbed.errors import UsageError
from tests.command import testbed
from tests.conftest import PROJECT


@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [
        ("@catalogue", "scenarios", "scenarios"),
        ("@catalogue/", "scenarios", "scenarios"),
        ("@catalogue/dns", "scenarios", "scenarios/dns"),
        ("@catalogue/dns/null-mx", "scenarios", "scenarios/dns/null-mx.yaml"),
        ("@catalogue/dns/null-mx.yaml", "scenarios", "scenarios/dns/null-mx.yaml"),
        ("@catalogue/null-mx", "scenarios", "scenarios/dns/null-mx.yaml"),
        ("@catalogue", "captures", "captures"),
        ("@catalogue/null-mx", "captures", "captures/null-mx.pcapng"),
        ("@catalogue/null-mx.pcapng", "scenarios", "captures/null-mx.pcapng"),
        ("@catalogue/null-mx.yaml", "captures", "scenarios/dns/null-mx.yaml"),
    ],
)
def test_a_name_leads_to_a_file_or_a_folder(name: str, kind: str, path: str) -> None:
    assert located(name, kind) == str(PROJECT / path)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["scenarios/dns", "@cataloguing", "./@catalogue/dns", "-", "", "@"])
def test_any_other_name_stands_for_itself(name: str) -> None:
    assert located(name, "scenarios") == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("@catalogue/nul-mx", "did you mean '@catalogue/null-mx'?"),
        ("@catalogue/../../etc/passwd", "'testbed list' shows what there is"),
        ("@catalogue/*", "'testbed list' shows what there is"),
        ("@catalogue/\0", "'testbed list' shows what there is"),
    ],
)
def test_what_it_does_not_hold_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="the catalogue holds no") as refused:
        located(name, "scenarios")
    assert str(refused.value).endswith(hint)


@pytest.mark.parametrize(
    ("name", "kind", "stands_for"),
    [
        ("scenarios", "scenarios", "@catalogue"),
        ("scenarios/dns/null-mx.yaml", "scenarios", "@catalogue/dns/null-mx"),
        ("captures/null-mx.pcapng", "captures", "@catalogue/null-mx"),
        ("null-mx.pcapng.gz", "captures", "@catalogue/null-mx"),
        ("null-mx", "scenarios", "@catalogue/null-mx"),
        ("@catalog/dns", "scenarios", "@catalogue/dns"),
        ("@", "scenarios", "@catalogue"),
        ("mine.yaml", "scenarios", ""),
        ("traces/null-mx.yaml", "scenarios", ""),
        ("", "scenarios", ""),
    ],
)
def test_what_a_name_that_leads_nowhere_stands_for(name: str, kind: str, stands_for: str) -> None:
    assert meant(name, kind) == stands_for  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["server", "hangs"], "@catalogue/dialogue/stalled"),
        (["mailbox", "quota"], "@catalogue/mailbox-full"),
        (["RFC 7505"], "@catalogue/dns/null-mx"),
        (["dropped", "packet"], "@catalogue/data-segment-lost"),
        ([], "@catalogue/delivered"),
    ],
)
def test_scenarios_are_found_by_what_they_are_about(words: list[str], found: str) -> None:
    listed = testbed("list", "--json", *words)
    assert found in [row["name"] for row in json.loads(listed.stdout)]


def test_no_scenario_is_about_anything() -> None:
    listed = testbed("list", "flux capacitor")
    assert listed.returncode == 2
    assert "no scenario of the catalogue is about 'flux capacitor'; try fewer words" in listed.stderr


def test_the_list_says_how_to_play_what_is_found() -> None:
    listed = testbed("list", "null-mx").stdout
    assert "A null MX beside a real one" in listed
    assert "to play one: testbed run @catalogue/dns/null-mx" in listed


def test_names_stay_whole_in_a_narrow_terminal() -> None:
    assert "postfix-mailbox-full-five-days  " in testbed("list", "quota", COLUMNS="80").stdout


def test_the_wheel_brings_it_along(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def shown(*words: str) -> str:
        command = [sys.executable, "-m", "testbed", *words]
        return subprocess.run(command, cwd=empty, env=environment, check=True, capture_output=True, text=True).stdout

    packed = tmp_path / "site/testbed/_catalogue/captures/null-mx.pcapng.gz"
    for name in ("null-mx", "null-mx.pcapng", "null-mx.pcapng.gz"):
        assert json.loads(shown("inspect", "--json", f"@catalogue/{name}"))["captures"][0]["file"] == str(packed)
    assert "1 the same" in shown("run", "--baseline", "@catalogue", "@catalogue/null-mx")
    listed = [row["name"] for row in json.loads(shown("list", "--json"))]
    files = [path.relative_to(PROJECT / "scenarios") for path in (PROJECT / "scenarios").rglob("*.yaml")]
    assert sorted(listed) == sorted(f"@catalogue/{file.with_suffix('')}" for file in files)
    shown("check", "@catalogue/postfix")  # whose scenarios are like those of other folders
    assert (PROJECT / "captures/null-mx.pcapng").read_bytes() == gzip.decompress(packed.read_bytes())

"""Stored traces judged again: by the scenarios they carry, or by what a file expects now."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.command import testbed
from tests.conftest import PROJECT
from tests.fuzz.packets import pcap, talk

FULL, LOST = "captures/mailbox-full.pcapng", "captures/syn-lost-twice.pcapng"
SCENARIO = (PROJECT / "scenarios" / "mailbox-full.yaml").read_text()


def test_a_trace_holds_by_the_scenario_it_carries() -> None:
    before = (PROJECT / FULL).read_bytes()
    shown = testbed("judge", FULL)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.startswith("held    Bob's mailbox is full")
    assert "✓  delivered to bob@someschool.edu" in shown.stdout
    assert "\n1 held · " in shown.stdout
    assert (PROJECT / FULL).read_bytes() == before


@pytest.mark.parametrize(
    ("instead", "why", "code"),
    [
        ("delivered: {to: bob@someschool.edu}", "", 0),
        ("delivered: {to: bob@someschool.edu, copies: 2}", "expected 2", 1),
        ("reply: {from: someschool.edu, on: RCPT, code: 550}", "someschool.edu sent 250 2.1.5, 452 4.2.2", 1),
    ],
)
def test_a_file_may_expect_something_else(instead: str, why: str, code: int, tmp_path: Path) -> None:
    file = tmp_path / "now.yaml"
    kept = SCENARIO.partition("\nexpect:")[0]
    file.write_text(f"{kept}\nexpect:\n  - {instead}\n")
    shown = testbed("judge", FULL, file, COLUMNS="200")
    assert shown.returncode == code, shown.stdout + shown.stderr
    assert why in shown.stdout
    assert ("what failed" in shown.stdout) is bool(code)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("steps", SCENARIO.replace("Lunch?", "Dinner?")),
        ("hosts", SCENARIO.replace("quota: 20 KB", "quota: 21 KB")),
        (
            "faults",
            SCENARIO.replace("\nsteps:", "\nfaults:\n  - {at: crepes.fr, on: RCPT, reply: 451 4.3.0 No}\nsteps:"),
        ),
    ],
    ids=["steps", "hosts", "faults"],
)
def test_what_was_not_played_is_not_judged(key: str, text: str, tmp_path: Path) -> None:
    """A verdict on the packets of another lab would be worth nothing."""
    file = tmp_path / "other.yaml"
    file.write_text(text)
    shown = testbed("judge", FULL, file)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert f"its {key} are not those with which the trace was played" in shown.stderr
    assert "testbed run" in shown.stderr


@pytest.mark.parametrize("option", ["--json", "--junit", "--tap", "--markdown"])
def test_it_gives_the_outputs_of_a_run(option: str) -> None:
    shown = testbed("judge", option, *([] if option == "--json" else ["-"]), FULL, LOST)
    assert shown.returncode == 0, shown.stderr
    if option == "--json":
        document = json.loads(shown.stdout)
        assert document["totals"] == {"held": 2, "failed": 0, "skipped": 0, "error": 0}
        assert [one["trace"] for one in document["scenarios"]] == [FULL, LOST]
    elif option == "--junit":
        assert ET.fromstring(shown.stdout).get("tests") == "2"
    else:
        assert "mailbox" in shown.stdout


def stranger(folder: Path) -> list[str | Path]:
    packets = talk([(True, b"220 x\r\n"), (False, b"QUIT\r\n")])
    (folder / "theirs.pcap").write_bytes(pcap(packets))
    return [folder / "theirs.pcap"]


def cut_short(folder: Path) -> list[str | Path]:
    """The journal entry with which a lab ends is the last."""
    octets = (PROJECT / FULL).read_bytes()
    at, ends = 0, [0]
    while at < len(octets):
        at += int.from_bytes(octets[at + 4 : at + 8], "little")
        ends.append(at)
    (folder / "cut.pcapng").write_bytes(octets[: ends[len(ends) // 2]])
    return [folder / "cut.pcapng"]


def empty(folder: Path) -> list[str | Path]:
    return [folder]


def nothing(folder: Path) -> list[str | Path]:
    return ["scenarios/mailbox-full.yaml"]


def two(folder: Path) -> list[str | Path]:
    return [FULL, "scenarios/mailbox-full.yaml", "scenarios/delivered.yaml"]


def text(folder: Path) -> list[str | Path]:
    return ["README.md"]


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (stranger, 2, "no scenario is in it, for it is not the trace of a lab"),
        (cut_short, 3, "the trace breaks off before its lab has ended"),
        (empty, 2, "holds no capture"),
        (nothing, 2, "nothing to judge: name a trace, or a folder of traces"),
        (two, 2, "traces are judged by one scenario at a time"),
        (text, 2, "README.md: this is not a pcap or pcapng file"),
    ],
)
def test_what_cannot_be_judged_is_told_in_a_sentence(given: object, code: int, told: str, tmp_path: Path) -> None:
    assert callable(given)
    shown = testbed("judge", *given(tmp_path))
    assert shown.returncode == code, shown.stdout + shown.stderr
    assert told in " ".join((shown.stdout + shown.stderr).split())
    assert "Traceback" not in shown.stderr

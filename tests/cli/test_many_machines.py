"""``run``, ``compare`` and ``inspect`` by the workers of a cluster: the same comes of it, whoever dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.cli import FAILED, HELD, NO_LAB, SIGNALLED, WRONG_USAGE
from testbed.explore.digest import digest
from testbed.trace.compare.fingerprint import fingerprint
from testbed.trace.inspect import inspect
from tests.clusters import Cluster, cluster_in
from tests.command import testbed
from tests.conftest import PROJECT
from tests.patience import HANG_S, until, until_all_are_gone

pytestmark = pytest.mark.lab

RED = """
title: Bob has mail that nobody sent
steps: [{wait: 1s}]
expect:
- delivered: {to: bob@someschool.edu}
"""
MATRIX = """
title: Bob's server refuses a command
matrix: {command: [MAIL, RCPT]}
faults:
- {at: someschool.edu, on: $command, reply: 550 5.7.1 no}
steps:
- send: {from: alice@crepes.fr, to: bob@someschool.edu}
expect:
- bounced: {to: alice@crepes.fr}
"""
REFERENCES = ("delivered", "mailbox-full", "matrix-MAIL", "matrix-RCPT", "red")
CAPTURES = ("captures/mailbox-full.pcapng", "captures/delivered.pcapng", "README.md", "captures/second-mx.pcapng")
TABLES = ("connections", "exchanges", "packets", "findings")
_COMMAND = (sys.executable, "-m", "testbed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("cluster"), 2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Five, in four files; one is red."""
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "red.yaml").write_text(RED)
    (folder / "matrix.yaml").write_text(MATRIX)
    return ["scenarios/delivered.yaml", "scenarios/mailbox-full.yaml", str(folder)]


def ran(scenarios: list[str], folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status, and what programs are told."""
    done = testbed("run", "--json", "--keep", folder / "kept", "--junit", folder / "junit.xml", *options, *scenarios)
    assert not done.stderr.startswith("Traceback"), done.stderr
    return done.returncode, json.loads(done.stdout)


def same(told: dict[str, Any], folder: Path) -> list[object]:
    """What does not change from run to run: verdicts, and how the traces went."""
    found: list[object] = []
    for one in told["scenarios"]:
        assert Path(one["trace"]).parent == folder / "kept"
        expectations = [(each["what"], each["held"]) for each in one["expectations"]]
        how = digest(fingerprint(inspect(one["trace"])))
        found.append(
            (one["file"], one["case"], one["verdict"], one["error"], Path(one["trace"]).name, how, expectations)
        )
    return found


@pytest.fixture(scope="module")
def here(scenarios: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[object]]:
    folder = tmp_path_factory.mktemp("here")
    code, told = ran(scenarios, folder)
    return code, same(told, folder)


def test_a_run_comes_to_the_same(
    cluster: Cluster, scenarios: list[str], here: tuple[int, list[object]], tmp_path: Path
) -> None:
    code, told = ran(scenarios, tmp_path, "--scheduler", cluster.address)
    assert code == FAILED
    assert (code, same(told, tmp_path)) == here
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == [f"{name}.pcapng" for name in REFERENCES]
    assert (tmp_path / "junit.xml").read_text().count("<testcase ") == len(REFERENCES)
    assert all(packet.comment for packet in inspect(tmp_path / "kept" / "red.pcapng").packets() if packet.connection)


def test_a_run_comes_to_the_same_by_workers_of_this_machine(
    scenarios: list[str], here: tuple[int, list[object]], tmp_path: Path
) -> None:
    code, told = ran(scenarios, tmp_path, "--workers", "2")
    assert (code, same(told, tmp_path)) == here


def test_a_run_comes_to_the_same_when_a_worker_is_killed(
    scenarios: list[str], here: tuple[int, list[object]], tmp_path: Path
) -> None:
    with cluster_in(tmp_path, 2) as cluster:
        command = [*_COMMAND, "run", "--json", "--keep", str(tmp_path / "kept"), "--scheduler", cluster.address]
        with subprocess.Popen([*command, *scenarios], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
            until(lambda: list((tmp_path / "kept").glob("*.pcapng")))
            cluster.workers[0].kill()
            told = json.loads(process.communicate(timeout=HANG_S)[0])
    assert (process.returncode, same(told, tmp_path)) == here


def test_references_of_this_machine_are_compared_and_recorded(
    cluster: Cluster, scenarios: list[str], tmp_path: Path
) -> None:
    shared, references = ("--scheduler", cluster.address), ("--baseline", str(tmp_path / "references"))
    _, told = ran(scenarios, tmp_path, *shared, *references, "--update")
    green = [f"{name}.pcapng" for name in REFERENCES if name != "red"]
    assert sorted(file.name for file in (tmp_path / "references").iterdir()) == green
    (tmp_path / "references" / "delivered.pcapng").write_bytes(
        (tmp_path / "references" / "mailbox-full.pcapng").read_bytes()
    )
    _, told = ran(scenarios, tmp_path, *shared, *references)
    verdicts = {one["title"]: one["verdict"] for one in told["scenarios"]}
    assert verdicts["Mail is delivered"] == "failed"
    assert list(verdicts.values()).count("failed") == 2


def test_a_comparison_comes_to_the_same(cluster: Cluster, tmp_path: Path) -> None:
    def cells(*options: str) -> tuple[int, list[Any]]:
        asked = ("compare", "scenarios/delivered.yaml", "--client", "ours,smtplib", "--json", "-", *options)
        done = testbed(*asked, "--keep", tmp_path / "kept")
        rows = json.loads(done.stdout)["rows"]
        return done.returncode, [row["cells"] for row in rows]

    assert cells("--scheduler", cluster.address) == cells()
    assert len(list((tmp_path / "kept").iterdir())) == 2


@pytest.mark.parametrize(
    "options", [(), ("--filter", "reply=452"), ("--dns", "zone"), ("--keylog", "keys")], ids=" ".join
)
def test_tables_come_to_the_same(cluster: Cluster, options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "zone").write_text('$ORIGIN crepes.fr.\n@ 3600 IN TXT "v=spf1 -all"\n')
    (tmp_path / "keys").write_text("")
    options = tuple(str(tmp_path / word) if word in ("zone", "keys") else word for word in options)
    told = {}
    for name, shared in {"here": (), "there": ("--scheduler", cluster.address)}.items():
        done = testbed("inspect", "--parquet", tmp_path / name, *options, *shared, *CAPTURES)
        told[name] = done.returncode, done.stdout.replace(str(tmp_path / name), ""), done.stderr
    assert told["there"] == told["here"]
    assert told["here"][0] == WRONG_USAGE  # one of them is no capture, or the keys are none
    found = [{file.name: file.read_bytes() for file in (tmp_path / name).glob("*")} for name in ("there", "here")]
    assert found[0] == found[1]
    assert set(found[0]) == (set() if "--keylog" in options else {f"{table}.parquet" for table in TABLES})


def test_redacted_tables_say_the_same_of_the_same(cluster: Cluster, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    twice = [tmp_path / "one.pcapng", tmp_path / "other.pcapng"]
    for copy in twice:
        shutil.copy(PROJECT / "captures" / "delivered.pcapng", copy)
    done = testbed("inspect", "--redact", "--parquet", tmp_path, "--scheduler", cluster.address, *twice)
    assert done.returncode == HELD, done.stderr
    columns = ["file", "number", "command", "argument", "code", "lines"]
    rows = pq.read_table(tmp_path / "exchanges.parquet", columns=columns).to_pylist()
    one, other = ([{**row, "file": ""} for row in rows if row["file"] == f"redacted-{n}.pcapng"] for n in (1, 2))
    assert one == other != []
    assert "someschool" not in str(rows)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hides a folder by a mount")
def test_files_that_a_worker_lacks_are_told_in_sentences(tmp_path: Path) -> None:
    only_here = tmp_path / "only-here"
    only_here.mkdir()
    (only_here / "scenario.yaml").write_text(
        "title: A program\n"
        "steps:\n- run: {on: alice.crepes.fr, command: '{directory}/program'}\n"
        "expect:\n- mailbox: {of: bob@someschool.edu, messages: 0}\n"
    )
    (only_here / "program").write_text("#!/bin/sh\n")
    (only_here / "program").chmod(0o755)
    (only_here / "capture.pcapng").write_bytes((PROJECT / "captures" / "delivered.pcapng").read_bytes())
    hidden = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{only_here}" && exec "$@"', "sh"]
    cluster = Cluster(tmp_path)
    try:
        cluster.hire(inside=hidden)
        shared = ("--scheduler", cluster.address)
        told = testbed("run", "--json", *shared, only_here / "scenario.yaml")
        tables = testbed("inspect", "--parquet", tmp_path / "tables", *shared, only_here / "capture.pcapng")
    finally:
        cluster.end()
    assert told.returncode == NO_LAB
    [scenario] = json.loads(told.stdout)["scenarios"]
    assert "there is no program '{directory}/program' here" in scenario["error"]
    assert tables.returncode == WRONG_USAGE
    assert "capture.pcapng: a worker has no such file; it has to be at the same path there" in tables.stderr


@pytest.mark.parametrize("option", ["--workers", "--scheduler"])
def test_a_run_that_is_interrupted_ends_in_order(cluster: Cluster, option: str, tmp_path: Path) -> None:
    value = {"--workers": "2", "--scheduler": cluster.address}[option]
    command = [*_COMMAND, "run", "--keep", str(tmp_path), "--json", "--junit", str(tmp_path / "junit.xml")]
    with subprocess.Popen(
        [*command, option, value, "scenarios/dialogue", "scenarios/tls"],
        cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        until(lambda: list(tmp_path.glob("*.pcapng")))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all that it has started
        said, complained = process.communicate(timeout=HANG_S)
    assert process.returncode == SIGNALLED + signal.SIGINT, complained
    assert complained.endswith("not played\n")
    told = json.loads(said)
    assert told["interrupted"]
    assert told["totals"]["held"] > 0 < told["totals"]["skipped"]
    assert (tmp_path / "junit.xml").exists()
    until_all_are_gone(process.pid)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "scenarios/delivered.yaml", "--scheduler", "there"), "this is not an address"),
        (("run", "scenarios/delivered.yaml", "--scheduler", ""), "this is not an address"),
        (("compare", "scenarios/delivered.yaml", "--client", "ours,smtplib", "--scheduler", "there"), "not an address"),
        (("run", "scenarios/delivered.yaml", "--workers", "2", "--scheduler", "tcp://h:1"), "say one of them"),
        (("explore", "scenarios/delivered.yaml", "--workers", "2", "--scheduler", "tcp://h:1"), "say one of them"),
        (("inspect", "captures/delivered.pcapng", "--workers", "2"), "share captures for --parquet DIR"),
        (("inspect", "-", "--workers", "2", "--parquet", "tables"), "what comes by a pipe is read here only"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_a_sentence(words: tuple[str, ...], says: str) -> None:
    done = testbed(*words)
    assert done.returncode == WRONG_USAGE
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1

"""Captures too large to tell every connection's story, captures that come as a stream, and many captures at a time."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import testbed as package
from testbed.trace.filter import choose, parse_filter
from tests.bench.make_capture import make
from tests.command import testbed
from tests.conftest import PROJECT
from tests.traces import TRACES

CONNECTIONS = 1_100


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.pcap"
    make(path, CONNECTIONS)
    return path


def piped(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with path.open("rb") as source:
        return subprocess.run(
            [sys.executable, "-m", "testbed", "inspect", *arguments, "-"],
            stdin=source,
            capture_output=True,
            text=True,
            cwd=PROJECT,
            check=False,
        )


def counted(report: str) -> dict[str, int]:
    """The connections of each finding, as the overview tells them."""
    table = report.partition("finding ")[2].partition("what was said")[0]
    rows = (line.split() for line in table.splitlines())
    return {row[2]: int(row[1].replace(",", "")) for row in rows if len(row) > 3 and row[0] in "✗▲•"}


def test_a_large_capture_is_told_at_a_glance(large: Path) -> None:
    report = testbed("inspect", str(large)).stdout
    assert f"{CONNECTIONS:,} TCP connections" in report
    assert len(report.splitlines()) < 80
    expected: dict[str, int] = {}
    for connection in package.inspect(large).connections:
        for code in {finding.code for finding in connection.findings}:
            expected[code] = expected.get(code, 0) + 1
    assert counted(report) == expected


def test_a_filter_shows_some_of_its_connections_whole(large: Path) -> None:
    report = testbed("inspect", "--filter", "finding=message-cut-off", str(large)).stdout
    assert "in the middle of the message" in report
    assert "── handshake" in report or "handshake" in report


@pytest.mark.parametrize(
    "terms",
    [
        ("finding=user-unknown",),
        ("finding=none", "state!=REJ"),
        ("reply=452", "closure=normal"),
        ("severity=error", "handshake=complete"),
        ("reply=4.2.2,5.1.1", "service=smtp"),
    ],
    ids=" ".join,
)
def test_filters_choose_what_they_choose_one_by_one(large: Path, terms: tuple[str, ...]) -> None:
    """Many connections are passed over by their kind or their ends without a look at each."""
    analysis = package.inspect(large)
    client = analysis.connections[0].client.address
    filters = [parse_filter(term) for term in (*terms, f"client!={client}")]
    expected = [c.number for c in analysis.connections if all(condition.accepts(c) for condition in filters)]
    assert list(choose(analysis, filters).connections.numbers) == expected
    assert expected


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_stream_gives_the_same_counts(large: Path, packed: bool, tmp_path: Path) -> None:
    source = large
    if packed:
        source = tmp_path / "large.pcap.gz"
        source.write_bytes(gzip.compress(large.read_bytes(), 1))
    report = piped(source, "--stream")
    assert report.returncode == 0, report.stderr
    assert "standard input" in report.stdout
    assert counted(report.stdout) == counted(testbed("inspect", str(large)).stdout)


def test_a_stream_as_lines_of_json(large: Path) -> None:
    lines = [json.loads(line) for line in piped(large, "--stream", "--ndjson").stdout.splitlines()]
    numbers = [line["number"] for line in lines if line["type"] == "connection"]
    assert numbers == list(range(1, CONNECTIONS + 1))


def test_rows_of_csv_are_those_of_the_analysis(large: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(testbed("inspect", "--csv", str(large)).stdout, newline="")))
    connections = package.inspect(large).connections
    assert [(int(row["number"]), row["outcome"]) for row in rows] == [(c.number, c.outcome) for c in connections]


def test_many_captures_come_in_order_with_one_header_and_their_complaints() -> None:
    shown = testbed("inspect", "--csv", "captures/delivered.pcapng", "README.md", "captures/unknown-user.pcapng")
    rows = list(csv.reader(io.StringIO(shown.stdout, newline="")))
    assert [row[0] for row in rows].count("file") == 1
    assert list(dict.fromkeys(row[0] for row in rows[1:])) == [
        "captures/delivered.pcapng",
        "captures/unknown-user.pcapng",
    ]
    assert shown.returncode == 2
    assert "README.md: this is not a pcap or pcapng file" in shown.stderr


def test_many_captures_look_as_they_do_alone() -> None:
    paths = ["captures/delivered.pcapng", "captures/mailbox-full.pcapng", "captures/unknown-user.pcapng"]
    alone = [testbed("inspect", path).stdout for path in paths]
    assert testbed("inspect", *paths).stdout == "".join(alone)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing to inspect: name a FILE, a folder, - or --live IFACE"),
        (["--live", "lo", "a.pcap"], "name FILEs or --live IFACE, not both"),
        (["--for", "3", "a.pcap"], "--for and --count end a live capture"),
        (["--live", "lo", "--json"], "--json needs the whole capture"),
        (["--stream", "--packets", "a.pcap"], "--packets needs the whole capture"),
        (["--stream", "--keylog", "keys", "a.pcap"], "--keylog decrypts whole captures"),
        (["--export-mail", "x", "a.pcap", "b.pcap"], "--export-mail takes one capture at a time"),
        (["--live", "no-such-interface"], "no-such-interface"),
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together(arguments: list[str], complaint: str) -> None:
    shown = testbed("inspect", *arguments)
    assert shown.returncode == 2
    assert complaint in shown.stderr
    assert "Traceback" not in shown.stderr


def test_messages_become_files(tmp_path: Path) -> None:
    shown = testbed("inspect", "--export-mail", str(tmp_path / "mails"), "captures/delivered.pcapng")
    assert shown.returncode == 0
    files = sorted((tmp_path / "mails").iterdir())
    assert len(files) == 2  # submitted, and relayed
    assert all(b"Subject:" in file.read_bytes() for file in files)


def test_tables_become_files(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    shown = testbed("inspect", "--parquet", str(tmp_path / "tables"), *map(str, TRACES[:20]))
    assert shown.returncode == 0
    names = {path.name for path in (tmp_path / "tables").iterdir()}
    assert {"connections.parquet", "exchanges.parquet", "packets.parquet"} <= names

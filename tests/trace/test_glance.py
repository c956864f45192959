"""What is said of all connections at once is what the exact analysis says of each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import agreement
import pytest
from msgspec.structs import fields, replace
from random_mail import RandomMail
from random_traffic import write
from twisted_mail import twisted_mail

from testbed.errors import CaptureError
from testbed.native.library import WITHOUT, library
from testbed.pcap.read import read_capture
from testbed.trace.analysis import Analysis
from testbed.trace.glance.kind import kind_of
from testbed.trace.glance.summary import Summary, summarise
from testbed.trace.inspect import analyse, inspect
from tests.bench.make_capture import make, make_world

PROJECT = Path(__file__).parents[2]


def differences(analysis: Analysis, summary: Summary) -> list[str]:
    """A line for each fact of a connection on which the two do not agree."""
    found = []
    for connection in analysis.connections:
        row, exact = connection.number - 1, kind_of(connection)
        kind = summary.kinds[summary.kind[row]]
        for name in (field.name for field in fields(kind)):
            if getattr(kind, name) != getattr(exact, name):
                found.append(f"#{row + 1} {name}: {getattr(kind, name)!r}, exactly {getattr(exact, name)!r}")
        counts = {name: getattr(connection, name) for name in ("packets", "start_ns", "end_ns")}
        for name in ("client_octets", "server_octets", "retransmissions", "gaps"):
            counts[name] = getattr(connection.transport, name)
        for name, count in counts.items():
            if int(getattr(summary, name)[row]) != count:
                found.append(f"#{row + 1} {name}: {getattr(summary, name)[row]}, exactly {count}")
        if summary.rtt_ns[row] != (-1 if connection.opening.rtt_ns is None else connection.opening.rtt_ns):
            found.append(f"#{row + 1} rtt_ns: {summary.rtt_ns[row]}, exactly {connection.opening.rtt_ns}")
    return found


@pytest.mark.parametrize("trace", sorted((PROJECT / "captures").glob("*.pcapng")), ids=lambda path: path.stem)
def test_reference_traces(trace: Path) -> None:
    analysis = inspect(trace)
    assert differences(analysis, analysis.summary()) == []


@pytest.mark.skipif(not agreement.CORPUS.is_dir(), reason="the corpus of captures is not on this machine")
def test_the_corpus() -> None:
    found = {}
    for path in agreement.captures():
        try:
            analysis = inspect(path)
        except CaptureError:
            continue
        found[path.name] = differences(analysis, analysis.summary())
    assert found
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(("seed", "odd"), [(1, 12), (2, 40), (3, 40), (4, 200)])
def test_random_mail(seed: int, odd: int) -> None:
    analysis = analyse(RandomMail(seed, 400, odd).capture())
    assert differences(analysis, analysis.summary()) == []


@pytest.mark.parametrize("seed", range(4))
def test_random_tcp(tmp_path: Path, seed: int) -> None:
    write(tmp_path / "random.pcapng", seed)
    analysis = inspect(tmp_path / "random.pcapng")
    assert differences(analysis, analysis.summary()) == []


def test_a_large_capture(tmp_path: Path) -> None:
    """Of two thousand connections like those of the benchmark nearly all need not be analysed themselves."""
    make(tmp_path / "large.pcap", 2_000)
    analysis = inspect(tmp_path / "large.pcap")
    summary = analysis.summary()
    if library() is not None:
        assert summary.exact < 120
    chosen = replace(analysis, chosen=tuple(range(1, 2_001, 7)))
    assert differences(chosen, summary) == []


@pytest.mark.parametrize(("seed", "twists"), [(1, 1), (2, 1), (3, 2)])
def test_sessions_that_differ_a_little(seed: int, twists: int) -> None:
    analysis = analyse(twisted_mail(seed, 500, twists))
    assert differences(analysis, analysis.summary()) == []


@pytest.mark.parametrize("how", [("--json",), ("--stream",), ()], ids=["json", "stream", "report"])
def test_without_the_library_the_same_is_printed(tmp_path: Path, how: tuple[str, ...]) -> None:
    make(tmp_path / "capture.pcap", 1_200)
    command = [sys.executable, "-m", "testbed", "inspect", *how, "capture.pcap"]
    printed = [
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True).stdout
        for environment in (dict(os.environ), {**os.environ, WITHOUT: "1"})
    ]
    assert len(printed[0]) > 500
    assert printed[0] == printed[1]


def test_a_capture_like_the_world(tmp_path: Path) -> None:
    """Time stamps, selective acknowledgement, IPv6, several link types and TLS."""
    make_world(tmp_path / "world.pcapng", 1_000)
    analysis = inspect(tmp_path / "world.pcapng")
    summary = analysis.summary()
    if library() is not None:
        assert summary.exact < 100
    chosen = replace(analysis, chosen=tuple(range(1, 1_001, 3)))
    assert differences(chosen, summary) == []


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    make(tmp_path / "large.pcap", 9_000)
    understanding = analyse(read_capture(tmp_path / "large.pcap")).understanding
    alone, together = summarise(understanding), summarise(understanding, jobs=2)
    assert [alone.kinds[n] for n in alone.kind] == [together.kinds[n] for n in together.kind]
    assert (alone.rtt_ns == together.rtt_ns).all()
    assert (alone.client_octets == together.client_octets).all()

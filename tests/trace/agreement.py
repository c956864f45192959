"""The two references: Zeek's own rows and tshark's fields, read into plain values."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from testbed.trace.inspect import inspect
from testbed.trace.tcp.events import EVENTS, event_names

PROJECT = Path(__file__).parents[2]
CORPUS = PROJECT.parent / "shared" / "corpus"
FLAGS = tuple(EVENTS)
SUFFIXES = (".pcap", ".pcapng", ".pcap.gz")


def captures() -> list[Path]:
    """Every capture of the corpus."""
    return sorted(path for path in CORPUS.rglob("*") if path.name.endswith(SUFFIXES))


def zeek_rows(capture: Path) -> list[dict[str, str]]:
    """Zeek's conn.log of a capture, [] where there is none."""
    path = capture.with_name(capture.name + ".conn.tsv")
    if not path.exists():
        return []
    with path.open(newline="") as lines:
        return [row for row in csv.DictReader(lines, delimiter="\t") if not row["ts"].startswith("#")]


def our_rows(capture: Path) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """(conn_state, history) of our connections by Zeek's five-tuple."""
    result: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for c in inspect(capture).connections:
        key = (c.client.address, str(c.client.port), c.server.address, str(c.server.port), c.transport.protocol)
        result.setdefault(key, []).append((c.transport.conn_state, c.transport.history))
    return result


def zeek_differences(capture: Path) -> Iterator[tuple[tuple[str, ...], tuple[str, str], list[tuple[str, str]]]]:
    """Rows of Zeek that none of ours equals: key, Zeek's (conn_state, history), ours."""
    ours = our_rows(capture)
    for row in zeek_rows(capture):
        if row.get("proto") not in ("tcp", "udp"):
            continue
        key = (row["id.orig_h"], row["id.orig_p"], row["id.resp_h"], row["id.resp_p"], row["proto"])
        want = (row["conn_state"], row["history"])
        have = ours.get(key, [])
        if want in have:
            have.remove(want)
        else:
            yield key, want, have


def tshark(capture: Path, *fields: str, extra: tuple[str, ...] = ()) -> list[list[str]]:
    """Fields of every frame, one list a frame, by two-pass tshark."""
    command = ["tshark", "-2", "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=f", *extra]
    for name in fields:
        command += ["-e", name]
    output = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace").stdout
    return [line.split("\t") for line in output.splitlines()]


@cache
def _tcp(capture: Path) -> list[list[str]]:
    """Frame, stream, completeness and flags of every frame."""
    return tshark(
        capture, "frame.number", "tcp.stream", "tcp.completeness", *(f"tcp.analysis.{name}" for name in FLAGS)
    )


def flag_differences(capture: Path) -> tuple[int, list[tuple[int, set[str], set[str]]]]:
    """How many TCP packets were compared, and those whose flags differ: frame, Wireshark's, ours."""
    rows = _tcp(capture)
    theirs = {
        int(row[0]): {name for name, value in zip(FLAGS, row[3:], strict=True) if value} for row in rows if row[1]
    }
    analysis = inspect(capture)
    ours = {}
    for frame, mask in zip(analysis.table.frame.tolist(), analysis.labels.events.tolist(), strict=True):
        ours[frame] = set(event_names(mask))
    different = [
        (frame, want, ours.get(frame, set())) for frame, want in theirs.items() if want != ours.get(frame, set())
    ]
    return len(theirs), different


def completeness_differences(capture: Path) -> tuple[int, list[tuple[int, int, int]]]:
    """How many TCP packets were compared, and those whose completeness differs: frame, Wireshark's, ours."""
    theirs = {int(row[0]): int(row[2]) for row in _tcp(capture) if row[1] and row[2]}
    analysis = inspect(capture)
    number = dict(zip(analysis.table.frame.tolist(), analysis.labels.connection.tolist(), strict=True))
    value = {c.number: c.transport.completeness for c in analysis.connections}
    ours = {frame: value.get(number.get(frame, 0), -1) for frame in theirs}
    return len(theirs), [(frame, want, ours[frame]) for frame, want in theirs.items() if want != ours[frame]]


def told_in_docs(what: str, of: str, compared: int, differ: int) -> None:
    """Fails unless the table of agreement in the docs tells these figures, or a rounded one where it says so."""
    page = (PROJECT / "docs" / "inspecting.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    told = [cells[2:4] for cells in rows if cells[0].startswith(what) and cells[1].startswith(of)]
    figures = [[cell.partition(" ")[0].rstrip(":") for cell in cells] for cells in told]
    exact, rounded = f"{compared:,}", f"{round(compared, -3):,}"
    want = rounded if any("nearest thousand" in cell for cells in told for cell in cells) else exact
    assert figures == [[want, str(differ)]], (
        f"docs/inspecting.md, {what} of {of}: {compared:,} compared, {differ} differ; told: {told}"
    )

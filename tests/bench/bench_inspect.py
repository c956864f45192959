"""``make bench``: how fast captures are inspected, as ratios of whole processes against peers in the same run.

``python tests/bench/bench_inspect.py [CONNECTIONS …]``; 18,500 connections are some 0.45 M packets and 100 MB, 190,000
more than 1 GB.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from make_capture import make, make_world
from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).parents[2]
TESTBED = [sys.executable, "-m", "testbed", "inspect"]
FIELDS = (
    *("frame.number", "tcp.stream", "tcp.flags", "tcp.completeness", "tcp.analysis.flags"),
    *("tcp.analysis.retransmission", "tcp.analysis.duplicate_ack", "tcp.analysis.zero_window"),
    *("smtp.req.command", "smtp.response.code"),
)
TSHARK = ["tshark", "-n", "-T", "fields", *(word for field in FIELDS for word in ("-e", field))]
PYSHARK = "import pyshark,sys; c = pyshark.FileCapture(sys.argv[1], keep_packets=False); print(sum(1 for p in c))"
SCAPY = (
    "import sys; from scapy.all import PcapReader; import scapy.contrib; "
    "print(sum(len(p.summary()) > 0 for p in PcapReader(sys.argv[1])))"
)
RUNS = 3


@dataclass(frozen=True, slots=True)
class Took:
    """Wall and processor seconds, and highest anonymous memory, in octets, of a whole process and its children."""

    seconds: float
    cpu: float
    anonymous: int


def once(command: Sequence[str], source: Path | None = None) -> Took:
    """Run a command, its input from a pipe where ``source`` is given."""
    started, used, highest = time.perf_counter(), processor_seconds(), 0
    feed = subprocess.Popen(["cat", str(source)], stdout=subprocess.PIPE) if source is not None else None
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        stdin=feed.stdout if feed else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        highest = max(highest, anonymous(process.pid))
        time.sleep(0.005)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
    return Took(seconds, processor_seconds() - used, highest)


def processor_seconds() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def anonymous(pid: int) -> int:
    """Anonymous memory of a process, octets; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon")), 0)


def best(command: Sequence[str], runs: int = RUNS, source: Path | None = None) -> Took:
    """The quickest of some runs: what else the machine does only ever adds."""
    took = [once(command, source) for _ in range(runs)]
    least = (min(one.seconds for one in took), min(one.cpu for one in took))
    return Took(*least, max(one.anonymous for one in took))


def peer(ours: Took, what: str, command: Sequence[str], bar: str, runs: int = 1, scale: float = 1.0) -> tuple[str, ...]:
    """What a peer took, and how many times ours that is."""
    if shutil.which(command[0]) is None:
        return what, "not installed", "", "", bar
    took = best(command, runs)
    seconds, cpu = took.seconds * scale, took.cpu * scale
    return what, f"{seconds:.2f} s", f"{seconds / ours.seconds:.1f} ×", f"{cpu / ours.cpu:.1f} ×", bar


def digests(ours: Took, capture: Path, bar: str) -> Iterator[tuple[str, ...]]:
    """What it takes to read every octet and do little with it."""
    name = str(capture)
    yield peer(ours, f"sha256sum ({version('sha256sum')})", ["sha256sum", name], bar, RUNS)
    yield peer(ours, "openssl dgst -sha256 (SHA instructions)", ["openssl", "dgst", "-sha256", name], "", RUNS)


def like_the_world(capture: Path, packets: int) -> Iterator[tuple[str, ...]]:
    """The same for a capture of another kind."""
    ours = best([*TESTBED, str(capture)])
    rate = f"{packets / ours.seconds:,.0f} packets/s"
    yield "testbed inspect", f"{ours.seconds:.2f} s", rate, f"{ours.cpu:.2f} s", ""
    yield from digests(ours, capture, "≥ 0.7 ×")


def rows(capture: Path, packets: int, slice_of: Path, in_slice: int) -> Iterator[tuple[str, ...]]:
    """What, how long, against ours by the clock and by the processor, bar."""
    large = capture.stat().st_size >= 1_000_000_000
    ours = best([*TESTBED, str(capture)])
    each = ours.anonymous / packets
    rate, used = f"{packets / ours.seconds:,.0f} packets/s", f"{ours.cpu:.2f} s"
    yield "testbed inspect", f"{ours.seconds:.2f} s", rate, used, ""
    yield "  anonymous memory", f"{ours.anonymous / 1e6:.0f} MB", f"{each:.0f} octets a packet", "", "≤ 25"
    streamed = best([*TESTBED, "--stream", "-"], 1, capture)
    memory = f"{streamed.anonymous / 1e6:.0f} MB"
    yield "  --stream from a pipe", f"{streamed.seconds:.2f} s", memory, f"{streamed.cpu:.2f} s", "< 300 MB"

    name = str(capture)
    yield peer(ours, "tshark -T fields, 10 fields", [*TSHARK, "-r", name], "≥ 60 ×" if large else "≥ 20 ×")
    yield peer(ours, "tcptrace -l (C, no SMTP)", ["tcptrace", "-l", "-n", name], "≥ 5 ×" if large else "")
    yield from digests(ours, capture, "≥ 1.4 ×" if large else "")
    yield peer(ours, "capinfos", ["capinfos", name], "", RUNS)
    scale = packets / in_slice
    slow = f", from {in_slice:,} packets"
    yield peer(ours, f"pyshark{slow}", [sys.executable, "-c", PYSHARK, str(slice_of)], "≥ 500 ×", 1, scale)
    yield peer(ours, f"Scapy{slow}", [sys.executable, "-c", SCAPY, str(slice_of)], "≥ 100 ×", 1, scale)


def version(program: str) -> str:
    """What a program says of itself first."""
    if shutil.which(program) is None:
        return "not installed"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return told.partition("\n")[0].removeprefix(f"{program} ")


def beginning(capture: Path, packets: int, target: Path) -> None:
    """The first packets of a capture."""
    with capture.open("rb") as source, target.open("wb") as out:
        out.write(source.read(24))
        for _ in islice(range(packets), packets):
            header = source.read(16)
            out.write(header + source.read(int.from_bytes(header[8:12], "little")))


def shown(console: Console, title: str, found: Iterator[tuple[str, ...]]) -> None:
    """Print a table."""
    heads = ("whole process", "took", "against testbed inspect", "by processor time", "bar")
    table = Table(*heads, title=title, title_justify="left")
    for row in found:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Print a table for each size asked for, and one for a capture like the world, of the first."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(PROJECT / "testbed")], check=False)
    console, sizes = Console(width=120), [int(word) for word in sys.argv[1:]] or [18_500]
    with tempfile.TemporaryDirectory(prefix="testbed-bench-") as folder:
        small = best([*TESTBED, "captures/unknown-user.pcapng"], 7)
        console.print(f"testbed inspect, a small trace, whole process: {small.seconds:.2f} s (bar: ≤ 0.15 s)")
        for connections in sizes:
            capture, part = Path(folder) / "capture.pcap", Path(folder) / "slice.pcap"
            packets = make(capture, connections)
            beginning(capture, 3_000, part)
            shown(console, size_of(capture, packets), rows(capture, packets, part, 3_000))
        world = Path(folder) / "world.pcapng"
        packets = make_world(world, sizes[0])
        shown(console, f"like the world, {size_of(world, packets)}", like_the_world(world, packets))


def size_of(capture: Path, packets: int) -> str:
    """How large a capture is, and on how many cores it is read."""
    return f"{packets:,} packets, {capture.stat().st_size / 1e6:,.0f} MB, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()

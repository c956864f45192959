"""``make bench``: what pages cost beside the report in a terminal, and how large they get.

``python tests/bench/bench_pages.py``
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_inspect import PROJECT, TESTBED, best
from make_capture import make
from rich.console import Console
from rich.table import Table

_JUDGE = [sys.executable, "-m", "testbed", "judge"]
SCENARIOS = 400
CONNECTIONS = 4_200  # some 100,000 packets


def rows(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """What was measured, its time, its size, the bar."""
    large = folder / "large.pcap"
    packets = make(large, CONNECTIONS)
    for what, capture in (
        ("mailbox-full", PROJECT / "captures" / "mailbox-full.pcapng"),
        (f"{packets:,} packets", large),
    ):
        page = folder / "page.html"
        plain, written = best([*TESTBED, str(capture)]), best([*TESTBED, "--html", str(page), str(capture)])
        size = page.stat().st_size / 1e6
        ratio = written.seconds / plain.seconds
        yield (
            f"inspect --html, {what}, against inspect",
            f"{ratio:.1f} × ({written.seconds:.2f} s)",
            f"{size:.2f} MB",
            "",
        )
    traces = [str(trace) for trace in sorted((PROJECT / "captures").glob("*.pcapng"))[:SCENARIOS]]
    judge, page = [*_JUDGE, *traces], folder / "run.html"
    plain = best(judge, 1)
    written = best([*judge, "--html", str(page), "--without-capture"], 1)
    ratio, size = written.seconds / plain.seconds, page.stat().st_size / 1e6
    yield (
        f"judge --html, {SCENARIOS} traces, against judge",
        f"{ratio:.1f} × ({written.seconds:.1f} s)",
        f"{size:.2f} MB",
        "1 MB",
    )


def main() -> None:
    """Print the table."""
    table = Table("what", "time", "size", "bar", title="pages")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder)):
            table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()

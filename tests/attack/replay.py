"""``make attack``: every family of :mod:`tests.attack.families` with fresh seeds, and what came of them.

Fails when an exit code is none of those documented, a traceback is printed, or twice a capture costs much more than
twice the processor time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.attack.families import FAMILIES
from tests.attack.test_linear import MOST, growth


def main() -> int:
    """Replay, print the table, and tell by 1 that something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="FAMILY", help="all when none is named")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="captures of each family (default: 1)")
    options = parser.parse_args()
    table = Table("family", "seed", "exit code", "seconds", "growth", "")
    chosen = [family for family in FAMILIES if family.name in (options.names or [family.name])]
    failed = 0
    for family in chosen:
        for seed in (SystemRandom().randrange(1 << 32) for _ in range(options.seeds)):
            with tempfile.TemporaryDirectory() as folder:
                times, dearest = growth(family, seed, Path(folder))
            holds = dearest.code == 0 and not dearest.traceback and times < MOST
            failed += not holds
            table.add_row(
                family.name, str(seed), str(dearest.code), f"{dearest.cpu:.2f}", f"{times:.2f}",
                "" if holds else "does not hold",
            )  # fmt: skip
    Console().print(table)
    print(f"{len(chosen) * options.seeds} captures, {failed} do not hold")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())

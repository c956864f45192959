"""``make attack``: every family of :mod:`tests.attack.families` with fresh seeds, then everything else that is attacked
(:mod:`tests.attack.others`) for some time, and what came of them.

Fails when an exit code is none of those documented, a traceback is printed, or twice a capture costs much more than
twice the processor time.  A seed that is printed makes the same attack again:
``python tests/attack/replay.py --seed SEED NAME``.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from random import Random, SystemRandom

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.attack.families import FAMILIES, Family
from tests.attack.others import ALONE, Attack
from tests.attack.test_linear import MOST, growth


def main() -> int:
    """Replay, print the tables, and tell by 1 that something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="families and other attacks; all when none is named")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="captures of each family (default: 1)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="time for each other attack (60)")
    parser.add_argument("--seed", type=int, help="this one alone, instead of fresh ones")
    options = parser.parse_args()
    failed = _captures([family for family in FAMILIES if _named(family.name, options.names)], options)
    failed += _others(options)
    return int(failed > 0)


def _named(name: str, names: list[str]) -> bool:
    return not names or name in names


def _seeds(options: argparse.Namespace, most: int) -> list[int]:
    return [options.seed] if options.seed is not None else [SystemRandom().randrange(1 << 32) for _ in range(most)]


def _captures(chosen: list[Family], options: argparse.Namespace) -> int:
    table = Table("family", "seed", "exit code", "seconds", "growth", "")
    failed = tried = 0
    for family in chosen:
        for seed in _seeds(options, options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                times, dearest = growth(family, seed, Path(folder))
            holds = dearest.code == 0 and not dearest.traceback and times < MOST
            failed += not holds
            tried += 1
            table.add_row(
                family.name, str(seed), str(dearest.code), f"{dearest.cpu:.2f}", f"{times:.2f}",
                "" if holds else "does not hold",
            )  # fmt: skip
    if tried:
        Console().print(table)
        print(f"{tried:,} captures, {failed} do not hold", flush=True)
    return failed


def _others(options: argparse.Namespace) -> int:
    failed = 0
    for name, attack in ALONE.items():
        if _named(name, options.names):
            failed += _tried(name, attack, options)
    return failed


def _tried(name: str, attack: Attack, options: argparse.Namespace) -> int:
    """How many attacks of a kind do not hold, of those that are made in the time there is."""
    first = _seeds(options, 1)[0]
    until, tried, failed = time.monotonic() + options.seconds, 0, 0
    with contextlib.suppress(KeyboardInterrupt):
        while not tried or (options.seed is None and time.monotonic() < until):
            if wrong := attack(Random(first + tried)):
                print(f"{name}, seed {first + tried}: {wrong}", flush=True)
                failed += 1
            tried += 1
    print(f"{name}: {tried:,} attacks, seeds {first} to {first + tried - 1}, {failed} do not hold", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())

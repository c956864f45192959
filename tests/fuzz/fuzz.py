"""``make fuzz``: every reader and dialogue parser under a coverage-guided fuzzer (atheris, libFuzzer's Python face).

A crash is an exception a target does not allow, an input that takes more than 5 s, or more than 1 GB of memory.
``build/fuzz/TARGET/crash-*`` are the inputs, with what happened beside them; ``--again FILE`` runs one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from testbed.errors import CaptureError
from tests.fuzz.packets import PROJECT
from tests.fuzz.targets import Target, targets

_MEGABYTES, _PATIENCE = 1_024, 5  # of one input, seconds of one input
_LONGEST = 1 << 16  # octets of an input
_MOST_DEATHS = 5  # of a target's process, then it is left alone
_COVERAGE = re.compile(rb"\bcov: (\d+)")
_EXECUTED = re.compile(rb"stat::number_of_executed_units:\s*(\d+)|^#(\d+)\s", re.MULTILINE)
_OF_LIBFUZZER = ("timeout-*", "oom-*", "crash-*", "slow-unit-*")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one target.  ``seconds`` are those it ran, ``crashes`` the files of what it fails on."""

    target: str
    executions: int
    seconds: float
    coverage: int
    crashes: tuple[Path, ...]


def main(arguments: Sequence[str]) -> int:
    """Fuzz, print the table, and tell by 1 that something crashed."""
    known = targets()
    options = _parser(list(known)).parse_args(arguments)
    if options.again:
        return _again(known, Path(options.again))
    if find_spec("atheris") is None:
        print("error: to fuzz, install atheris: pip install 'mail-testbed[fuzz]'", file=sys.stderr)
        return 2
    chosen = [known[name] for name in options.targets or known]
    folder = PROJECT / "build" / "fuzz"
    seconds = max(1, options.seconds * min(options.jobs, len(chosen)) // len(chosen))
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda target: _fuzz(target, folder / target.name, seconds), chosen))
    console = Console()
    console.print(_table(results))
    for result in results:
        for crash in result.crashes:
            console.print(
                f"{crash.relative_to(PROJECT)}: {_what(crash)}", markup=False, highlight=False, soft_wrap=True
            )
    return int(any(result.crashes for result in results))


def _parser(names: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all when none is named: {', '.join(names)}")
    parser.add_argument("--seconds", type=int, default=300, metavar="S", help="for all targets (default: 300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="targets at a time")
    parser.add_argument("--again", metavar="FILE", help="run one saved input, with its traceback")
    return parser


def _fuzz(target: Target, folder: Path, seconds: int) -> Result:
    """Run one target; when an input kills the process, go on with the next until the time is up."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for old in (path for pattern in _OF_LIBFUZZER for path in folder.glob(pattern)):
        old.unlink()
    for seed in target.seeds():
        (corpus / f"seed-{sha256(seed).hexdigest()[:16]}").write_bytes(seed)
    started, executions, coverage = time.monotonic(), 0, 0
    for _ in range(_MOST_DEATHS):
        left = round(started + seconds - time.monotonic())
        if left <= 0:
            break
        done, covered = _child(target, folder, corpus, left)
        executions, coverage = executions + done, max(coverage, covered)
    crashes = sorted(p for pattern in _OF_LIBFUZZER[:3] for p in folder.glob(pattern) if p.suffix != ".json")
    return Result(target.name, executions, time.monotonic() - started, coverage, tuple(crashes))


def _child(target: Target, folder: Path, corpus: Path, seconds: int) -> tuple[int, int]:
    """One process; gives how many inputs it ran and how much it covered."""
    options = {
        "max_total_time": seconds,
        "timeout": _PATIENCE,
        "rss_limit_mb": _MEGABYTES,
        "max_len": _LONGEST,
        "print_final_stats": 1,
        "artifact_prefix": f"{folder}/",
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    log = folder / "log"
    with log.open("wb") as out:
        subprocess.run(
            [sys.executable, "-m", "tests.fuzz.child", target.name, str(folder), *arguments, str(corpus)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    told = log.read_bytes()
    done = max((int(a or b) for a, b in _EXECUTED.findall(told)), default=0)
    return done, max((int(number) for number in _COVERAGE.findall(told)), default=0)


def _table(results: Sequence[Result]) -> Table:
    table = Table("target", title="fuzzing", title_justify="left")
    for heading in ("executions", "per second", "coverage", "crashes"):
        table.add_column(heading, justify="right")
    for result in results:
        rate = result.executions / max(result.seconds, 0.001)
        crashes = f"[red]{len(result.crashes)}[/red]" if result.crashes else "0"
        table.add_row(result.target, f"{result.executions:,}", f"{rate:,.0f}", f"{result.coverage:,}", crashes)
    return table


def _what(crash: Path) -> str:
    told = crash.with_suffix(".json")
    if told.exists():
        facts = json.loads(told.read_text())
        return f"{facts['place']}: {facts['error']}"
    return "took too long" if crash.name.startswith("timeout") else "killed the process"


def _again(known: dict[str, Target], file: Path) -> int:
    try:
        known[file.parent.name].run(file.read_bytes())
    except CaptureError as error:
        print(f"refused, as it should be: {error}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""``testbed judge``."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path, PurePath

from testbed.cli.inspect_options import captures
from testbed.cli.progress import Progress
from testbed.cli.results import Results
from testbed.cli.run_ending import ending, exit_code
from testbed.cli.run_outputs import Outputs
from testbed.cli.verbosity import QUIET
from testbed.errors import CaptureError, UsageError
from testbed.outcome import Outcome, conclude
from testbed.played import Played
from testbed.protocols.text import shown
from testbed.report.console import console
from testbed.report.run import Run
from testbed.scenario.reach import Reach
from testbed.scenario.recognition import SUFFIXES
from testbed.stored_trace import played_once


def main(options: argparse.Namespace) -> int:
    """Judge stored traces by the scenarios they carry, or by the one that is named; nothing is played or written."""
    outputs = Outputs(options)
    out = console(sys.stderr if outputs.on_stdout else sys.stdout)
    started, clock = datetime.now(UTC), time.monotonic()
    played = _played(options)
    scenarios = [one.scenario for one in played]
    results = Results(out, scenarios, QUIET if outputs.on_stdout else options.verbosity)
    outcomes: list[Outcome] = []
    with outputs.fence():
        with Progress(out, len(played), results.tell) as progress:
            for one in played:
                progress.say(one.scenario, "is judged")
                outcomes.append(conclude(one))
                progress.ended(outcomes[-1])
            results.end()
        seconds = time.monotonic() - clock
        if not outputs.on_stdout:
            ending(out, outcomes, options, seconds, None)
    outputs.write(Run(tuple(outcomes), started, seconds))
    return exit_code(outcomes)


def _played(options: argparse.Namespace) -> list[Played]:
    """What became of the labs whose traces are named.  Raises UsageError with what is wrong with any of them."""
    files = [path for path in options.paths if path.lower().endswith(SUFFIXES)]
    traces = captures([path for path in options.paths if path not in files])
    if len(files) > 1:
        raise UsageError(f"{' and '.join(map(shown, files))}: traces are judged by one scenario at a time")
    if not traces:
        raise UsageError("nothing to judge: name a trace, or a folder of traces")
    scenario = Path(files[0]) if files else None
    reach, found, wrong = Reach(anywhere=options.allow_outside), list[Played](), list[str]()
    for trace in traces:
        try:
            found.append(played_once(Path(trace), scenario, reach))
        except (CaptureError, UsageError) as error:
            wrong.append(str(error))
    if wrong:
        raise UsageError("\n".join(dict.fromkeys(wrong)))
    return sorted(found, key=lambda played: PurePath(played.scenario.file).parent)

"""A program that plays a host ends when it is told to: who stops a mail server sends it SIGTERM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.programs_awaited import TOO_BUSY, last_words, starved
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of


def programs_heed_sigterm(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """One did not within its time, and had to be killed."""
    for entry in of(analysis.log, events.Stopped):
        waited, host = entry.event.waited, entry.host
        if not waited:
            continue
        words, frames = last_words(analysis, host)
        excuse = TOO_BUSY if starved(analysis, host, entry.frame) else ""
        why = f"the program of {host} did not end within {waited:g} s after SIGTERM, and was killed{words}{excuse}"
        cited = tuple(sorted({*frames, entry.frame}))
        yield Verdict("programs end when asked to", bool(excuse), why, cited, judged=not excuse)

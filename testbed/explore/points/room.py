"""Room in mailboxes: none is left when mail comes, in a run, until their owners have made some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from testbed.durations import SECOND
from testbed.explore.candidate import Candidate, Point
from testbed.protocols import events
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

_RANK = 2
_LASTS = {"for 1 h": 3600, "for 6 days": 6 * 86_400}


def room(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """From the second on in which mail is stored in each mailbox; what is taken in one second is one point."""
    seen: set[tuple[str, int]] = set()
    counts: Counter[str] = Counter()
    for entry in of(analysis.log, events.Stored):
        mailbox, since_s = entry.event.recipient, (entry.time_ns - analysis.start_ns) // SECOND
        if entry.host not in scenario.hosts or (mailbox, since_s) in seen:
            continue
        seen.add((mailbox, since_s))
        counts[mailbox] += 1
        point = Point("room", f"mail for {mailbox}", counts[mailbox], _RANK)
        for state in ("full", "nearly-full"):
            for lasts, seconds in _LASTS.items():
                fault: dict[str, object] = {"mailbox": mailbox, "is": state, "until": f"{since_s + seconds}s"}
                yield Candidate(point, f"{state} {lasts}", {**fault, **({"from": f"{since_s}s"} if since_s else {})})

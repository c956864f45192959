"""What the programs of a lab have printed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from testbed.outcome import Outcome
from testbed.protocols import events
from testbed.trace.model.log import of


def printed(outcome: Outcome, most: int) -> dict[str, Sequence[str]]:
    """The last ``most`` lines of each program, for it is the end that tells, by the host it is on."""
    found: dict[str, deque[str]] = {}
    for entry in of(outcome.analysis.log, events.Said) if outcome.analysis is not None else ():
        found.setdefault(entry.host, deque(maxlen=most)).append(entry.event.text or entry.message)
    return {host: list(lines) for host, lines in found.items()}

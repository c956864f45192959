"""What programs say of their own queues, for the conservation of mail: each entry keeps one promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from testbed.protocols import events
from testbed.trace.model.log import AnyEntry, of

_ANYBODY = "*"


class Listings:
    """The listings of a trace; entries are taken out as they are put to a promise's account."""

    def __init__(self, log: Iterable[AnyEntry]) -> None:
        log = tuple(log)
        self._told = {entry.host: entry.event for entry in of(log, events.QueueListed)}
        self._waiting = Counter(
            (entry.host, entry.event.recipient.lower(), entry.event.sender.lower())
            for entry in of(log, events.HoldsListed)
        )

    def take(self, host: str, recipient: str, sender: str | None, most: int) -> int:
        """How many entries, up to ``most``, are of that sender or do not say whose they are; of anybody for None."""
        taken = 0
        for key in [key for key in self._waiting if key[:2] == (host, recipient)]:
            if sender is None or key[2] in (sender, _ANYBODY):
                number = min(most - taken, self._waiting[key])
                self._waiting[key] -= number
                taken += number
        return taken

    def is_complete(self, host: str) -> bool:
        """Whether whom a host's listing does not name waits for nothing in its queue."""
        told = self._told.get(host)
        return told is not None and not told.failed and bool(told.complete)

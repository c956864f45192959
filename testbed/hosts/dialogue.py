"""Dialogue faults: which one, if any, replaces what a server would have said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from testbed.scenario.faults.dialogue import DialogueFault

_ALIASES = {"HELO": "EHLO"}


class DialogueScript:
    """The faults of one host, in the order of the file.

    ``now_ns`` tells the scenario time since the start, ``fired`` hears of every fault that is staged.
    """

    def __init__(
        self,
        faults: Sequence[DialogueFault],
        fired: Callable[[DialogueFault], None],
        now_ns: Callable[[], int] = lambda: 0,
        seed: int = 0,
    ) -> None:
        self._faults = [(fault, fault.trigger(seed)) for fault in faults]
        self._fired = fired
        self._now_ns = now_ns
        self._connections: Counter[str] = Counter()

    def connected(self, protocol: str = "SMTP") -> int:
        """The number of a new connection, from 1, among those of its protocol."""
        self._connections[protocol] += 1
        return self._connections[protocol]

    def take(self, stage: str, recipient: str = "", connection: int = 1) -> DialogueFault | None:
        """The fault to stage now.  ``stage`` is a command's verb, ``connect`` or ``message``."""
        for fault, trigger in self._faults:
            if fault.on not in (stage, _ALIASES.get(stage)) or fault.connection not in (None, connection):
                continue
            if fault.recipient is not None and fault.recipient.lower() != recipient.lower():
                continue
            if trigger.strikes(self._now_ns()):
                self._fired(fault)
                return fault
        return None

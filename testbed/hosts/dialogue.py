"""Dialogue faults: which one, if any, replaces what a host would have said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from testbed.scenario.faults.dialogue import DialogueFault

_ALIASES = {"HELO": "EHLO"}


class DialogueScript:
    """The faults of one host in one role, in the order of the file.

    ``now_ns`` tells the scenario time since the start, ``fired`` hears of every fault that is staged.
    """

    def __init__(
        self,
        faults: Sequence[DialogueFault],
        fired: Callable[[DialogueFault], None] = lambda fault: None,
        now_ns: Callable[[], int] = lambda: 0,
        seed: int = 0,
    ) -> None:
        self._faults = [(fault, fault.trigger(seed)) for fault in faults]
        self._fired = fired
        self._now_ns = now_ns
        self._connections: Counter[str] = Counter()

    @property
    def reads_partly(self) -> bool:
        """Whether the host is going to read only part of a message."""
        return any(fault.reads_partly for fault, _ in self._faults)

    @property
    def stages_anything(self) -> bool:
        """Whether there is any fault."""
        return bool(self._faults)

    def connected(self, protocol: str = "SMTP") -> int:
        """The number of a new connection, from 1, among those of its protocol."""
        self._connections[protocol] += 1
        return self._connections[protocol]

    def take(self, stage: str, recipient: str = "", connection: int = 1, sender: str = "") -> DialogueFault | None:
        """The fault to stage now.  ``stage`` is a command's verb, ``connect`` or ``message``."""
        for number, (fault, _) in enumerate(self._faults):
            if fault.octet is not None or fault.on not in (stage, _ALIASES.get(stage)):
                continue
            if fault.recipient is not None and fault.recipient.lower() != recipient.lower():
                continue
            if self._strikes(number, connection, sender):
                return fault
        return None

    def take_inside(self, octets: range, connection: int = 1, sender: str = "") -> DialogueFault | None:
        """The fault to stage in mid-message, when these octets have passed."""
        for number, (fault, _) in enumerate(self._faults):
            if fault.octet in octets and self._strikes(number, connection, sender):
                return fault
        return None

    def _strikes(self, number: int, connection: int, sender: str) -> bool:
        fault, trigger = self._faults[number]
        if fault.connection not in (None, connection):
            return False
        if fault.mail_from is not None and fault.mail_from.lower() != sender.lower():
            return False
        if not trigger.strikes(self._now_ns()):
            return False
        self._fired(fault)
        return True

"""Dialogue faults: which one, if any, replaces what a server would have said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from testbed.scenario.faults import DialogueFault

_ALIASES = {"HELO": "EHLO"}


class DialogueScript:
    """The faults of one host, in the order of the file; each is used up after its ``times``."""

    def __init__(self, faults: Sequence[DialogueFault], fired: Callable[[DialogueFault], None]) -> None:
        self._remaining = [(fault, [fault.times]) for fault in faults]
        self._fired = fired

    def take(self, stage: str, recipient: str = "") -> DialogueFault | None:
        """The fault to stage now.  ``stage`` is a command's verb, ``connect`` or ``message``."""
        for fault, left in self._remaining:
            if fault.on not in (stage, _ALIASES.get(stage)) or left[0] == 0:
                continue
            if fault.recipient is not None and fault.recipient.lower() != recipient.lower():
                continue
            if left[0] is not None:
                left[0] -= 1
            self._fired(fault)
            return fault
        return None

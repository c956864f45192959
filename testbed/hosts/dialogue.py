"""Dialogue faults: which one, if any, replaces what a host would have said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from testbed.hosts.fault_script import FaultScript
from testbed.scenario.faults.dialogue import DialogueFault


class DialogueScript(FaultScript[DialogueFault]):
    """The faults of one host in one role, in the order of the file."""

    def __init__(
        self,
        faults: Sequence[DialogueFault] = (),
        fired: Callable[[DialogueFault, str], None] = lambda fault, vain: None,
        now_ns: Callable[[], int] = lambda: 0,
        seed: int = 0,
    ) -> None:
        super().__init__(faults, fired, now_ns, seed)
        self._connections: Counter[str] = Counter()

    @property
    def reads_partly(self) -> bool:
        """Whether the host is going to read only part of a message."""
        return any(fault.reads_partly for fault in self.faults)

    @property
    def stages_anything(self) -> bool:
        """Whether there is any fault."""
        return bool(self.faults)

    def concerns(self, stage: str) -> bool:
        """Whether there is any fault at a stage."""
        return any(fault.on == stage for fault in self.faults)

    def connected(self, protocol: str = "SMTP") -> int:
        """The number of a new connection, from 1, among those of its protocol."""
        self._connections[protocol] += 1
        return self._connections[protocol]

    def take(
        self, stage: str, recipient: str = "", connection: int = 1, sender: str = "", usual: str = ""
    ) -> DialogueFault | None:
        """The fault to stage now.  ``stage`` is a command's verb, ``connect`` or ``message``.

        ``usual`` is the reply that is given anyway, where it is known and giving it is all there is to do.
        """
        fault = self.find(stage, recipient, connection, sender)
        if fault is not None:
            self.tell(fault, usual)
        return fault

    def find(self, stage: str, recipient: str = "", connection: int = 1, sender: str = "") -> DialogueFault | None:
        """The same, before it is known what the usual reply is (:meth:`tell`)."""

        def applies(fault: DialogueFault) -> bool:
            if fault.octet is not None or fault.on != stage:
                return False
            if fault.recipient is not None and fault.recipient.lower() != recipient.lower():
                return False
            return _is_about(fault, connection, sender)

        return self.found(applies)

    def tell(self, fault: DialogueFault, usual: str = "") -> None:
        """A fault is staged in the place of the usual reply."""
        self.fired(fault, f"{fault.at} says so anyway" if usual and fault.only_says(usual) else fault.futile)

    def take_inside(self, octets: range, connection: int = 1, sender: str = "") -> DialogueFault | None:
        """The fault to stage in mid-message, when these octets have passed."""
        return self.first(lambda fault: fault.octet in octets and _is_about(fault, connection, sender))


def _is_about(fault: DialogueFault, connection: int, sender: str) -> bool:
    if fault.connection not in (None, connection):
        return False
    return fault.mail_from is None or fault.mail_from.lower() == sender.lower()

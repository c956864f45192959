"""What carries a lab's packets, and which of them its faults are about at present."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from testbed.errors import StepError
from testbed.hosts.site import Log
from testbed.lab.faults import packet_fault
from testbed.net.clock import ScenarioLoop
from testbed.net.faults import Action, Crash, PacketFault
from testbed.net.tap import Tap
from testbed.net.wire import Wire
from testbed.protocols import events
from testbed.protocols.trigger import Trigger
from testbed.scenario.faults import Fault, HostFault
from testbed.scenario.scenario import Scenario

_LEFT_OVERS_S = 0.05  # in which the wire reads what a program had sent when it was killed

Addresses = Mapping[str, tuple[str, ...]]


class Carrier(Protocol):
    """Carries packets until it is closed."""

    def close(self) -> None:
        """Stop.  Raises StepError when not every packet was recorded."""

    def quiet_s(self) -> float:
        """For how many seconds no packet has come."""

    def add(self, fault: Fault) -> None:
        """Have one more fault strike, if it is about packets."""

    def remove(self, fault: Fault) -> None:
        """Have it strike no more."""


class PacketFaults:
    """Those of a private network's wire, and what the log says of their deeds.

    ``crashes`` have a host crash, by the lines of the faults that say so.
    """

    def __init__(
        self,
        scenario: Scenario,
        addresses: Addresses,
        loop: ScenarioLoop,
        log: Log,
        crashes: Mapping[int, Callable[[], None]],
    ) -> None:
        self._addresses, self._seed = addresses, scenario.seed
        self._loop, self._log, self._crashes = loop, log, crashes
        self._known: list[tuple[Fault, PacketFault]] = []
        for fault in scenario.faults:
            self.add(fault)

    @property
    def strikers(self) -> list[PacketFault]:
        """In the order of the file; those that crash hosts are first, as they have to see what others destroy."""
        return sorted((striker for _, striker in self._known), key=lambda striker: not isinstance(striker, Crash))

    def add(self, fault: Fault) -> None:
        """One more, if it is about packets."""
        if (striker := packet_fault(fault, self._addresses, self._seed)) is not None:
            self._known.append((fault, striker))

    def remove(self, fault: Fault) -> None:
        """One less."""
        self._known = [known for known in self._known if known[0] is not fault]

    def fired(self, striker: PacketFault, frame: int, action: Action) -> None:
        """One has struck."""
        line = next((fault.line for fault, one in self._known if one is striker), None)
        if line is None:  # it was removed while it held a packet back
            return
        self._log(events.Fault(line=line, at_frame=frame, vain=action.vain), action.what)
        if isinstance(striker, Crash):
            self._crashes[line]()
            self._loop.call_later(_LEFT_OVERS_S, striker.over)


class WireCarrier:
    """The wire of a private network."""

    def __init__(self, wire: Wire, faults: PacketFaults) -> None:
        self._wire = wire
        self._faults = faults
        self.close, self.quiet_s = wire.close, wire.quiet_s

    def add(self, fault: Fault) -> None:
        """Have one more fault strike, if it is about packets."""
        self._faults.add(fault)
        self._wire.face(self._faults.strikers)

    def remove(self, fault: Fault) -> None:
        """Have it strike no more."""
        self._faults.remove(fault)
        self._wire.face(self._faults.strikers)


class Refusals:
    """The hosts that refuse everything on the machine's own loopback, where that is all a fault of packets can do."""

    def __init__(self, scenario: Scenario, addresses: Addresses, now_ns: Callable[[], int]) -> None:
        self._addresses = addresses
        self._now_ns = now_ns
        self._file = scenario.file_of("faults")
        self._refusing: list[HostFault] = []
        for fault in scenario.faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """One more, if it is about that."""
        if isinstance(fault, HostFault) and fault.is_ == "refused":
            self._refusing.append(fault)

    def remove(self, fault: Fault) -> None:
        """One less."""
        self._refusing = [one for one in self._refusing if one is not fault]

    def at(self, address: str) -> list[HostFault]:
        """By which an address refuses now."""
        now_ns = self._now_ns()
        return [
            fault
            for fault in self._refusing
            if address in self._addresses[fault.host]
            and Trigger(from_ns=fault.from_, until_ns=fault.until).open_at(now_ns)
        ]

    def check_answered(self, address: str) -> None:
        """The name server has answered an address.  Raises StepError for one that refuses."""
        for fault in self.at(address):
            raise StepError(
                f"{fault.host} refuses everything, and asks the name server all the same: what it is answered only "
                "a private network can refuse",
                self._file,
                fault.line,
            )


class TapCarrier:
    """The machine's loopback, as far as a lab is concerned."""

    def __init__(self, tap: Tap, refusals: Refusals) -> None:
        self.close, self.quiet_s = tap.close, tap.quiet_s
        self.add, self.remove = refusals.add, refusals.remove

"""Faults that are set and lifted while a lab is held open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from testbed.durations import SECOND
from testbed.errors import StepError
from testbed.hosts.fault_script import FaultScript
from testbed.lab.context import LabContext
from testbed.lab.faults import needs_forging
from testbed.lab.hosts import LabHosts
from testbed.lab.journal import LAB
from testbed.lab.sites import policy_server
from testbed.net import forge
from testbed.protocols import events
from testbed.scenario.faults import DialogueFault, Fault, HostFault, PolicyFault, TlsFault, ZoneFault
from testbed.scenario.faults.when import When
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.set_faults import set_at

Kind = TypeVar("Kind", bound=When)

MOST = 1_000
"""Faults that may be set in one lab."""


class RunningFaults:
    """Those of one lab, by their numbers, which count from 1."""

    def __init__(self, lab: LabContext, hosts: LabHosts) -> None:
        self._lab = lab
        self._hosts = hosts
        self._log = lab.journal.of(LAB)
        self._count = 0
        self._lifts: dict[int, Callable[[], None]] = {}

    def set(self, fault: Fault, said: str) -> int:
        """Have a fault strike from now on, behind those there are; ``said`` are its keys and values as JSON.

        Gives its number.  Raises StepError for too many.
        """
        if self._count >= MOST:
            raise StepError(f"{MOST:,} faults were set in this lab; it takes no more")
        if needs_forging(fault):
            forge.preload()  # which takes longer than a client of the fault would wait
        self._count += 1
        number, now_ns = self._count, self._lab.loop.since_begin_ns()
        placed = set_at(fault, number, now_ns)
        self._log(
            events.FaultSet(number=number, at_ns=now_ns, fault=said), f"fault {number} is set: {placed.describe()}"
        )
        self._lab.faults.append(placed)
        self._lifts[number] = self._begin(placed)
        return number

    def lift(self, number: int) -> None:
        """Have it strike no more.  Raises StepError for one that nobody has set, or that is lifted already."""
        if number not in self._lifts:
            known = 0 < number <= self._count
            raise StepError(f"fault {number} is lifted already" if known else f"no fault has the number {number}")
        placed = next(fault for fault in self._lab.faults if fault.line == -number)
        self._lab.faults.remove(placed)
        self._log(events.FaultLifted(number=number), f"fault {number} is lifted: {placed.describe()}")
        self._lifts.pop(number)()

    def _begin(self, fault: Fault) -> Callable[[], None]:
        """Have a fault strike; gives what ends that."""
        lab, hosts = self._lab, self._hosts
        match fault:
            case DialogueFault():
                site = hosts.site(fault.at)
                as_client = fault.as_ == "client" or isinstance(lab.scenario.hosts[fault.at], UserAgentSpec)
                return _joined(site.conduct if as_client else site.dialogue, fault)
            case ZoneFault():
                server = next(name for name, host in lab.scenario.hosts.items() if isinstance(host, NameServerSpec))
                return _joined(hosts.site(server).names, fault)
            case TlsFault():
                assert lab.tls is not None  # the server has a certificate, or the fault has no place
                return _joined(lab.tls.script(fault.tls), fault)
            case PolicyFault():
                return _joined(hosts.site(policy_server(lab.scenario, fault.policy)).policies, fault)
            case HostFault(is_="crashed", moment=None):
                return self._crash(fault)
            case HostFault() if fault.moment is not None:
                hosts.crash_when_told(fault)
        lab.wire.add(fault)
        return partial(lab.wire.remove, fault)

    def _crash(self, fault: HostFault) -> Callable[[], None]:
        now_ns = self._lab.loop.since_begin_ns()
        begin_ns = max(now_ns, fault.from_)
        for_ns = None if fault.until is None else fault.until - begin_ns
        crash = partial(self._hosts.crash_as_said, fault, for_ns)
        waiting = self._lab.loop.call_later((begin_ns - now_ns) / SECOND, crash)

        def lift() -> None:
            waiting.cancel()
            self._hosts.restart(fault.host)

        return lift


def _joined(script: FaultScript[Kind], fault: Kind) -> Callable[[], None]:
    script.add(fault)
    return partial(script.remove, fault)

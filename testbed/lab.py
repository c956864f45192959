"""A scenario brought to life: hosts and wire in one private network, one trace written.

:func:`run` is called in a process of its own (see :mod:`testbed.runner`), because it gives up the machine's network
for good.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import BinaryIO

from testbed import __version__
from testbed.errors import StepError
from testbed.hosts.build import build
from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.mailbox import Mailbox
from testbed.hosts.receiver import Receiver
from testbed.hosts.relay import Relay
from testbed.hosts.site import Log, Site
from testbed.hosts.user_agent import UserAgent
from testbed.lab_faults import needs_forging, packet_faults
from testbed.lab_programs import run_program
from testbed.lab_visit import OUTSIDE, OpenLab, Visit, outside_addresses
from testbed.net import packet
from testbed.net.clock import ScenarioLoop
from testbed.net.faults import PacketFault
from testbed.net.namespace import Network, enter
from testbed.net.wire import Wire
from testbed.pcap.write import TraceWriter
from testbed.protocols.events import Event
from testbed.scenario.faults import DialogueFault
from testbed.scenario.hosts import NameServerSpec, UserAgentSpec, WebmailSpec
from testbed.scenario.programs import RunStep
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import EmptyStep, SendStep, Step, WaitStep

LAB = "lab"
_NS = 1_000_000_000
_AFTERMATH_S = 1.0  # scenario time in which open connections may finish closing


def run(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None], visit: Visit | None = None) -> None:
    """Play a scenario and write its trace.  Raises LabError when this machine does not allow a lab.

    ``tell`` hears what is going on, a line at a time.  SIGINT or SIGTERM end the play early; the trace is whole.
    A ``visit`` holds the lab open after the steps.
    """
    addresses = lay_out(scenario)
    if visit is not None:
        addresses[OUTSIDE] = outside_addresses(scenario)
    name_server = next(name for name, host in scenario.hosts.items() if isinstance(host, NameServerSpec))
    names = {address: name for name, own in addresses.items() for address in own}
    network = enter(names, addresses[name_server][0])
    loop = ScenarioLoop()
    asyncio.set_event_loop(loop)
    try:
        lab = _Lab(scenario, addresses, network, loop, trace, tell, visit)
        loop.set_exception_handler(lab.mishap)
        loop.run_until_complete(lab.play())
    finally:
        loop.close()


def preload(scenarios: Iterable[Scenario]) -> None:
    """Load once what several labs need, before they are forked."""
    if any(needs_forging(scenario) for scenario in scenarios):
        packet.preload()


def lay_out(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Each host's loopback addresses: the name server ends in 53, the others in 10, 20, 30 ..."""
    addresses = {}
    number = 0
    for name, host in scenario.hosts.items():
        if isinstance(host, NameServerSpec):
            last, network = 53, 0
        else:
            number += 1
            network, last = divmod(number * 10, 250)
        v4, v6 = f"127.0.{network}.{last}", str(ip_address(f"fd00::{network:x}:{last}"))
        addresses[name] = {"ipv4": (v4,), "ipv6": (v6,), "both": (v6, v4)}[scenario.ip]
    return addresses


class _Lab:
    def __init__(
        self,
        scenario: Scenario,
        addresses: Mapping[str, tuple[str, ...]],
        network: Network,
        loop: ScenarioLoop,
        trace: BinaryIO,
        tell: Callable[[str], None],
        visit: Visit | None,
    ) -> None:
        self._scenario = scenario
        self._visit = visit
        self._addresses = addresses
        self._network = network
        self._loop = loop
        self._tell = tell
        self._mishaps: list[dict[str, object]] = []
        self._playing: asyncio.Future[None] | None = None
        self._writer = TraceWriter(trace, application=f"Mail Testbed {__version__}")
        names = {address: name for name, own in addresses.items() for address in own}
        self._writer.names({**names, **dict.fromkeys(packet.ROUTER.values(), "router.lab")})
        faults = packet_faults(scenario, addresses)
        self._lines = {id(fault): line for line, fault in faults}
        self._wire = Wire(
            network.wire,
            loop,
            self._writer,
            [address for own in addresses.values() for address in own],
            [fault for _, fault in faults],
            self._packet_fault,
        )
        self._hosts = {name: build(scenario, self._site(name), addresses) for name in scenario.hosts}

    async def play(self) -> None:
        self._log(LAB)(
            Event.LAB_STARTED,
            f"scenario: {self._scenario.title}",
            scenario=self._scenario.text,
            case=self._scenario.case,
            file=self._scenario.file,
            seed=self._scenario.seed,
            version=__version__,
        )
        steps = self._playing = asyncio.ensure_future(self._steps())
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, steps.cancel)
        reason = "all steps played"
        failure: StepError | None = None
        try:
            await steps
        except asyncio.CancelledError:
            reason = "interrupted"
        except StepError as error:
            reason, failure = str(error), error
        await self._close(reason)
        if failure is not None:
            raise failure

    def mishap(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An exception nobody handled ends the lab: a verdict on a broken lab would be worth nothing."""
        self._mishaps.append(context)
        if self._playing is not None:
            self._playing.cancel()

    async def _steps(self) -> None:
        for host in self._hosts.values():
            await host.start()
        for step in self._scenario.steps if self._visit is None or self._visit.plays_steps else ():
            self._tell(step.describe())
            self._log(LAB)(Event.STEP, step.describe(), line=step.line)
            await self._play(step)
        await self._settle()
        if self._visit is not None:
            with self._loop.real_time():
                await self._visit.hold(OpenLab(self._scenario, self._addresses, self._log(LAB)))
            await self._settle()

    async def _play(self, step: Step) -> None:
        match step:
            case SendStep():
                await self._send(step)
            case WaitStep():
                await asyncio.sleep(step.duration / _NS)
            case RunStep():
                log = self._log(step.on or LAB)
                await run_program(self._scenario, step, self._addresses, self._loop, log)
            case EmptyStep():
                host, mailbox = self._mailbox(step.mailbox)
                count = mailbox.empty()
                self._log(host)(
                    Event.EMPTIED,
                    f"the mailbox of <{step.mailbox}> is emptied of {count} messages",
                    mailbox=step.mailbox,
                    messages=count,
                )

    async def _send(self, step: SendStep) -> None:
        agent = self._hosts[step.via or self._agent_of(step.sender)]
        assert isinstance(agent, UserAgent)
        await agent.send(step.sender, step.recipients, step.subject, step.body, step.size)

    def _agent_of(self, sender: str) -> str:
        return next(
            name
            for name, host in self._scenario.hosts.items()
            if isinstance(host, UserAgentSpec) and host.address == sender
        )

    def _mailbox(self, address: str) -> tuple[str, Mailbox]:
        for name, host in self._hosts.items():
            if isinstance(host, Relay | Receiver) and address in host.mailboxes:
                return name, host.mailboxes[address]
        raise KeyError(address)

    async def _settle(self) -> None:
        """Wait until no host has anything in progress, and the wire has had time to become quiet."""
        for pause in (*[0.0] * len(self._hosts), _AFTERMATH_S, 0.0):  # one host's last act may be the next one's first
            for host in self._hosts.values():
                await host.settled()
            await asyncio.sleep(pause)

    async def _close(self, reason: str) -> None:
        for host in self._hosts.values():
            host.inventory()
        for host in self._hosts.values():
            await host.stop()
        if reason != "interrupted":
            await asyncio.sleep(_AFTERMATH_S)
        elapsed, real = self._loop.elapsed_ns() / _NS, self._loop.real_elapsed_ns() / _NS
        self._log(LAB)(
            Event.LAB_ENDED,
            f"{reason}: {elapsed:.0f} s of scenario time in {real:.2f} s",
            scenario_seconds=f"{elapsed:.3f}",
            real_seconds=f"{real:.3f}",
            reason=reason,
        )
        self._wire.close()
        self._writer.flush()
        for mishap in self._mishaps:
            error = mishap.get("exception")
            raise error if isinstance(error, BaseException) else RuntimeError(str(mishap.get("message")))

    # -- what hosts and wire get --------------------------------------------------------------------

    def _site(self, name: str) -> Site:
        directory = self._network.scratch / name
        directory.mkdir()
        own_faults = [f for f in self._scenario.faults if isinstance(f, DialogueFault) and f.at == name]
        name_server = next(n for n, host in self._scenario.hosts.items() if isinstance(host, NameServerSpec))
        agents = [n for n, host in self._scenario.hosts.items() if isinstance(host, UserAgentSpec | WebmailSpec)]
        return Site(
            name=name,
            addresses=self._addresses[name],
            directory=directory,
            nameserver=self._addresses[name_server][0],
            log=self._log(name),
            now=lambda: self._loop.now_ns() / _NS,
            dialogue=DialogueScript(own_faults, self._dialogue_fault, self._loop.elapsed_ns, self._scenario.seed),
            trusted=frozenset(address for who in (*agents, OUTSIDE) for address in self._addresses.get(who, ())),
            real_time=self._loop.real_time,
        )

    def _log(self, host: str) -> Log:
        def log(event: Event, message: str, **fields: str | int) -> None:
            values = {name: str(value) for name, value in fields.items()}
            values["real_ms"] = f"{self._loop.real_elapsed_ns() / 1e6:.1f}"
            self._writer.log(self._loop.now_ns(), host, event, message, values)

        return log

    def _dialogue_fault(self, fault: DialogueFault) -> None:
        self._log(fault.at)(Event.FAULT, fault.describe(), line=fault.line)

    def _packet_fault(self, fault: PacketFault, frame: int, description: str) -> None:
        self._log("wire")(Event.FAULT, description, line=self._lines[id(fault)], at_frame=frame)

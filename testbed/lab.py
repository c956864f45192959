"""A scenario brought to life: hosts and wire in one private network, one trace written.

:func:`run` is called in a process of its own (see :mod:`testbed.runner`), because it gives up the machine's network
for good.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO

from testbed import __version__
from testbed.errors import StepError
from testbed.hosts import certificates
from testbed.hosts.build import build
from testbed.hosts.client import talk
from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.mailbox import Mailbox
from testbed.hosts.receiver import Receiver
from testbed.hosts.relay import Relay
from testbed.hosts.site import Host, Log, Site
from testbed.hosts.tls import LabTls
from testbed.hosts.user_agent import UserAgent, draft_of
from testbed.hosts.zone_script import ZoneScript
from testbed.lab_addresses import lay_out
from testbed.lab_faults import needs_forging, packet_faults
from testbed.lab_programs import run_program
from testbed.lab_tls import KeyedTrace, lab_tls, needs_tls
from testbed.lab_visit import OUTSIDE, OpenLab, Visit, outside_addresses
from testbed.net import forge
from testbed.net.clock import ScenarioLoop
from testbed.net.faults import PacketFault
from testbed.net.namespace import Network, enter
from testbed.net.wire import Recorder, Wire
from testbed.pcap.write import TraceWriter
from testbed.protocols.events import Event
from testbed.protocols.trigger import Trigger
from testbed.scenario.faults import DialogueFault, HostFault, TlsFault, ZoneFault
from testbed.scenario.hosts import MailHostSpec, NameServerSpec, UserAgentSpec, WebmailSpec
from testbed.scenario.programs import RunStep
from testbed.scenario.readers import opened, reader_of, reads_by_imap, webmail_of
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import EmptyStep, ReadStep, SendStep, Step, WaitStep
from testbed.scenario.talk import TalkStep

LAB = "lab"
_NS = 1_000_000_000
_AFTERMATH_S = 1.0  # scenario time in which open connections may finish closing


def run(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None], visit: Visit | None = None) -> None:
    """Play a scenario and write its trace.  Raises LabError when this machine does not allow a lab.

    ``tell`` hears what is going on, a line at a time.  SIGINT or SIGTERM end the play early; the trace is whole.
    A ``visit`` holds the lab open after the steps.
    """
    if visit is not None:
        scenario = opened(scenario)
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
    scenarios = list(scenarios)
    if any(needs_forging(scenario) for scenario in scenarios):
        forge.preload()
    if any(needs_tls(scenario) for scenario in scenarios):
        certificates.preload()
    if any(reads_by_imap(scenario) for scenario in scenarios):
        import testbed.hosts.imap_server  # noqa: F401


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
        self._writer.names({**names, **dict.fromkeys(forge.ROUTER.values(), "router.lab")})
        self._tls: LabTls | None = None
        recorder: Recorder = self._writer
        if needs_tls(scenario):
            keylog = network.scratch / "tls-keys"
            self._tls = lab_tls(scenario, keylog, self._tls_fault, loop.elapsed_ns)
            recorder = KeyedTrace(self._writer, keylog)
        faults = packet_faults(scenario, addresses)
        self._lines = {id(fault): line for line, fault in faults}
        self._wire = Wire(
            network.wire,
            loop,
            recorder,
            [address for own in addresses.values() for address in own],
            [fault for _, fault in faults],
            self._packet_fault,
        )
        self._sites = {name: self._site(name) for name in scenario.hosts}
        self._hosts = {name: build(scenario, site, addresses) for name, site in self._sites.items()}
        self._crashed: set[str] = set()
        self._starting: set[asyncio.Future[None]] = set()

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
        for fault in self._scenario.faults:
            if isinstance(fault, HostFault) and fault.is_ == "crashed":
                self._loop.call_later(fault.from_ / _NS, self._crash_as_said, fault)
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
            case ReadStep():
                await self._read(step)
            case TalkStep():
                await talk(self._sites[step.sender], step, self._addresses[step.to][0])
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
        await agent.send(draft_of(step))

    async def _read(self, step: ReadStep) -> None:
        await self._settled()  # mail that is on its way is there before it is looked for
        name = reader_of(self._scenario, step)
        agent = self._hosts[name or ""]
        host, _ = self._mailbox(step.mailbox)
        spec = self._scenario.hosts[host]
        assert isinstance(agent, UserAgent)
        assert isinstance(spec, MailHostSpec)
        server = webmail_of(self._scenario, host) if step.via == "web" else host
        await agent.read(
            step, server or host, step.password or spec.mailboxes[step.mailbox.partition("@")[0]].password_to_read
        )

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
        await self._settled()
        for pause in (_AFTERMATH_S, 0.0):
            for host in self._running():
                await host.settled()
            await asyncio.sleep(pause)

    async def _settled(self) -> None:
        for _ in self._hosts:  # one host's last act may be the next one's first
            for host in self._running():
                await host.settled()
            await asyncio.sleep(0)

    async def _close(self, reason: str) -> None:
        for host in self._hosts.values():
            host.inventory()
        for host in self._running():
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

    # -- crashes ------------------------------------------------------------------------------------

    def _running(self) -> list[Host]:
        return [host for name, host in self._hosts.items() if name not in self._crashed]

    def _crash_as_said(self, fault: HostFault) -> None:
        self._log(fault.host)(Event.FAULT, fault.describe(), line=fault.line)
        self._crash(fault.host, None if fault.until is None else fault.until - fault.from_)

    def _crash(self, name: str, restart_ns: int | None) -> None:
        """A mail server's program dies; what is not on disk is lost.  It starts again after so many nanoseconds."""
        host = self._hosts[name]
        if name in self._crashed or not isinstance(host, Relay | Receiver):
            return
        self._crashed.add(name)
        host.crash()
        self._log(name)(Event.CRASHED, "the program has crashed: its connections are reset, its memory is lost")
        if restart_ns is not None:
            self._loop.call_later(restart_ns / _NS, self._restart, name)

    def _restart(self, name: str) -> None:
        self._hosts[name] = build(self._scenario, self._sites[name], self._addresses)
        self._crashed.discard(name)
        self._log(name)(Event.RESTARTED, "the program runs again, with what is on disk")
        starting = asyncio.ensure_future(self._hosts[name].start())
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)

    # -- what hosts and wire get --------------------------------------------------------------------

    def _site(self, name: str) -> Site:
        directory = self._network.scratch / name
        directory.mkdir()
        spoken = [f for f in self._scenario.faults if isinstance(f, DialogueFault) and f.at == name]
        full = [
            f for f in self._scenario.faults if isinstance(f, HostFault) and f.host == name and f.is_ == "full-disk"
        ]
        windows = [(fault, Trigger(from_ns=fault.from_, until_ns=fault.until)) for fault in full]

        def disk_full() -> bool:
            found = [fault for fault, window in windows if window.open_at(self._loop.elapsed_ns())]
            for fault in found:
                self._log(name)(Event.FAULT, fault.describe(), line=fault.line)
            return bool(found)

        as_client = isinstance(self._scenario.hosts[name], UserAgentSpec)
        name_server = next(n for n, host in self._scenario.hosts.items() if isinstance(host, NameServerSpec))
        agents = [n for n, host in self._scenario.hosts.items() if isinstance(host, UserAgentSpec | WebmailSpec)]
        return Site(
            name=name,
            addresses=self._addresses[name],
            directory=directory,
            nameserver=self._addresses[name_server][0],
            log=self._log(name),
            now=lambda: self._loop.now_ns() / _NS,
            dialogue=self._script([f for f in spoken if not as_client and f.as_ == "server"]),
            conduct=self._script([f for f in spoken if as_client or f.as_ == "client"]),
            crash=lambda restart_ns: self._crash(name, restart_ns),
            disk_full=disk_full,
            trusted=frozenset(address for who in (*agents, OUTSIDE) for address in self._addresses.get(who, ())),
            names=self._zone_script(name) if name == name_server else ZoneScript(),
            tls=self._tls,
            real_time=self._loop.real_time,
        )

    def _zone_script(self, name_server: str) -> ZoneScript:
        def fired(fault: ZoneFault) -> None:
            self._log(name_server)(Event.FAULT, fault.describe(), line=fault.line)

        faults = [fault for fault in self._scenario.faults if isinstance(fault, ZoneFault)]
        return ZoneScript(faults, fired, self._loop.elapsed_ns, self._scenario.seed, self._addresses)

    def _script(self, faults: list[DialogueFault]) -> DialogueScript:
        return DialogueScript(faults, self._dialogue_fault, self._loop.elapsed_ns, self._scenario.seed)

    def _log(self, host: str) -> Log:
        def log(event: Event, message: str, **fields: str | int) -> None:
            values = {name: str(value) for name, value in fields.items()}
            values["real_ms"] = f"{self._loop.real_elapsed_ns() / 1e6:.1f}"
            self._writer.log(self._loop.now_ns(), host, event, message, values)

        return log

    def _dialogue_fault(self, fault: DialogueFault) -> None:
        self._log(fault.at)(Event.FAULT, fault.describe(), line=fault.line)

    def _tls_fault(self, fault: TlsFault) -> None:
        self._log(fault.tls)(Event.FAULT, fault.describe(), line=fault.line)

    def _packet_fault(self, fault: PacketFault, frame: int, description: str) -> None:
        self._log("wire")(Event.FAULT, description, line=self._lines[id(fault)], at_frame=frame)

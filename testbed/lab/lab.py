"""A lab from bring-up to its end.

:func:`run` is called in a process of its own (see :mod:`testbed.runner`), because it gives up the machine's network
for good, unless it is to live there.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO

from testbed import __version__, extras
from testbed.durations import SECOND
from testbed.errors import LabError, StepError
from testbed.expect.programs_awaited import patience_s
from testbed.hosts import certificates
from testbed.hosts.dns import resolver
from testbed.hosts.smtp import judge
from testbed.hosts.tls import LabTls
from testbed.lab.addresses import OUTSIDE, addresses_of_nobody, lay_out
from testbed.lab.context import LabContext
from testbed.lab.early_end import EarlyEnd
from testbed.lab.ending_signals import heed, heed_no_more
from testbed.lab.faults import needs_forging
from testbed.lab.guests import Guests
from testbed.lab.hold_open import Holder, OpenLab
from testbed.lab.hosts import LabHosts
from testbed.lab.journal import LAB, Journal
from testbed.lab.look import look
from testbed.lab.network import LabNetwork, lab_network
from testbed.lab.program_environment import KEYLOG, ProgramEnvironment
from testbed.lab.running_faults import RunningFaults
from testbed.lab.shared_clock import SharedClock
from testbed.lab.steps import Steps
from testbed.lab.tls import KeyedTrace, lab_tls, needs_tls
from testbed.net import forge
from testbed.net.clock import Hold
from testbed.net.networks import router_of
from testbed.net.program_time.library import scenario_time_library
from testbed.net.watchdog import HeldTurn, watch
from testbed.net.wire import Recorder
from testbed.pcap.write import TraceWriter
from testbed.protocols import events
from testbed.protocols.events.mailbox import READS_AT_THE_END
from testbed.scenario.checks import checks_mail
from testbed.scenario.faults import TlsFault
from testbed.scenario.network_needs import NetworkKind
from testbed.scenario.readers import opened, reads_by_imap, served_by_program
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import Step

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every client that has left in mid-sentence

_AGAIN_S = 0.01  # after which a lab that is to end is asked again


def run(
    scenario: Scenario,
    trace: BinaryIO,
    tell: Callable[[str], None],
    holder: Holder | None = None,
    network: NetworkKind = NetworkKind.PRIVATE,
) -> None:
    """Play a scenario and write its trace.  Raises LabError when this machine does not allow a lab.

    ``tell`` hears what is going on, a line at a time.  SIGINT, SIGTERM and TIME_IS_UP end the play early; the trace is
    whole.
    A ``holder`` holds the lab open after the steps.
    """
    reads = any(served_by_program(host) for host in scenario.hosts.values())
    if holder is not None:
        without_web = extras.lacking("web")
        scenario = opened(scenario, by_web=not without_web)
        if without_web:
            tell(f"there is no web mail; for one, {without_web}")
    addresses = lay_out(scenario)
    if holder is not None:
        addresses[OUTSIDE] = addresses_of_nobody(scenario, 1)
    if reads:
        addresses[READS_AT_THE_END] = addresses_of_nobody(scenario, 2)
    with lab_network(network, scenario, addresses, held=holder is not None) as carrying:
        loop = carrying.loop
        asyncio.set_event_loop(loop)
        writer = TraceWriter(trace, application=f"Mail Testbed {__version__}")
        context = _bring_up(scenario, addresses, carrying, writer, forwarded=holder is not None)
        lab = _Lab(context, trace, writer, tell, holder)
        loop.set_exception_handler(lab.mishap)
        try:
            loop.run_until_complete(lab.play())
        finally:
            heed_no_more(loop)


def preload(scenarios: Iterable[Scenario]) -> None:
    """Load once what several labs need, before they are forked."""
    scenarios = list(scenarios)
    resolver.preload()
    if any(needs_forging(fault) for scenario in scenarios for fault in scenario.faults):
        forge.preload()
    if any(needs_tls(scenario) for scenario in scenarios):
        certificates.preload()
    if any(reads_by_imap(scenario) for scenario in scenarios):
        import testbed.hosts.mailboxes.imap_server
    if any(checks_mail(scenario) for scenario in scenarios):
        judge.preload()
    if any(scenario.has_programs for scenario in scenarios):
        forge.preload()
        import testbed.trace.inspect  # noqa: F401
    if any(scenario.may_share_clock for scenario in scenarios):
        with contextlib.suppress(LabError):  # each lab says so where it matters
            scenario_time_library()


def _bring_up(
    scenario: Scenario,
    addresses: Mapping[str, tuple[str, ...]],
    network: LabNetwork,
    writer: TraceWriter,
    *,
    forwarded: bool,
) -> LabContext:
    names = {address: name for name, own in addresses.items() for address in own}
    writer.names({**names, **dict.fromkeys((str(router_of(ip_address(one))) for one in names), "router.lab")})
    journal = Journal(writer, network.loop)

    def tls_fault(fault: TlsFault, vain: str) -> None:
        journal.fault(fault.tls, fault, vain)

    tls: LabTls | None = None
    recorder: Recorder = writer
    if needs_tls(scenario):
        keylog = network.scratch / KEYLOG
        tls = lab_tls(scenario, keylog, tls_fault, network.loop.since_begin_ns, forwarded=forwarded)
        recorder = KeyedTrace(writer, keylog)
    crashes: dict[int, Callable[[], None]] = {}
    wire = network.carry(recorder, journal, crashes)
    programs = ProgramEnvironment(scenario, addresses, network.scratch, tls)
    clock = SharedClock(scenario, network)
    return LabContext(scenario, addresses, network, wire, journal, tls, programs, crashes, clock, list(scenario.faults))


class _Lab:
    def __init__(
        self,
        context: LabContext,
        trace: BinaryIO,
        writer: TraceWriter,
        tell: Callable[[str], None],
        holder: Holder | None,
    ) -> None:
        self._context = context
        self._scenario = context.scenario
        self._loop = context.loop
        self._log = context.journal.of(LAB)
        self._writer = writer
        self._trace = trace
        self._tell = tell
        self._holder = holder
        self._mishaps: list[dict[str, object]] = []
        self._playing: asyncio.Future[None] | None = None
        self._time_is_up = False
        self._hosts = LabHosts(context)
        self._over = False  # nobody has anything left to do
        self._so_far = EarlyEnd(context, trace, writer)
        self._steps = Steps(context, self._hosts, self._so_far)

    async def play(self) -> None:
        """Everything from the first step to the end of the trace."""
        self._log(
            events.LabStarted(
                scenario=self._scenario.text,
                case=self._scenario.case,
                network=self._context.network.note,
                file=self._scenario.file,
                seed=self._scenario.seed,
                version=__version__,
            ),
            f"scenario: {self._scenario.title}",
        )
        steps = self._playing = asyncio.ensure_future(self._play_all())

        def time_is_up() -> None:
            if self._over and self._holder is None:
                return  # it ends anyhow
            seconds = round(self._loop.real_elapsed_ns() / SECOND, 3)
            self._hosts.tell_conditions(patience_s(seconds))
            self._log(events.TimeUp(seconds=seconds), f"the lab's time is up after {seconds:.0f} s")
            self._writer.flush()
            self._time_is_up = True
            interrupt()

        def interrupt() -> None:
            # Before Python 3.12 wait_for, which aiosmtplib uses, may lose a cancellation.  Who holds a lab open takes
            # the first one for the sign to end in good order.
            if not steps.done():
                steps.cancel()
                if self._holder is None:
                    self._loop.call_later(_AGAIN_S, interrupt)

        heed(self._loop, interrupt, time_is_up)
        reason = events.ALL_PLAYED
        failure: StepError | None = None
        try:
            await steps
        except asyncio.CancelledError:
            reason = "time is up" if self._time_is_up else "interrupted"
        except StepError as error:
            reason, failure = str(error), error
        await self._close(reason)
        if failure is not None:
            raise failure

    def mishap(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An exception nobody handled ends the lab: a verdict on a broken lab would be worth nothing.

        A connection that cannot be accepted is none: asyncio tries again in a second.
        """
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _EXHAUSTED and "socket" in context:
            return
        self._mishaps.append(context)
        if self._playing is not None:
            self._playing.cancel()

    async def _play_all(self) -> None:
        await self._hosts.start()
        for step in self._scenario.steps if self._holder is None or self._holder.plays_steps else ():
            await self._play(step)
        if self._scenario.settle is not None:
            await self._steps.settle(self._scenario.settle / SECOND)
        await self._hosts.settled()
        self._over = True
        await self._hosts.quiet()
        if self._holder is not None:
            with self._loop.real_time() as hold, watch(self._loop, self._held_up):
                await self._held_open(self._holder, hold)
            await self._hosts.quiet()

    async def _held_open(self, holder: Holder, hold: Hold) -> None:
        async def play(step: Step) -> None:
            with hold.let_go():
                await self._play(step)

        async def settle() -> None:
            with hold.let_go():
                await self._hosts.settled()

        with contextlib.closing(Guests(self._context, hold)) as guests:
            context = self._context
            await holder.hold(
                OpenLab(
                    self._scenario,
                    context.tls.authority.certificate.bytes() if context.tls is not None else b"",
                    context.addresses,
                    self._log,
                    play,
                    settle,
                    context.network.listening,
                    guests,
                    RunningFaults(context, self._hosts),
                    partial(look, context, self._hosts),
                    context.journal.overhear,
                    self._written,
                )
            )

    def _written(self) -> tuple[Path, int]:
        self._writer.flush()
        number = self._trace.fileno()
        return Path(f"/proc/{os.getppid()}/fd/{number}"), os.fstat(number).st_size

    def _held_up(self, turn: HeldTurn) -> None:
        self._log(
            events.HeldUp(culprit=turn.culprit, where=turn.where),
            f"{turn.culprit} has kept everything else from running for more than 50 ms, in {turn.where}",
        )

    async def _play(self, step: Step) -> None:
        self._tell(step.describe())
        self._log(events.Step(line=step.line), step.describe())
        await self._steps.play(step)

    async def _close(self, reason: str) -> None:
        await self._hosts.stop(self._so_far.mail_is_missing, at_once=reason != events.ALL_PLAYED)
        elapsed, real = self._loop.elapsed_ns() / SECOND, self._loop.real_elapsed_ns() / SECOND
        self._log(
            events.LabEnded(scenario_seconds=round(elapsed, 3), real_seconds=round(real, 3), reason=reason),
            f"{reason}: {elapsed:.0f} s of scenario time in {real:.2f} s",
        )
        self._context.clock.close()
        try:
            self._context.wire.close()
        finally:
            self._writer.flush()
        for mishap in self._mishaps:
            error = mishap.get("exception")
            raise error if isinstance(error, BaseException) else RuntimeError(str(mishap.get("message")))

"""Labs held open: for people outside through forwarded ports, and for programs inside.

The first half of this runs in the lab's own process, the second half (:class:`OpenedLab`) is what that process tells
the one the user sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from msgspec import Struct

from testbed.errors import UsageError
from testbed.lab.addresses import OUTSIDE
from testbed.lab.hold_open import OpenLab
from testbed.net.entry import Entry
from testbed.net.forward import HOME, Corridors, Doors
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.text import printable, shortened, shown
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.problems import did_you_mean
from testbed.scenario.program_hosts import ports_of
from testbed.scenario.scenario import Scenario
from testbed.trace.services.table import name_by_port

_SPARE_DOORS = 64
_NOT_FORWARDED = ("dns",)
_OUTSIDE_FROM = 8_000  # port 25 is reached at 8025, that of the next host at 9025
_TRIES = 10
_QUIET = (events.Answered, events.HoldsMail, events.HoldsQueue, events.LabEnded)
_SHOWN_EVERY_S = 0.5  # what the trace holds
_MOST_LINES, _LONGEST_LINE = 50, 300  # that are told in a second


class Forward(Struct, frozen=True):
    """A port of the machine's loopback, and what is reached there."""

    outside: int
    host: str
    port: int


class ListeningService(Struct, frozen=True):
    """What listens in the lab; ``outside`` is the port of the machine's loopback that leads there, 0 for none."""

    host: str
    name: str
    address: str
    port: int
    outside: int


class OpenedLab(Struct, frozen=True):
    """A lab is open: the process it lives in, its services, and the way in for a program it is held open for.

    ``authority`` is the certificate of who has signed its servers', PEM; ``b""`` where none has one.
    """

    pid: int
    services: tuple[ListeningService, ...]
    entry: Entry | None = None
    authority: bytes = b""


class Serving:
    """Holds a lab open until it is told to end, with ports forwarded; made before the lab leaves the machine's network.

    ``tell`` gets one :class:`OpenedLab` when the lab is open, and where it ``overhears``, lines of what is logged then;
    the trace can then be read while it grows.
    Raises UsageError for a port that cannot be had.
    """

    def __init__(
        self,
        scenario: Scenario,
        forwards: Sequence[Forward],
        tell: Connection,
        *,
        plays_steps: bool = True,
        overhears: bool = False,
    ) -> None:
        self.plays_steps = plays_steps
        self._overhears = overhears
        self._tell = tell
        _check(scenario, forwards)
        self._doors = Doors(_SPARE_DOORS)
        self._asked = {(f.host, f.port): (f.outside, self._doors.open_at(f.outside)) for f in forwards}

    async def hold(self, lab: OpenLab) -> None:
        """Forward until cancelled."""
        corridors = Corridors()
        services = []
        for service in _services(lab):
            outside, door = self._asked.pop((service.host, service.port), (0, None))
            if door is None and service.name not in _NOT_FORWARDED:
                door = self._doors.open_near(_near(service.port))
                outside = door.getsockname()[1] if door is not None else 0
            if door is not None:
                told = _Told(lab, service, outside)
                source = _same_family(lab.addresses[OUTSIDE], service.address)
                await corridors.open(door, service.address, service.port, source, told)
            services.append(ListeningService(service.host, service.name, service.address, service.port, outside))
        self._doors.close()
        for (host, port), (outside, door) in self._asked.items():
            door.close()
            services.append(ListeningService(host, "nobody listens", lab.addresses[host][0], port, outside))
        self._tell.send(OpenedLab(os.getpid(), tuple(services), authority=lab.authority))
        showing = None
        if self._overhears:
            lab.overhear(_Overheard(self._tell))
            showing = asyncio.ensure_future(_shown_so_far(lab))
        try:
            await _until_cancelled()
        finally:
            if showing is not None:
                showing.cancel()
            await corridors.close()


class InsideOnly:
    """Holds a lab open for programs on one of its hosts.

    With ``on_clock`` one of them lives in scenario time: the one whose process's number comes by ``line``.
    """

    def __init__(self, host: str, line: Connection, *, plays_steps: bool = True, on_clock: bool = False) -> None:
        self.plays_steps = plays_steps
        self._host = host
        self._line = line
        self._on_clock = on_clock

    async def hold(self, lab: OpenLab) -> None:
        """Wait until cancelled."""
        entry = lab.guests.entry(self._host, on_clock=self._on_clock)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._line.fileno(), self._follow, lab, entry)
        self._line.send(OpenedLab(os.getpid(), tuple(_services(lab)), entry))
        try:
            await _until_cancelled()
        finally:
            loop.remove_reader(self._line.fileno())

    def _follow(self, lab: OpenLab, entry: Entry) -> None:
        try:
            lab.guests.follow(self._line.recv(), entry)
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._line.fileno())


def speaker(scenario: Scenario, named: str | None) -> str:
    """The host whose address programs speak from: the one named, else the first user agent.  Raises UsageError."""
    if named is None:
        hosts = scenario.hosts.items()
        agents = [name for name, host in hosts if isinstance(host, UserAgentSpec) and not host.is_program]
        return agents[0] if agents else OUTSIDE
    if named not in scenario.hosts:
        raise UsageError(
            f"there is no host '{named[:60]}' in {shown(scenario.file)}{did_you_mean(named, scenario.hosts)}"
        )
    return named


class _Overheard:
    """Tells what hosts log, a line each, while somebody looks on; of a flood the rest is counted.

    Lines wait in a pipe that is read ten times a second, so what is told in a second is far less than it holds.
    """

    def __init__(self, tell: Connection) -> None:
        self._tell = tell
        self._second, self._told, self._left_out = 0, 0, 0

    def __call__(self, host: str, event: events.LogEvent, message: str) -> None:
        if isinstance(event, _QUIET):
            return
        now = int(time.monotonic())
        if now != self._second:
            left_out, self._second, self._told, self._left_out = self._left_out, now, 0, 0
            if left_out:
                self._say(f"… {count(left_out, 'line')} more, which are in the trace")
        self._told += 1
        if self._told <= _MOST_LINES:
            self._say(f"{host}: {shortened(message, _LONGEST_LINE)}")
        else:
            self._left_out += 1

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._tell.send(printable(line))


class _Told:
    """Logs who comes in by one door."""

    def __init__(self, lab: OpenLab, service: ListeningService, outside: int) -> None:
        self._lab = lab
        self._service = service
        self._outside = outside

    def __call__(self, failure: str) -> None:
        where = f"{self._service.host} port {self._service.port}"
        what = f"cannot be connected to {where}: {failure}" if failure else f"is connected to {where}"
        self._lab.log(events.Visited(to=self._service.host), f"somebody at port {self._outside} outside {what}")


def _services(lab: OpenLab) -> list[ListeningService]:
    """One for each host and port that listens, in the order of the hosts; of programs, those they are awaited at."""
    listening = lab.listening()
    for host, spec in lab.scenario.hosts.items():
        if spec.is_program:
            listening += [(address, port) for address in lab.addresses[host] for port in ports_of(spec)]
    found = []
    for host, own in lab.addresses.items():
        for port in sorted({port for address, port in listening if address in own}):
            address = next(address for address in own if (address, port) in listening)
            found.append(ListeningService(host, name_by_port("tcp", port) or "tcp", address, port, 0))
    return found


def _near(port: int) -> list[int]:
    if port >= 1_000:
        return [port]
    return [_OUTSIDE_FROM + 1_000 * number + port for number in range(_TRIES)]


def _same_family(own: tuple[str, ...], address: str) -> str:
    return next(a for a in own if (":" in a) == (":" in address))


def _check(scenario: Scenario, forwards: Sequence[Forward]) -> None:
    for forward in forwards:
        if forward.host not in scenario.hosts:
            near = did_you_mean(forward.host, scenario.hosts)
            raise UsageError(f"--forward: there is no host '{forward.host[:60]}' in {shown(scenario.file)}{near}")


async def _shown_so_far(lab: OpenLab) -> None:
    """Let others read the trace while it grows."""
    while True:
        lab.written()
        await asyncio.sleep(_SHOWN_EVERY_S)


async def _until_cancelled() -> None:
    """Wait for Ctrl-C, which is the orderly end of a lab held open."""
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()


__all__ = [
    "HOME",
    "Forward",
    "InsideOnly",
    "ListeningService",
    "OpenedLab",
    "Serving",
    "speaker",
]

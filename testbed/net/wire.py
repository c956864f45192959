"""The wire: every packet of the lab passes through here, and is recorded where it passes or perishes.

It reads the TUN device inside the hosts' own event loop.  The path of a packet no fault cares about is kept short.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct

from testbed.durations import SECOND
from testbed.net import forge
from testbed.net.clock import ScenarioLoop
from testbed.net.faults import Action, PacketFault
from testbed.net.front import Front
from testbed.net.kernel_timers import Waiting
from testbed.net.networks import LOOPBACK, network_of
from testbed.net.packet import Kind, Packet, look
from testbed.net.repetitions import Repetitions, Sending
from testbed.net.stuck import Stuck

_BATCH = 64  # packets per turn, so that hosts get theirs
_MAX_PACKET = 2_048  # more than the device's MTU; a small buffer is a cheap one
_TCP, _UDP, _SYN = 6, 17, 0x02
# The longest a kernel delays an acknowledgement is 200 ms; what arrives later than half of what a route's TCP waits at
# least (netlink.py) may be repeated for that reason.
_ACK_COMES_S, _LATE_NS = 0.3, 250_000_000


def _networks(addresses: Iterable[str]) -> tuple[bytes, bytes]:
    """How addresses of the lab begin, in IPv4 and in IPv6."""
    begins = {4: network_of(LOOPBACK), 6: network_of(IPv6Address("fd00::"))}
    begins |= {address.version: network_of(address) for address in map(ip_address, addresses)}
    v4, v6 = (network.network_address.packed[: network.prefixlen // 8] for network in begins.values())
    return v4, v6


class Recorder(Protocol):
    """Who keeps the packets."""

    def packet(self, time_ns: int, data: bytes, *, lost: bool = False, comment: str = "") -> int:
        """Keep one packet and give its frame number."""


OnFault = Callable[[PacketFault, int, Action], None]
"""Hears of a fault, the frame it struck, and what it did."""


OnForeign = Callable[[Packet, int], None]
"""Hears of a packet that would have left the lab, and its frame."""


OnNeedless = Callable[[Packet], None]
"""Hears of a packet that is not carried, because its sender would not have sent it again on an idle machine."""


class Wire:
    """Carries packets between the addresses of a lab.  ``faults`` strike in order; the first that acts decides.

    ``own_devices`` are those of hosts with a network of their own, by address; all others are behind ``device``.  What
    is sent to an address outside the lab's networks is refused, as by a router at whose filter it stops.  Where TCP is
    ``hasty``, the wire looks at all packets, else only at handshakes and those that faults are about.  ``front`` stands
    before programs; what passes between it and them is no packet of the lab, and not recorded.
    """

    def __init__(
        self,
        device: int,
        loop: ScenarioLoop,
        recorder: Recorder,
        addresses: Iterable[str],
        faults: Sequence[PacketFault] = (),
        on_fault: OnFault = lambda fault, frame, action: None,
        own_devices: Mapping[str, int] = MappingProxyType({}),
        on_foreign: OnForeign = lambda packet, frame: None,
        on_needless: OnNeedless = lambda packet: None,
        *,
        hasty: bool = True,
        front: Front | None = None,
    ) -> None:
        self._device = device
        self._own_devices = {ip_address(address).packed: own for address, own in own_devices.items()}
        self._front = front
        self._devices = list(dict.fromkeys((device, *own_devices.values(), *([front.device] if front else []))))
        self._on_foreign = on_foreign
        self._on_needless = on_needless
        self._hasty = hasty
        self._repetitions = Repetitions(opening_only=not hasty)
        self._emptied = dict.fromkeys(self._devices, 0)
        self._early: list[_Early] = []
        self._last_s = loop.time()
        self._closed = False
        self._loop = loop
        self._recorder = recorder
        self._on_fault = on_fault
        self._addresses = list(addresses)
        self.face(faults)
        self._v4, self._v6 = _networks(self._addresses)
        for one in self._devices:
            loop.add_reader(one, self._drain, one)
        self._stuck = Stuck()
        self._held: dict[tuple[str, str], list[_Held]] = {}
        loop.leads_on = self._leads_on

    def face(self, faults: Sequence[PacketFault]) -> None:
        """Have these faults strike from now on, in this order."""
        self._faults = tuple(faults)
        self._by_pair = _by_pair(self._addresses, self._faults)

    def close(self) -> None:
        """Stop carrying."""
        self._closed = True
        for device in self._devices:
            self._loop.remove_reader(device)
            os.close(device)

    def quiet_s(self) -> float:
        """For how many seconds no packet has come."""
        return self._loop.time() - self._last_s

    def _drain(self, device: int) -> None:
        read, write, home, own_devices, front = os.read, os.write, self._device, self._own_devices, self._front
        record, now_ns, by_pair = self._recorder.packet, self._loop.now_ns, self._by_pair
        hasty, opening, v4, v6 = self._hasty, self._repetitions.opening, self._v4, self._v6
        self._last_s = self._loop.time()
        for _ in range(_BATCH):
            try:
                data = read(device, _MAX_PACKET)
            except BlockingIOError:
                self._emptied[device] += 1
                return
            if data[0] >> 4 == 4:
                pair = data[12:20]
                foreign = not data.startswith(v4, 16)
                opens = data[9] == _TCP and data[33] & _SYN
            else:
                pair = data[8:40]
                foreign = not data.startswith(v6, 24)
                opens = data[6] == _TCP and data[53] & _SYN
                if data[24] == 0xFF:
                    continue  # IPv6 multicast is the kernel talking to itself
            if front is not None and (inner := front.behind(data, device)) is not None:
                write(inner, data)
            elif foreign:
                self._refuse(look(data))
            elif hasty or opens or opening or pair in by_pair:
                self._judge(by_pair.get(pair, ()), look(data), device)
            else:
                record(now_ns(), data)
                write(self._goal(data, pair[len(pair) // 2 :]) if own_devices else home, data)

    def _refuse(self, packet: Packet) -> None:
        """Nothing leaves the lab; whoever tries is told at once (RFC 1812 §5.2.7.1), except by an ICMP message."""
        frame = self._recorder.packet(self._loop.now_ns(), packet.data, lost=True, comment="refused: it leaves the lab")
        if packet.protocol in (_TCP, _UDP):
            answer = forge.unreachable(packet, "prohibited")
            self._recorder.packet(self._loop.now_ns(), answer, comment="sent by the wire")
            self._deliver(answer)
        self._on_foreign(packet, frame)

    def _judge(self, faults: Sequence[PacketFault], packet: Packet, device: int) -> None:
        """Keep back what is sent again only because the acknowledgement is late."""
        match self._repetitions.judge(packet, self._emptied[device]):
            case Sending.NEW:
                self._strike(faults, packet)
            case Sending.NEEDLESS:
                self._on_needless(packet)
            case Sending.EARLY:
                early = _Early(faults, packet, device)
                self._early.append(early)
                self._loop.call_later(_ACK_COMES_S, self._carry_early, early)

    def _carry_early(self, early: _Early) -> None:
        """No acknowledgement has come: the packet has not arrived, for whatever reason."""
        if early in self._early and not self._closed:
            self._early.remove(early)
            self._strike(early.faults, early.packet)

    def _judge_early(self) -> None:
        """Judge again those that wait for an acknowledgement."""
        waiting, self._early = self._early, []
        for early in waiting:
            sending = self._repetitions.judge(early.packet, self._emptied[early.device])
            if sending is Sending.NEEDLESS:
                self._on_needless(early.packet)
            else:
                self._early.append(early)

    def _strike(self, faults: Sequence[PacketFault], packet: Packet) -> None:
        now_ns = self._loop.since_begin_ns()
        for fault in faults:
            action = fault.act(packet, now_ns)
            if action is not None:
                self._stuck.struck(fault, action, packet)
                refused = packet.kind is Kind.SYN and bool(action.answers)
                touched = (action.in_vain and not refused) or action.behind > 0 or action.delay_ns > _LATE_NS
                self._repetitions.carried(packet, touched=touched)
                if action.behind:
                    held = _Held(action.behind, packet.data, partial(self._suffer, fault, action, packet, now_ns))
                    self._held.setdefault((packet.source, packet.destination), []).append(held)
                else:
                    self._suffer(fault, action, packet, now_ns)
                break
        else:
            self._stuck.passed(packet)
            self._repetitions.carried(packet, touched=False)
            self._recorder.packet(self._loop.now_ns(), packet.data)
            self._arrive(packet)
        if self._held:
            self._release(packet)

    def _suffer(self, fault: PacketFault, action: Action, packet: Packet, now_ns: int) -> None:
        comment, data = f"fault: {action.what}", action.data or packet.data
        frame = self._recorder.packet(self._loop.now_ns(), data, lost=action.lost, comment=comment)
        if not action.follows:
            self._on_fault(fault, frame, action)
        self._perform(action, packet, data, now_ns)

    def _perform(self, action: Action, packet: Packet, data: bytes, now_ns: int) -> None:
        arrive = partial(self._deliver, data) if action.void else partial(self._arrive, look(data))
        for copy in range(action.copies):
            if copy:
                self._recorder.packet(self._loop.now_ns(), data, comment="fault: the duplicate")
            if action.delay_ns:
                self._loop.call_at((self._loop.began_ns + now_ns + action.delay_ns) / SECOND, arrive)
            else:
                arrive()
        for answer in action.answers:
            self._recorder.packet(self._loop.now_ns(), answer, comment="fault: sent by the wire")
            arriving = look(answer)
            device = self._arrive(arriving)
            if packet.kind is Kind.SYN and not arriving.is_tcp:
                self._repetitions.refused(packet, self._emptied[device])

    def _release(self, passed: Packet) -> None:
        """Let go what was held back until a packet of its direction had passed."""
        held = self._held.get((passed.source, passed.destination), [])
        for one in [one for one in held if one.data is not passed.data]:
            one.behind -= 1
            if not one.behind:
                held.remove(one)
                one.go()

    def _arrive(self, packet: Packet) -> int:
        """Deliver a packet to a device, which is given back, and remember what it acknowledges."""
        device = self._deliver(packet.data)
        self._repetitions.arrived(packet, self._emptied[device])
        if self._early:
            self._judge_early()
        return device

    def _deliver(self, data: bytes) -> int:
        """Write a packet to a device, which is given back."""
        device = self._goal(data, data[16:20] if data[0] >> 4 == 4 else data[24:40])
        if not self._closed:  # a delayed packet may come too late
            os.write(device, data)
        return device

    def _goal(self, data: bytes, destination: bytes) -> int:
        """The device that a packet to an address is for."""
        ahead = self._front.ahead(data) if self._front is not None else None
        return self._own_devices.get(destination, self._device) if ahead is None else ahead

    def _leads_on(self, socket: Waiting) -> bool:
        """Whether something will come of what a socket repeats: nothing does while the wire swallows it."""
        now_ns = self._loop.since_begin_ns()
        if socket.probes:
            return self._stuck.starved(socket, now_ns)
        here, there = socket.local[0], socket.remote[0]
        if any(f.swallows(here, there, now_ns) or f.swallows(there, here, now_ns) for f in self._faults):
            return False
        return not self._stuck.holds(socket, now_ns)


class _Early(Struct, frozen=True, eq=False):
    """A repetition that waits for the acknowledgement of what it repeats."""

    faults: Sequence[PacketFault]
    packet: Packet
    device: int


@dataclass(slots=True, eq=False)
class _Held:
    """A packet that waits until so many later ones have passed."""

    behind: int
    data: bytes
    go: Callable[[], None]


def _by_pair(addresses: list[str], faults: Sequence[PacketFault]) -> dict[bytes, list[PacketFault]]:
    table: dict[bytes, list[PacketFault]] = {}
    for fault in faults:
        for source, destination in fault.pairs(addresses):
            if (":" in source) == (":" in destination):
                table.setdefault(ip_address(source).packed + ip_address(destination).packed, []).append(fault)
    return table

"""The wire: every packet of the lab passes through here, and is recorded where it passes or perishes.

It reads the TUN device inside the hosts' own event loop.  The path of a packet no fault cares about is kept short.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Protocol

from testbed.net.clock import ScenarioLoop
from testbed.net.faults import Action, PacketFault
from testbed.net.packet import Packet, look

_BATCH = 64  # packets per turn, so that hosts get theirs
_MAX_PACKET = 2_048  # more than the device's MTU; a small buffer is a cheap one
_NS = 1_000_000_000


class Recorder(Protocol):
    """Who keeps the packets."""

    def packet(self, time_ns: int, data: bytes, *, lost: bool = False, comment: str = "") -> int:
        """Keep one packet and give its frame number."""


OnFault = Callable[[PacketFault, int, str], None]
"""Hears of a fault, the frame it struck, and what it did."""


class Wire:
    """Carries packets between the addresses of a lab.  ``faults`` strike in order; the first that acts decides."""

    def __init__(
        self,
        device: int,
        loop: ScenarioLoop,
        recorder: Recorder,
        addresses: Iterable[str],
        faults: Sequence[PacketFault] = (),
        on_fault: OnFault = lambda fault, frame, what: None,
    ) -> None:
        self._device = device
        self._closed = False
        self._loop = loop
        self._recorder = recorder
        self._faults = faults
        self._on_fault = on_fault
        self._by_pair = _by_pair(list(addresses), faults)
        loop.add_reader(device, self._drain)
        loop.swallowed = self._swallowed

    def close(self) -> None:
        """Stop carrying."""
        self._closed = True
        self._loop.remove_reader(self._device)
        os.close(self._device)

    def _drain(self) -> None:
        device, read, write = self._device, os.read, os.write
        record, now_ns, by_pair = self._recorder.packet, self._loop.now_ns, self._by_pair
        for _ in range(_BATCH):
            try:
                data = read(device, _MAX_PACKET)
            except BlockingIOError:
                return
            if data[0] >> 4 == 4:
                pair = data[12:20]
            else:
                pair = data[8:40]
                if data[24] == 0xFF:
                    continue  # IPv6 multicast is the kernel talking to itself
            if pair in by_pair:
                self._strike(by_pair[pair], look(data))
            else:
                record(now_ns(), data)
                write(device, data)

    def _strike(self, faults: Sequence[PacketFault], packet: Packet) -> None:
        now_ns = self._loop.elapsed_ns()
        for fault in faults:
            action = fault.act(packet, now_ns)
            if action is not None:
                comment = f"fault: {action.what}"
                frame = self._recorder.packet(self._loop.now_ns(), packet.data, lost=action.lost, comment=comment)
                self._on_fault(fault, frame, action.what)
                self._perform(action, packet)
                return
        self._recorder.packet(self._loop.now_ns(), packet.data)
        self._deliver(packet.data)

    def _perform(self, action: Action, packet: Packet) -> None:
        for copy in range(action.copies):
            if copy:
                self._recorder.packet(self._loop.now_ns(), packet.data, comment="fault: the duplicate")
            if action.delay_ns:
                self._loop.call_later(action.delay_ns / _NS, self._deliver, packet.data)
            else:
                self._deliver(packet.data)
        for answer in action.answers:
            self._recorder.packet(self._loop.now_ns(), answer, comment="fault: sent by the wire")
            self._deliver(answer)

    def _deliver(self, data: bytes) -> None:
        if not self._closed:  # a delayed packet may come too late
            os.write(self._device, data)

    def _swallowed(self, address: str) -> bool:
        now_ns = self._loop.elapsed_ns()
        return any(fault.swallows(address, now_ns) for fault in self._faults)


def _by_pair(addresses: list[str], faults: Sequence[PacketFault]) -> dict[bytes, list[PacketFault]]:
    table: dict[bytes, list[PacketFault]] = {}
    for fault in faults:
        for source, destination in fault.pairs(addresses):
            if (":" in source) == (":" in destination):
                table.setdefault(ip_address(source).packed + ip_address(destination).packed, []).append(fault)
    return table

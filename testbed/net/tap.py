"""The tap of a lab on the machine's own loopback: a packet socket (packet(7)) that hears the lab's packets only.

It is read inside the hosts' event loop, before anything that a packet has caused is acted on, before an entry of the
log is written, and before time jumps.  So packets and log lie in the trace in the order in which they happened.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Callable

from testbed.durations import SECOND
from testbed.errors import LabError, StepError, reason
from testbed.net.clock import ScenarioLoop
from testbed.net.kernel_timers import Waiting
from testbed.net.machine import in_a_sentence, this_machine
from testbed.net.packet import Kind, look
from testbed.net.packet_socket import OUTGOING, dropped, packet_socket
from testbed.net.ports import Ports
from testbed.net.translate import ICMP, UDP, ports_of, translated
from testbed.net.wire import Recorder

LOOPBACK = "lo"
_NOT_PERMITTED = (
    "packets of the machine's loopback may not be captured by this user, and without them nothing can be judged"
)

_ETH_P_IP = 0x0800
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_MAX_PACKET = 65_536

# Classic BPF (linux/filter.h); what comes back is how much of a packet is wanted.
_LOAD_WORD, _LOAD_HALF_AT_X, _LOAD_OCTET, _X_FROM_HEADER = 0x20, 0x48, 0x30, 0xB1
_IF_EQUAL, _IF_AT_LEAST, _IF_MORE, _RETURN = 0x15, 0x35, 0x25, 0x06
_PACKET_KIND = 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PKTTYPE

OnRefusal = Callable[[str, int], None]
"""Hears of an address at which a closed port was asked for, and the frame."""

OnAnswer = Callable[[str], None]
"""Hears of an address that a datagram went to, and not to a service there."""


class Tap:
    """Records what goes to or from the ports of a lab, as the wire of a private network does.

    Raises LabError when this user may not capture.
    """

    def __init__(
        self,
        loop: ScenarioLoop,
        recorder: Recorder,
        ports: Ports,
        on_refusal: OnRefusal = lambda address, frame: None,
        on_answer: OnAnswer = lambda address: None,
    ) -> None:
        self._loop = loop
        self._recorder = recorder
        self._ports = ports
        self._on_refusal = on_refusal
        self._on_answer = on_answer
        self._reading = False
        self._last_ns = loop.now_ns()
        self._socket = _open(ports)
        loop.on_turn = self.read
        loop.leads_on = self._leads_on

    def read(self) -> None:
        """Record what has passed since."""
        if self._reading:
            return  # an entry of the log, about a packet being recorded
        self._reading = True
        try:
            while True:
                data, control, _, _ = self._socket.recvmsg(_MAX_PACKET, 64)
                self._record(data, control)
        except BlockingIOError:
            pass
        finally:
            self._reading = False

    def close(self) -> None:
        """Record what is left, and stop.  Raises StepError when the kernel has dropped packets."""
        self.read()
        self._loop.on_turn = lambda: None
        lost = dropped(self._socket)
        self._socket.close()
        if lost:
            raise StepError(
                f"the kernel dropped {lost:,} packets of the capture, so the trace is not whole; "
                "allow a larger buffer with 'sysctl -w net.core.rmem_max=33554432', or run as root"
            )

    def quiet_s(self) -> float:
        """For how many seconds no packet has come."""
        return (self._loop.now_ns() - self._last_ns) / SECOND

    def _record(self, data: bytes, control: list[tuple[int, int, bytes]]) -> None:
        ports = ports_of(data)
        if ports is None or not any(self._ports.first <= port <= self._ports.last for port in ports):
            return  # an ICMP message of somebody else's
        self._last_ns = min(self._loop.now_ns(), max(self._last_ns, self._loop.date_ns(_time_ns(control))))
        looked_at = data[9] == UDP or (data[9] != ICMP and self._ports.is_closed(ports[1]))
        packet = look(data) if looked_at else None
        refused = packet is not None and self._ports.is_closed(ports[1]) and packet.kind in (Kind.SYN, Kind.OTHER)
        whole = translated(data, self._ports.service)
        frame = self._recorder.packet(self._last_ns, whole, comment="fault: refused" if refused else "")
        if packet is None:
            return
        if refused:
            self._on_refusal(packet.destination, frame)
        elif not packet.is_tcp and not self._ports.first <= ports[1] <= self._ports.last:
            self._on_answer(packet.destination)

    def _leads_on(self, waiting: Waiting) -> bool:
        """Whether a socket is the lab's, and something will come of what it repeats."""
        ours = any(self._ports.first <= port <= self._ports.last for _, port in (waiting.local, waiting.remote))
        return ours and (not waiting.probes or waiting.reopens)


def _open(ports: Ports) -> socket.socket:
    try:
        tap = packet_socket(socket.SOCK_DGRAM)
    except PermissionError:
        raise LabError(_NOT_PERMITTED, in_a_sentence(this_machine().allow_captures())) from None
    except (OSError, AttributeError) as error:
        raise LabError(f"packets of the machine's loopback cannot be captured here: {error}") from error
    try:
        program = _filter(ports.first, ports.last)
        octets = ctypes.create_string_buffer(program, len(program))
        tap.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program) // 8, ctypes.addressof(octets))
        )
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        tap.bind((LOOPBACK, _ETH_P_IP))
    except OSError as error:
        tap.close()
        raise LabError(f"the interface {LOOPBACK} cannot be captured: {reason(error)}; is it up?") from error
    return tap


def _filter(first: int, last: int) -> bytes:
    """Coming in (on loopback every packet also goes out), and ICMP, or TCP or UDP with a port of the range."""
    steps = (
        (_LOAD_WORD, 0, 0, _PACKET_KIND),
        (_IF_EQUAL, 11, 0, OUTGOING),  # to the last but one: none
        (_LOAD_OCTET, 0, 0, 9),  # protocol
        (_IF_EQUAL, 10, 0, ICMP),  # to the last: all
        (_IF_EQUAL, 1, 0, 6),
        (_IF_EQUAL, 0, 7, 17),
        (_X_FROM_HEADER, 0, 0, 0),
        (_LOAD_HALF_AT_X, 0, 0, 0),  # source port
        (_IF_AT_LEAST, 0, 1, first),
        (_IF_MORE, 0, 4, last),
        (_LOAD_HALF_AT_X, 0, 0, 2),  # destination port
        (_IF_AT_LEAST, 0, 1, first),
        (_IF_MORE, 0, 1, last),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0x40000),
    )
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _time_ns(control: list[tuple[int, int, bytes]]) -> int:
    """When a packet was captured, nanoseconds since the epoch."""
    for level, kind, value in control:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, ns = struct.unpack_from("ll", value)
            return int(seconds) * SECOND + int(ns)
    return 0

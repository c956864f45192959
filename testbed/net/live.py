"""Live captures of the machine's own interfaces, as a stream of pcap octets.

Wireshark's dumpcap does it where it is installed and this user may run it; else a packet socket of our own (packet(7)).
"""

from __future__ import annotations

import math
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Literal

from testbed.durations import SECOND
from testbed.errors import LabError, reason
from testbed.interruption import SIGNALS
from testbed.net.interfaces import ANY, check, hardware_type
from testbed.net.machine import in_a_sentence, this_machine
from testbed.net.orphans import die_with_parent
from testbed.net.packet_socket import OUTGOING, SOL_PACKET, dropped, packet_socket
from testbed.protocols.text import printable

_SNAP_LENGTH = 262_144
_BUFFER_MIB = 32  # of packets, kept by the kernel while nobody reads
_BEAT = 0.5  # seconds
_START_LIMIT, _END_LIMIT = 10.0, 5.0  # seconds dumpcap may take to begin, and to end

_ETH_P_ALL = 3
_ADD_MEMBERSHIP, _AUXDATA, _PROMISCUOUS = 1, 8, 1
_SO_TIMESTAMPING = 37
_STAMPED_BY_SOFTWARE = 1 << 3 | 1 << 4  # SOF_TIMESTAMPING_RX_SOFTWARE, SOF_TIMESTAMPING_SOFTWARE
_VLAN_VALID, _TPID_VALID, _VLAN = 0x10, 0x40, 0x8100
_ARPHRD_ETHER, _ARPHRD_LOOPBACK, _ARPHRD_NONE = 1, 772, 0xFFFE
_ETHERNET, _RAW, _SLL2 = 1, 101, 276  # LINKTYPE_ numbers
_LINK_TYPES = {_ARPHRD_ETHER: _ETHERNET, _ARPHRD_LOOPBACK: _ETHERNET, _ARPHRD_NONE: _RAW}
_DROPPED = re.compile(r"received/dropped on interface .*: \d+/(\d+) ")


@contextmanager
def live(
    interface: str,
    *,
    seconds: float | None = None,
    packets: int | None = None,
    through: Literal["dumpcap", "socket"] | None = None,
) -> Iterator[Source]:
    """Capture what an interface carries, or all of them (``any``), until stopped.

    The capture ends after ``seconds``, after ``packets``, or with the first signal to end, if this is the main thread:
    then what is captured already can still be read.  ``through`` names the only way to try.  Raises CaptureError when
    there is no such interface or it is down, and LabError when this user may not capture.
    """
    check(interface)
    source = _open(interface, math.inf if seconds is None else seconds, packets, through)
    try:
        with _interruptible(source.stop):
            yield source
    finally:
        source.close()


class Source:
    """A live capture.  When it has ended, ``problems`` tells what was lost, in sentences."""

    def __init__(self, descriptor: int, seconds: float) -> None:
        self.problems: list[str] = []
        self.stopped_ns = 0  # since the epoch
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._beat, self._end = time.monotonic() + _BEAT, time.monotonic() + seconds

    def read(self, octets: int) -> bytes | None:
        """Some pcap octets, None every half second, ``b""`` at the end; never waits longer than that."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the capture.  A signal handler may do so."""
        self.stopped_ns = self.stopped_ns or time.time_ns()

    def close(self) -> None:
        """Let go of everything."""
        raise NotImplementedError

    def _ready(self) -> bool:
        """Wait until there is something to read, or for the beat or the end, which stops the capture."""
        now = time.monotonic()
        limit = self._beat if self.stopped_ns else min(self._beat, self._end)
        if now < limit and self._poll.poll(math.ceil((limit - now) * 1000)):
            return True
        now = time.monotonic()
        if now >= self._end and not self.stopped_ns:
            self.stop()
        if now >= self._beat:
            self._beat = now + _BEAT
        return False

    def _tell(self, lost: int, reason: str = "") -> None:
        if lost:
            self.problems.append(f"the kernel dropped {lost:,} packets: they came faster than they were read")
        if reason:
            self.problems.append(f"the capture ended early: {reason}")


class DumpcapSource(Source):
    """What dumpcap writes.  Raises LabError when it cannot capture."""

    def __init__(self, program: str, interface: str, seconds: float, packets: int | None) -> None:
        limit = [] if packets is None else ["-c", str(packets)]
        options = ["-q", "-i", interface, "-s", str(_SNAP_LENGTH), "-B", str(_BUFFER_MIB), *limit]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        self._process = subprocess.Popen(
            [program, *options, "-P", "-w", "-"],
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )
        assert self._process.stdout
        self._descriptor = self._process.stdout.fileno()
        super().__init__(self._descriptor, seconds)
        self._first = os.read(self._descriptor, _SNAP_LENGTH) if self._poll.poll(_START_LIMIT * 1000) else b""
        if not self._first:
            self._process.kill()
            _, reason = self._ended()
            self.close()
            raise LabError(f"{interface}: dumpcap cannot capture: {reason}")

    def read(self, octets: int) -> bytes | None:
        first, self._first = self._first, b""
        if first:
            return first
        if not self._ready():
            if self.stopped_ns and time.time_ns() > self.stopped_ns + _END_LIMIT * SECOND:
                self._process.kill()
            return None
        found = os.read(self._descriptor, octets)
        if not found:
            self._tell(*self._ended())
        return found

    def stop(self) -> None:
        super().stop()
        self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        with self._process, self._said:
            self._process.kill()

    def _ended(self) -> tuple[int, str]:
        """The packets dropped, and why dumpcap ended by itself."""
        status = self._process.wait()
        self._said.seek(0)
        said = self._said.read(_SNAP_LENGTH).decode("utf-8", "replace")
        dropped, reasons = _DROPPED.search(said), re.findall("^dumpcap: (.*)$", said, re.MULTILINE)
        reason = printable(reasons[-1]) if reasons else f"it ended with status {status}"
        return int(dropped[1]) if dropped else 0, reason if status else ""


class SocketSource(Source):
    """What a packet socket gives, as pcap with nanoseconds.  Raises PermissionError."""

    def __init__(self, interface: str, seconds: float, packets: int | None) -> None:
        hardware = _ARPHRD_ETHER if interface == ANY else hardware_type(interface)
        self._link = _SLL2 if interface == ANY else _LINK_TYPES.get(hardware, _SLL2)
        kind = socket.SOCK_DGRAM if self._link == _SLL2 else socket.SOCK_RAW
        protocol = socket.htons(_ETH_P_ALL) if interface == ANY else 0  # 0: nothing before it is bound
        self._socket = packet_socket(kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _STAMPED_BY_SOFTWARE)
            self._socket.setsockopt(SOL_PACKET, _AUXDATA, 1)
            if interface != ANY:
                self._socket.bind((interface, _ETH_P_ALL))
                member = struct.pack("iHH8x", socket.if_nametoindex(interface), _PROMISCUOUS, 0)
                self._socket.setsockopt(SOL_PACKET, _ADD_MEMBERSHIP, member)
        except OSError:
            self._socket.close()
            raise
        super().__init__(self._socket.fileno(), seconds)
        self._left = math.inf if packets is None else packets
        self._view = memoryview(bytearray(_SNAP_LENGTH))
        self._indexes: dict[str, int] = {}
        self._first = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, _SNAP_LENGTH, self._link)
        self._over = False

    def read(self, octets: int) -> bytes | None:
        if not (self._over or self.stopped_ns or self._ready()):
            return None
        found, self._first = bytearray(self._first), b""
        while len(found) < octets and not self._over:
            try:
                found += self._record()
            except BlockingIOError:
                self._over = bool(self.stopped_ns)
                break
            except OSError as error:
                self._over = True
                self._tell(0, reason(error))
        if self._over and not found:
            self._tell(dropped(self._socket))
        return bytes(found) if found or self._over else None

    def close(self) -> None:
        self._socket.close()

    def _record(self) -> bytes:
        """The next packet as a pcap record, empty for one that is not wanted.  Raises OSError."""
        size, control, _, address = self._socket.recvmsg_into([self._view], 256, socket.MSG_TRUNC)
        name, protocol, kind, hardware, sender = address
        if kind == OUTGOING and hardware == _ARPHRD_LOOPBACK:
            return b""  # comes in again
        time_ns, tag = _time_and_tag(control)
        time_ns = time_ns or self.stopped_ns or time.time_ns()
        if self.stopped_ns and time_ns > self.stopped_ns:
            self._over = True
            return b""
        self._left -= 1
        self._over = self._left <= 0
        data = self._view[:size]
        if self._link == _SLL2:
            if name not in self._indexes:
                with suppress(OSError):  # it may be gone
                    self._indexes[name] = socket.if_nametoindex(name)
            index = self._indexes.get(name, 0)
            head = struct.pack(">HHIHBB8s", protocol, 0, index, hardware, kind, len(sender), sender)
        else:
            cut = 12 if tag and self._link == _ETHERNET else 0
            head, data, size = bytes(data[:cut]) + tag[:cut], data[cut:], size - cut
        caught = len(head) + len(data)
        length = struct.pack("<IIII", *divmod(time_ns, SECOND), caught, len(head) + size)
        return b"".join((length, head, data))


def _time_and_tag(control: list[tuple[int, int, bytes]]) -> tuple[int, bytes]:
    """When a packet was captured, and its VLAN tag, which the kernel takes out of the packet.

    The time is 0 where it is not known: the kernel begins to stamp packets a little after it is asked to.
    """
    time_ns, tag = 0, b""
    for level, kind, value in control:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPING) and len(value) >= struct.calcsize("ll"):
            seconds, ns = struct.unpack_from("ll", value)
            time_ns = seconds * SECOND + ns
        elif (level, kind) == (SOL_PACKET, _AUXDATA) and len(value) >= 20:
            status, _, _, _, _, tci, tpid = struct.unpack_from("IIIHHHH", value)
            if status & _VLAN_VALID:
                tag = struct.pack(">HH", tpid if status & _TPID_VALID else _VLAN, tci)
    return time_ns, tag


def _open(interface: str, seconds: float, packets: int | None, through: str | None) -> Source:
    program = shutil.which("dumpcap") if through in (None, "dumpcap") else None
    if program:
        try:
            return DumpcapSource(program, interface, seconds, packets)
        except (LabError, OSError):
            if through:
                raise
    elif through == "dumpcap":
        raise LabError(f"{interface}: dumpcap is not installed, or this user may not run it; join the group wireshark")
    try:
        return SocketSource(interface, seconds, packets)
    except PermissionError:
        remedy = f"{in_a_sentence(this_machine().allow_captures())}, or install dumpcap and join its group, wireshark"
        raise LabError(f"{interface}: this user may not capture", remedy) from None
    except OSError as error:
        raise LabError(f"{interface}: it cannot be captured: {reason(error)}") from error


@contextmanager
def _interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP stops the capture; a second one does what it always does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        stop()

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        restore()

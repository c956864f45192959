"""The machine's network interfaces: which there are, and of what kind (netdevice(7))."""

from __future__ import annotations

import fcntl
import socket
import struct

from testbed.errors import CaptureError
from testbed.protocols.text import printable

ANY = "any"
"""All of them."""

_SIOCGIFFLAGS, _SIOCGIFHWADDR, _IFF_UP = 0x8913, 0x8927, 0x1


def check(interface: str) -> None:
    """Raises CaptureError when there is no such interface, or it is down."""
    known = [name for _, name in socket.if_nameindex()]
    if interface == ANY:
        return
    if interface not in known:
        names = ", ".join(printable(name) for name in (*known, ANY))
        raise CaptureError(f"there is no interface {printable(interface)}; there are: {names}")
    if not _request(interface, _SIOCGIFFLAGS) & _IFF_UP:
        raise CaptureError(f"{interface} is down; bring it up with 'ip link set {interface} up'")


def hardware_type(interface: str) -> int:
    """The ARPHRD_ number of an interface.  Raises OSError."""
    return _request(interface, _SIOCGIFHWADDR)


def _request(interface: str, what: int) -> int:
    """What the kernel says of an interface in one 16-bit number."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, what, struct.pack("16s24x", interface.encode()))
    return int(struct.unpack_from("H", answer, 16)[0])

"""Packet sockets (packet(7)): they hear what an interface carries, from the kernel."""

from __future__ import annotations

import contextlib
import socket
import struct

SOL_PACKET, OUTGOING = 263, 4  # a level of options, and a packet's kind: sent by this machine
_STATISTICS, _SO_RCVBUFFORCE = 6, 33
_BUFFER = 32 << 20  # octets of packets, kept by the kernel while nobody reads


def packet_socket(kind: int, protocol: int = 0) -> socket.socket:
    """One that does not block, of SOCK_RAW or SOCK_DGRAM, which leaves link headers out.

    It hears a protocol (ETH_P_, in network order) of all interfaces, with 0 nothing until it is bound.  Raises
    OSError.
    """
    made = socket.socket(socket.AF_PACKET, kind | socket.SOCK_NONBLOCK, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    with contextlib.suppress(OSError):  # more than rmem_max takes CAP_NET_ADMIN
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    return made


def dropped(capturing: socket.socket) -> int:
    """How many packets came faster than they were read, since this was asked last."""
    return int(struct.unpack("II", capturing.getsockopt(SOL_PACKET, _STATISTICS, 8))[1])

"""The few rtnetlink requests a lab needs: addresses, routes, rules (``linux/rtnetlink.h``, ``linux/fib_rules.h``)."""

from __future__ import annotations

import socket
import struct

from testbed.net.networks import Address, Prefix

_RTM_NEWLINK, _RTM_NEWADDR, _RTM_NEWROUTE, _RTM_DELROUTE, _RTM_NEWRULE, _RTM_DELRULE = 16, 20, 24, 25, 32, 33
_NLMSG_ERROR = 2
_REQUEST, _ACK, _REPLACE, _CREATE = 0x1, 0x4, 0x100, 0x400
_RTA_DST, _RTA_OIF, _RTA_PREFSRC, _RTA_TABLE = 1, 4, 7, 15
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS, _IFA_F_NODAD = 1, 2, 8, 0x02
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_TABLE = 3, 6, 15
_IFLA_TXQLEN = 13
_FR_ACT_TO_TBL = 1
_RTPROT_STATIC, _RTN_UNICAST, _RTN_LOCAL, _SCOPE_LINK, _SCOPE_HOST, _SCOPE_NOWHERE = 4, 1, 2, 253, 254, 255

_RTA_METRICS, _RTAX_LOCK, _RTAX_RTO_MIN = 8, 1, 13

TABLE_MAIN, TABLE_LOCAL = 254, 255
HASTY_MS, PATIENT_MS = 500, 30_000
"""How long TCP waits at least before it repeats itself: where packets may get lost, and where none does.

Either is more than the kernel's 200, so that a lab whose process has to wait for a busy machine does not repeat itself.
"""


class Netlink:
    """One rtnetlink socket in the current network namespace.  Requests raise OSError as the kernel answers."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def set_queue_length(self, index: int, packets: int) -> None:
        """How many packets an interface may queue.  (The ioctl for this wants privileges a user namespace lacks.)"""
        header = struct.pack("=BBHiII", socket.AF_UNSPEC, 0, 0, index, 0, 0)
        self._ask(_RTM_NEWLINK, 0, header + _attribute(_IFLA_TXQLEN, struct.pack("=I", packets)))

    def add_address(self, address: Address, index: int) -> None:
        """Give an interface a host address, without duplicate address detection.

        An IPv6 address can be sent from at once, but the kernel leaves the route that delivers to it to a work queue,
        and has no route to the address until that has run: ``add_local`` makes one now.
        """
        bits = address.max_prefixlen
        header = struct.pack("=BBBBI", _family(address), bits, 0, 0, index)
        attributes = _attribute(_IFA_LOCAL, address.packed) + _attribute(_IFA_ADDRESS, address.packed)
        attributes += _attribute(_IFA_FLAGS, struct.pack("=I", _IFA_F_NODAD))
        self._ask(_RTM_NEWADDR, _CREATE, header + attributes)

    def add_route(
        self, network: Prefix, index: int, table: int, *, source: Address | None, rto_min_ms: int = HASTY_MS
    ) -> None:
        """Route a network out of an interface, in place of the route the table had for it.

        TCP waits at least ``rto_min_ms`` before it repeats what goes this way, except for the handshake.
        """
        prefix, bits = network.network_address, network.prefixlen
        header = struct.pack(
            "=BBBBBBBBI", _family(prefix), bits, 0, 0, table, _RTPROT_STATIC, _SCOPE_LINK, _RTN_UNICAST, 0
        )
        attributes = _attribute(_RTA_DST, prefix.packed) + _attribute(_RTA_OIF, struct.pack("=I", index))
        attributes += _attribute(_RTA_TABLE, struct.pack("=I", table))
        if source is not None:
            attributes += _attribute(_RTA_PREFSRC, source.packed)
        metrics = _attribute(_RTAX_LOCK, struct.pack("=I", 1 << _RTAX_RTO_MIN))
        metrics += _attribute(_RTAX_RTO_MIN, struct.pack("=I", rto_min_ms))
        attributes += _attribute(_RTA_METRICS, metrics)
        self._ask(_RTM_NEWROUTE, _CREATE | _REPLACE, header + attributes)

    def delete_route(self, network: Prefix, index: int, table: int) -> None:
        """Take a route away."""
        prefix, bits = network.network_address, network.prefixlen
        header = struct.pack("=BBBBBBBBI", _family(prefix), bits, 0, 0, table, 0, _SCOPE_NOWHERE, 0, 0)
        attributes = _attribute(_RTA_DST, prefix.packed) + _attribute(_RTA_OIF, struct.pack("=I", index))
        self._ask(_RTM_DELROUTE, 0, header + attributes)

    def add_local(self, address: Address, index: int, table: int = TABLE_LOCAL) -> None:
        """Deliver what is for an address of the interface to this machine's sockets, from now on."""
        header = struct.pack(
            "=BBBBBBBBI",
            _family(address),
            address.max_prefixlen,
            0,
            0,
            table,
            _RTPROT_STATIC,
            _SCOPE_HOST,
            _RTN_LOCAL,
            0,
        )
        attributes = _attribute(_RTA_DST, address.packed) + _attribute(_RTA_OIF, struct.pack("=I", index))
        self._ask(_RTM_NEWROUTE, _CREATE, header + attributes)

    def add_rule(self, family: int, priority: int, table: int, incoming: str = "") -> None:
        """Look a table up at a priority, for packets coming in by an interface where one is named."""
        self._rule(_RTM_NEWRULE, _CREATE, family, priority, table, incoming)

    def delete_rule(self, family: int, priority: int, table: int) -> None:
        """Take a rule away."""
        self._rule(_RTM_DELRULE, 0, family, priority, table, "")

    def _rule(self, kind: int, flags: int, family: int, priority: int, table: int, incoming: str) -> None:
        header = struct.pack("=BBBBBBBBI", family, 0, 0, 0, table, 0, 0, _FR_ACT_TO_TBL, 0)
        attributes = _attribute(_FRA_TABLE, struct.pack("=I", table))
        attributes += _attribute(_FRA_PRIORITY, struct.pack("=I", priority))
        if incoming:
            attributes += _attribute(_FRA_IIFNAME, incoming.encode() + b"\0")
        self._ask(kind, flags, header + attributes)

    def _ask(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        length = 16 + len(body)
        self._socket.send(struct.pack("=IHHII", length, kind, _REQUEST | _ACK | flags, self._sequence, 0) + body)
        answer = self._socket.recv(65536)
        _, answer_kind = struct.unpack_from("=IH", answer)
        if answer_kind == _NLMSG_ERROR:
            (error,) = struct.unpack_from("=i", answer, 16)
            if error:
                raise OSError(-error, f"netlink request {kind}")


def _family(address: Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)

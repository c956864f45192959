"""The private network of a lab: namespaces, a TUN device as the wire, and the routes that lead through it.

Ordinary loopback never leaves the kernel.  Here, packets a host sends are looked up in a table of their own (rule ``iif
lo``), whose only routes lead into the TUN device; what the wire writes back comes in by that device and is delivered
locally.  The namespaces, the device, the mounts and the scratch files die with the process.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from msgspec import Struct

from testbed.errors import LabError, reason
from testbed.net.machine import in_a_sentence, this_machine
from testbed.net.netlink import HASTY_MS, TABLE_LOCAL, TABLE_MAIN, Netlink
from testbed.net.networks import LOOPBACK, Address, Prefix, network_of
from testbed.net.socket_files import socket_files

WIRE = "wire0"
MTU = 1500
SCRATCH = Path("/dev/shm")
_FILES_OCTETS = 1 << 30  # mailboxes and queues of one lab, all in memory, and those of each of its programs

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_REC, _MS_PRIVATE, _MS_BIND, _MS_REMOUNT, _MS_NOSUID, _MS_NODEV = 0x4000, 0x40000, 0x1000, 0x20, 0x2, 0x4
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_SIOCSIFFLAGS, _SIOCGIFINDEX, _SIOCSIFMTU = 0x8914, 0x8933, 0x8922
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_QUEUE_PACKETS = 20_000
TABLE = 100
ANYWHERE: dict[int, Prefix] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}

_SOCKET_TABLE, _SLOTS = "ipv4/tcp_child_ehash_entries", "512"
_SYSCTLS_BEFORE = {
    "ipv6/conf/default/addr_gen_mode": "1",  # no link-local addresses, hence no neighbour chatter
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/router_solicitations": "0",
    "ipv6/conf/default/accept_dad": "0",
}
_SYSCTLS_AFTER = {
    **{f"ipv4/conf/{name}/rp_filter": "0" for name in ("all", WIRE)},
    **{f"ipv4/conf/{name}/accept_local": "1" for name in ("all", WIRE)},
    **{f"ipv4/conf/{name}/route_localnet": "1" for name in ("all", WIRE)},
    "ipv4/ip_unprivileged_port_start": "0",
    "ipv4/tcp_no_metrics_save": "1",
    # A tail loss probe repeats a segment after two round trips, here a few milliseconds: any pause of a busy machine
    # would show as a retransmission.  The retransmission timer proper has more patience (netlink.py).  For the same
    # reason segments count as lost by the number of duplicate ACKs (RFC 6675), not by the time they take (RFC 8985).
    "ipv4/tcp_early_retrans": "0",
    "ipv4/tcp_recovery": "0",
    # What a host writes in two goes is two segments, whatever else the machine was doing when it wrote.
    "ipv4/tcp_autocorking": "0",
    "ipv4/tcp_syn_retries": "3",
    "ipv4/tcp_synack_retries": "3",
    "ipv4/icmp_ratelimit": "0",
    _SOCKET_TABLE: _SLOTS,  # of the networks of programs, which are made from here
}
_MAY_BE_MISSING = ("ipv6/", "ipv4/icmp_ratelimit", _SOCKET_TABLE)

_REMEDY = "run 'testbed doctor' to see what is missing and how to grant it"

libc = ctypes.CDLL(None, use_errno=True)


class Network(Struct, frozen=True):
    """``wire`` is the TUN device's descriptor, non-blocking; ``scratch`` an empty folder that dies with the process."""

    wire: int
    scratch: Path


class WayBack:
    """From the network that a process is about to enter to the network, the mounts and the folder it is in now.

    Must be made by a process of one thread.  ``socket_files`` are those of that network.  In a user namespace it leads
    to an empty network and the usual files: nobody gets back to a network of another one (setns(2)).  Raises LabError
    where the kernel refuses.
    """

    def __init__(self) -> None:
        self.socket_files = socket_files()
        if libc.unshare(_CLONE_NEWNS) != 0 or not _may_come_back():
            _unshare()
        self._folder = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._namespaces = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in ("net", "mnt")]

    def take(self) -> None:
        """Go it, once."""
        for namespace, kind in zip(self._namespaces, (_CLONE_NEWNET, _CLONE_NEWNS), strict=True):
            if libc.setns(namespace, kind) != 0:
                raise LabError(f"the kernel refuses the way back ({os.strerror(ctypes.get_errno()).lower()})", _REMEDY)
            os.close(namespace)
        os.fchdir(self._folder)
        os.close(self._folder)


def _may_come_back() -> bool:
    """Whether this process could enter the network it is in: not where a user namespace around this one owns it."""
    network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return bool(libc.setns(network, _CLONE_NEWNET) == 0)
    finally:
        os.close(network)


def enter(names: Mapping[str, str], name_server: str, rto_min_ms: int = HASTY_MS) -> Network:
    """Leave the machine's network for a private one; for good, but for a :class:`WayBack`.

    Must be called by a process of one thread.  ``names`` gives each lab address its host name, ``name_server`` the
    address that resolves names, ``rto_min_ms`` how long TCP waits at least for an acknowledgement.  Raises LabError
    with the reason and the remedy.
    """
    _unshare()
    _writable_sysctls()
    _shrink_socket_table()
    _private_files(names, name_server)
    return Network(lay_wire([ip_address(address) for address in names], rto_min_ms), SCRATCH)


def enter_plain() -> None:
    """Leave the machine's network for one with nothing but ordinary loopback: the peer the wire is measured against."""
    _unshare()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _up(control, "lo")
    _sysctl("ipv4/ip_unprivileged_port_start", "0")


def _unshare() -> None:
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS) == 0:
        return
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWNS) != 0:
        why = os.strerror(ctypes.get_errno()).lower()
        raise LabError(f"the kernel refuses private namespaces ({why})", _REMEDY)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        raise LabError(f"the user namespace cannot be set up ({_why(error)})", _REMEDY) from error


def _writable_sysctls() -> None:
    """Containers have /proc/sys mounted read-only.  Ours need not be, unless the mount belongs to another's namespace.

    If it stays as it is, the first setting that cannot be made says so.
    """
    if not os.access("/proc/sys/net", os.W_OK):
        libc.mount(None, b"/proc/sys", None, _MS_REMOUNT | _MS_BIND, None)


def _shrink_socket_table() -> None:
    """Move on to a network whose table of TCP sockets is small, where the kernel can do so (Linux 6.1).

    Scenario time asks for that table whenever the lab rests, and the kernel walks all of it: 1.5 ms for the table
    all other networks share, 0.05 ms for one of 512 slots.  Only networks made later obey it, hence the second.
    """
    try:
        (Path("/proc/sys/net") / _SOCKET_TABLE).write_text(_SLOTS)
    except OSError:
        return
    libc.unshare(_CLONE_NEWNET)


def own_files(folder: Path) -> None:
    """Give a folder of the lab's to one program: what that writes takes nobody else's room.  Raises LabError."""
    _mount("program", str(folder), "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={_FILES_OCTETS},mode=755")


def _private_files(names: Mapping[str, str], name_server: str) -> None:
    """A private /dev/shm for the lab's files, and the lab's own resolv.conf and hosts."""
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    _mount("lab", str(SCRATCH), "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={_FILES_OCTETS}")
    etc = SCRATCH / ".etc"
    etc.mkdir()
    hosts = "".join(f"{address}\t{name}\n" for address, name in names.items())
    for file, text in (
        ("resolv.conf", f"nameserver {name_server}\nsearch .\n"),
        ("hosts", f"127.0.0.1\tlocalhost\n{hosts}"),
    ):
        target = Path("/etc") / file
        if target.exists():
            (etc / file).write_text(text)
            _mount(str(etc / file), os.path.realpath(target), "", _MS_BIND)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    if libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, options.encode() or None) != 0:
        why = os.strerror(ctypes.get_errno()).lower()
        raise LabError(f"{target} cannot be made private to the lab ({why})", _REMEDY)


def lay_wire(addresses: list[Address], rto_min_ms: int, *, alone: bool = False) -> int:
    """Make a wire of the network this process is in, for hosts of these addresses; gives the TUN device's descriptor.

    ``alone``: they are those of one host, so that whatever is not bound speaks from them, 127.0.0.1 is its own, and
    packets to anywhere else come to the wire too.  Raises LabError.
    """
    try:
        for path, value in _SYSCTLS_BEFORE.items():
            _sysctl(path, value)
        wire = open_tun(WIRE)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCSIFMTU, _interface(WIRE, MTU))
            for name in ("lo", WIRE):
                _up(control, name)
            index = {name: _index(control, name) for name in ("lo", WIRE)}
        for path, value in _SYSCTLS_AFTER.items():
            _sysctl(path, value)
        _route_through_wire(index, addresses, rto_min_ms, alone)
    except OSError as error:
        raise LabError(f"the private network cannot be set up ({_why(error)})", _REMEDY) from error
    return wire


def open_tun(name: str) -> int:
    """Create a TUN device in the current namespace and give its descriptor.  Raises LabError."""
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        here = this_machine()
        advice = {errno.ENOENT: here.make_tun(), errno.EACCES: here.open_tun()}
        remedy = in_a_sentence(advice.get(error.errno or 0, here.allow_networks()))
        raise LabError(f"/dev/net/tun cannot be opened ({_why(error)})", remedy) from error
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError as error:
        os.close(device)
        remedy = in_a_sentence(this_machine().allow_networks())
        raise LabError(f"the TUN device cannot be created ({_why(error)})", remedy) from error
    return device


def _route_through_wire(index: Mapping[str, int], addresses: list[Address], rto_min_ms: int, alone: bool) -> None:
    v4 = [a for a in addresses if isinstance(a, IPv4Address)]
    v6 = [a for a in addresses if isinstance(a, IPv6Address)]
    netlink = Netlink()
    try:
        netlink.set_queue_length(index[WIRE], _QUEUE_PACKETS)
        own_device = index[WIRE if alone else "lo"]  # what lies on lo, programs take for the machine's inside
        for address in addresses:
            if not address.is_loopback:
                netlink.add_address(address, own_device)
                netlink.add_local(address, own_device)
        own = v4[0] if v4 and (alone or not v4[0].is_loopback) else LOOPBACK
        netlink.add_route(network_of(v4[0] if v4 else LOOPBACK), index[WIRE], TABLE, source=own, rto_min_ms=rto_min_ms)
        families = [socket.AF_INET]
        if v6:
            own6 = v6[0] if alone else None
            netlink.add_route(network_of(v6[0]), index[WIRE], TABLE, source=own6, rto_min_ms=rto_min_ms)
            families.append(socket.AF_INET6)
        if alone:
            netlink.add_local(LOOPBACK, index["lo"], TABLE)
            sources: list[Address] = [*v4[:1], *v6[:1]]
            for source in sources:
                netlink.add_route(ANYWHERE[source.version], index[WIRE], TABLE_MAIN, source=source)
        for family in families:
            netlink.add_rule(family, 10, TABLE, incoming="lo")
            netlink.add_rule(family, 100, TABLE_LOCAL)
            netlink.delete_rule(family, 0, TABLE_LOCAL)
    finally:
        netlink.close()


def _up(control: socket.socket, name: str) -> None:
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), _IFF_UP | _IFF_RUNNING))


def _interface(name: str, value: int) -> bytes:
    return struct.pack("16si20x", name.encode(), value)


def _index(control: socket.socket, name: str) -> int:
    index: int = struct.unpack_from("i", fcntl.ioctl(control, _SIOCGIFINDEX, _interface(name, 0)), 16)[0]
    return index


def _sysctl(path: str, value: str) -> None:
    try:
        (Path("/proc/sys/net") / path).write_text(value)
    except OSError:
        if not path.startswith(_MAY_BE_MISSING):
            raise


def _why(error: OSError) -> str:
    return f"{reason(error)}: {error.filename}" if error.filename else reason(error)

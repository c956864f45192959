"""What a program of a scenario's may do to the machine, as good as nothing (capabilities(7), mount_namespaces(7)).

A process that enters keeps the powers a mail server needs over its own files, users and ports, and loses all others for
good, with everything it starts: it cannot join another namespace, mount, trace, or load anything into the kernel.  It
sees its own processes only, no device but those that hold nothing, no socket file of the machine, and writes where it
is allowed to.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from testbed.net.mounts import AT_FDCWD, check, mount, move, own_proc, tree
from testbed.net.namespace import libc
from testbed.net.view import Sight

# Which a mail server needs, over its own files and users (linux/capability.h).
_CHOWN, _DAC_OVERRIDE, _FOWNER, _FSETID, _KILL, _SETGID, _SETUID = 0, 1, 3, 4, 5, 6, 7
_NET_BIND_SERVICE, _SYS_CHROOT = 10, 18
_KEPT = (_CHOWN, _DAC_OVERRIDE, _FOWNER, _FSETID, _KILL, _SETGID, _SETUID, _NET_BIND_SERVICE, _SYS_CHROOT)
_CAPABILITIES = 64  # as many as the sets have room for
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 4, 24, 38, 47, 4

_MOUNT_SETATTR = 442  # the same on every architecture
_AT_RECURSIVE, _MOUNT_ATTR_RDONLY = 0x8000, 1
_MS_NOSUID, _MS_NOEXEC = 0x2, 0x8

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_LINKS["log"] = "/run/systemd/journal/dev-log"  # as systemd has it: whoever has a /run of its own may listen there
_TEMPORARY = ("/tmp", "/var/tmp")


class Confinement(Struct, frozen=True):
    """``scratch`` is the lab's folder, ``writable`` are others a program may write to, None for all of the machine's.

    ``set_ids``: programs may have the rights of their files' owners (set-user-ID and set-group-ID), as a server needs
    whose parts run as users of their own.
    """

    scratch: str
    writable: tuple[str, ...] | None
    sight: Sight
    set_ids: bool = False

    def enter(self) -> None:
        """For this process and all it starts, for good; it must be the first of its PID and mount namespace.

        Raises OSError.
        """
        own_proc()
        _own_devices(self.scratch)
        self.sight.enter()
        if self.writable is not None:
            own = (shown.path for shown in self.sight.private)
            _write_only_below((self.scratch, *_TEMPORARY, *self.writable, *own))
        _drop_capabilities()
        if not self.set_ids:
            check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # the programs that are begun from here do not see into it


def _own_devices(scratch: str) -> None:
    """Those that hold nothing, terminals of one's own, and the lab's folder, which lies among them."""
    trees = {f"/dev/{name}": tree(f"/dev/{name}") for name in _DEVICES if os.path.exists(f"/dev/{name}")}
    own = tree(scratch)
    mount("none", "/dev", "tmpfs", _MS_NOSUID, "mode=755")  # servers trust no links in a folder open to all
    for path, device in trees.items():
        Path(path).touch()
        move(device, path)
    os.makedirs(scratch, exist_ok=True)
    move(own, scratch)
    os.mkdir("/dev/pts")
    libc.mount(b"devpts", b"/dev/pts", b"devpts", _MS_NOSUID | _MS_NOEXEC, b"newinstance,ptmxmode=0666")
    for name, target in _LINKS.items():
        os.symlink(target, f"/dev/{name}")


def _write_only_below(folders: Sequence[str]) -> None:
    """Make everything read-only but these, which stay as they are."""
    real = sorted({os.path.realpath(folder) for folder in folders if os.path.isdir(folder)} - {"/"})
    trees = [(folder, tree(folder)) for folder in real]
    wanted = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    check(libc.syscall(_MOUNT_SETATTR, AT_FDCWD, b"/", _AT_RECURSIVE, wanted, len(wanted)), "/")
    for folder, before in trees:
        move(before, folder)
    os.chdir(os.getcwd())  # which may be one of these


def _drop_capabilities() -> None:
    for number in range(_CAPABILITIES):
        if number not in _KEPT:
            libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # those this kernel does not know are not there
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    kept = sum(1 << number for number in _KEPT)
    check(libc.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)), "capabilities")

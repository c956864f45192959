"""How a program gets onto a host of a lab that lives in another process."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from msgspec import Struct

from testbed.errors import LabError
from testbed.net.mounts import own_proc
from testbed.net.namespace import libc
from testbed.net.program_process import be_kept
from testbed.net.programs import on_host
from testbed.net.view import Sight

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_NAMESPACES = (("user", 0x10000000), ("mnt", _CLONE_NEWNS), ("net", _CLONE_NEWNET))  # in the order they are joined


class Entry(Struct, frozen=True):
    """The way onto a host of the lab that lives in the process ``lab``.

    ``network`` is that process's descriptor of the host's own network, None where it has none; ``variables`` are what a
    program there has in its environment besides that of whoever starts it.  With a ``library`` it reads the lab's
    clock; where it is ``kept`` besides, it has process numbers of its own, so that all it starts is known.
    """

    lab: int
    host: str
    network: int | None
    sight: Sight
    variables: Mapping[str, str]
    library: Path | None = None
    kept: bool = False

    def take(self) -> None:
        """Move this process, of one thread, onto the host; it is about to become another program.

        Where the program is ``kept``, this process keeps it, and the program alone returns.  Raises OSError.
        """
        folder = os.getcwd()
        for name, kind in _NAMESPACES:
            _join(f"/proc/{self.lab}/ns/{name}", name, kind)
        if self.network is not None:
            _join(f"/proc/{self.lab}/fd/{self.network}", "net", _CLONE_NEWNET)
        on_host(self.host)
        if self.kept:
            be_kept(self._see_own_processes)
        elif self.sight != Sight():
            if libc.unshare(_CLONE_NEWNS) != 0:
                raise PermissionError
            self.sight.enter()
        os.chdir(folder)  # the other's file system begins at its root

    def _see_own_processes(self) -> None:
        own_proc()
        self.sight.enter()


def start_inside(
    entry: Entry, command: Sequence[str], environment: Mapping[str, str], stdin: IO[bytes] | int | None = None
) -> subprocess.Popen[bytes]:
    """Start a program on a host of a lab; it dies with this process.

    Raises OSError when the program cannot be started, LabError when it cannot be moved there.
    """
    try:
        return subprocess.Popen(command, preexec_fn=entry.take, env=dict(environment), stdin=stdin)
    except subprocess.SubprocessError as error:
        raise LabError("the kernel lets no program into the lab's network; run as the user who started it") from error


def _join(file: str, name: str, kind: int) -> None:
    """Join a namespace (setns(2)).

    A process outside a user namespace may join it where it belongs to the user who made it (user_namespaces(7)).
    """
    if os.readlink(file) == os.readlink(f"/proc/self/ns/{name}"):
        return  # joining one's own user namespace is an error
    with open(file, "rb") as namespace:
        if libc.setns(namespace.fileno(), kind) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), file)

"""What this machine allows, for ``testbed doctor``.  Everything is tried for real, in a child that ends at once."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing

from msgspec import Struct

from testbed.errors import LabError
from testbed.native.build import LIBRARY, SCRIPT
from testbed.native.library import missing
from testbed.net.loopback import LoopbackLoop
from testbed.net.machine import TUN, this_machine
from testbed.net.namespace import enter
from testbed.net.ports import Ports
from testbed.net.program_time.library import scenario_time_library
from testbed.net.tap import Tap

_MOST_WORDS = 1_000  # characters of a cause


class Check(Struct, frozen=True):
    """One thing tried.  ``needed`` tells whether a private network takes it; ``remedy`` says how to grant it."""

    name: str
    ok: bool
    needed: bool
    detail: str
    remedy: str = ""


def probe() -> list[Check]:
    """All checks, in the order in which they depend on each other."""
    return [_tun_device(), _lab(), _loopback(), _capture(), _scenario_time(), _compiled(), _tshark()]


def probe_networks() -> list[Check]:
    """Those that say where labs can live."""
    return [_tun_device(), _lab(), _loopback()]


def private_network(checks: Sequence[Check]) -> bool:
    """Whether labs can have a network of their own here."""
    return all(check.ok for check in checks if check.needed)


def host_network(checks: Sequence[Check]) -> bool:
    """Whether labs can live on the machine's own loopback."""
    return all(check.ok for check in checks if check.name == "loopback")


def _tun_device() -> Check:
    name = "TUN device"
    if not os.path.exists(TUN):
        return Check(name, False, True, f"{TUN} does not exist", this_machine().make_tun())
    if not os.access(TUN, os.R_OK | os.W_OK):
        return Check(name, False, True, f"{TUN} may not be opened by this user", this_machine().open_tun())
    return Check(name, True, True, f"{TUN} may be opened")


def _lab() -> Check:
    """The whole of a private network.  Ubuntu refuses late: at uid_map, or when the TUN device is made."""
    name = "private network"
    error = _in_child(lambda: enter({"127.0.0.10": "probe", "fd00::10": "probe"}, "127.0.0.10"))
    if error is None:
        how = "as root" if os.geteuid() == 0 else "in a user namespace"
        return Check(name, True, True, f"namespaces, mounts, TUN and routes can be set up {how}")
    return Check(name, False, True, error.cause, this_machine().allow_networks())


def _loopback() -> Check:
    """The whole of what ``--network host`` takes."""
    name = "loopback"
    error = _in_child(_try_loopback)
    if error is None:
        return Check(name, True, False, "a lab's ports can be had on it, and its packets captured")
    return Check(name, False, False, error.cause, error.remedy or "only 'testbed run --network host' needs it")


def _try_loopback() -> None:
    with closing(Ports()) as ports, closing(LoopbackLoop(ports.of, lambda address, port: port)) as loop:
        Tap(loop, _Nobody(), ports).close()


class _Nobody:
    """Keeps no packet."""

    def packet(self, time_ns: int, data: bytes, *, lost: bool = False, comment: str = "") -> int:
        return 0


def _capture() -> Check:
    """A private network captures by itself; this is for live captures of the machine's own interfaces."""
    name = "live capture"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except (OSError, AttributeError):
        remedy = f"{this_machine().allow_captures()}; private networks do not need it"
        return Check(name, False, False, "packet sockets are not permitted", remedy)
    return Check(name, True, False, "packet sockets are permitted")


def _scenario_time() -> Check:
    name = "scenario time"
    try:
        library = scenario_time_library()
    except LabError as error:
        return Check(name, False, False, error.cause, error.remedy)
    return Check(name, True, False, f"programs can be given it, by {library}")


def _compiled() -> Check:
    name = "large captures"
    if why := missing():
        remedy = (
            f"{this_machine().install('compiler')} && {sys.executable} {SCRIPT}; without the library, captures are "
            "inspected thirty times as slowly"
        )
        return Check(name, False, False, f"no compiled library: {why}", remedy)
    return Check(name, True, False, f"inspected by {LIBRARY}")


def _tshark() -> Check:
    name, remedy = "tshark", f"{this_machine().install('tshark')}; only 'inspect --deep' and rare TLS suites need it"
    path = shutil.which("tshark")
    if path is None:
        return Check(name, False, False, "not installed", remedy)
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Check(name, False, False, f"{path} does not run", remedy)
    return Check(name, True, False, said.partition("\n")[0])


def _in_child(attempt: Callable[[], object]) -> LabError | None:
    """Why an attempt fails, None when it does not."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        told: list[str] = []
        try:
            attempt()
        except LabError as error:
            told = [error.cause, error.remedy]
        except BaseException as error:
            told = [f"{type(error).__name__}: {error}"]
        finally:
            os.write(write_end, json.dumps([words[:_MOST_WORDS] for words in told]).encode())
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        told = json.loads(pipe.read() or '["it ended at once"]')
    os.waitpid(child, 0)
    return LabError(*told) if told else None

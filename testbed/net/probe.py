"""What this machine allows, for ``testbed doctor``.  Everything is tried for real, in a child that ends at once."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from testbed.errors import LabError
from testbed.net.namespace import enter

_TUN = "/dev/net/tun"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing tried.  ``needed`` tells whether labs cannot run without it; ``remedy`` says how to grant it."""

    name: str
    ok: bool
    needed: bool
    detail: str
    remedy: str = ""


def probe() -> list[Check]:
    """All checks, in the order in which they depend on each other."""
    return [_tun_device(), _lab(), _capture(), _tshark()]


def _tun_device() -> Check:
    name, remedy = "TUN device", f"chmod 666 {_TUN}; in a container add --device={_TUN}"
    if not os.path.exists(_TUN):
        return Check(name, False, True, f"{_TUN} does not exist", f"modprobe tun; in a container add --device={_TUN}")
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return Check(name, False, True, f"{_TUN} may not be opened by this user", remedy)
    return Check(name, True, True, f"{_TUN} may be opened")


def _lab() -> Check:
    """The whole of a private network.  Ubuntu refuses late: at uid_map, or when the TUN device is made."""
    name = "private network"
    error = _in_child(lambda: enter({"127.0.0.10": "probe", "fd00::10": "probe"}, "127.0.0.10"))
    if not error:
        how = "as root" if os.geteuid() == 0 else "in a user namespace"
        return Check(name, True, True, f"namespaces, mounts, TUN and routes can be set up {how}")
    remedy = (
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); sysctl -w user.max_user_namespaces=10000; "
        f"in a container --cap-add=NET_ADMIN --cap-add=SYS_ADMIN --device={_TUN}, and where AppArmor confines it "
        "--security-opt=apparmor=unconfined; or run as root"
    )
    return Check(name, False, True, error.partition("; run 'testbed doctor'")[0], remedy)


def _capture() -> Check:
    """Labs capture by themselves; this is for live captures of the machine's own interfaces."""
    name = "live capture"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except (OSError, AttributeError):
        remedy = "setcap cap_net_raw+ep on the Python binary, or run as root; labs do not need it"
        return Check(name, False, False, "packet sockets are not permitted", remedy)
    return Check(name, True, False, "packet sockets are permitted")


def _tshark() -> Check:
    name, remedy = "tshark", "apt-get install tshark; only tests and deep dissection need it"
    path = shutil.which("tshark")
    if path is None:
        return Check(name, False, False, "not installed", remedy)
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Check(name, False, False, f"{path} does not run", remedy)
    return Check(name, True, False, said.partition("\n")[0])


def _in_child(attempt: Callable[[], object]) -> str:
    """Why an attempt fails, ``""`` when it does not."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        message = ""
        try:
            attempt()
        except LabError as error:
            message = str(error)
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        finally:
            os.write(write_end, message.encode()[:4000])
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    os.waitpid(child, 0)
    return said

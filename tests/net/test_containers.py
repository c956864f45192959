"""What a container gives and withholds, as far as it can be had here: docs/ci.md says which of it labs need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT
from tests.patience import HANG_S

pytestmark = [
    pytest.mark.lab,
    pytest.mark.program("unshare"),
    pytest.mark.program("setpriv"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give and take what a container does"),
]

DOCKERS = (
    *("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service"),
    *("net_raw", "sys_chroot", "mknod", "audit_write", "setfcap"),
)
READ_ONLY = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro,nosuid,nodev,noexec /proc/sys && "
NO_TUN = "mount -t tmpfs none /dev/net && "


def played(prepared: str, *privileges: str, network: str = "--network private") -> subprocess.CompletedProcess[str]:
    """``testbed run`` in a mount namespace where ``prepared`` was done, with these options of setpriv."""
    run = f"{sys.executable} -m testbed run {network} scenarios/delivered.yaml"
    command = f"{prepared}exec setpriv {' '.join(privileges)} {run}"
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", command],
        cwd=PROJECT, env={**os.environ, "COLUMNS": "250"}, capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip


def only(*added: str) -> str:
    """Docker's capabilities and those of ``--cap-add``, and no others, ever."""
    return "--bounding-set=-all," + ",".join(f"+{name}" for name in (*DOCKERS, *added))


def test_a_container_with_both_capabilities_and_the_device_runs_labs() -> None:
    """Docker mounts /proc/sys read-only; the lab undoes that where its own settings are."""
    shown = played(READ_ONLY, only("net_admin", "sys_admin"))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("held")


@pytest.mark.parametrize(
    ("prepared", "added", "why"),
    [
        (READ_ONLY, ("sys_admin",), "the TUN device cannot be created (operation not permitted)"),
        (READ_ONLY, ("net_admin",), "read-only file system: /proc/sys/net/ipv4/conf/all/rp_filter"),
        (NO_TUN, ("net_admin", "sys_admin"), "start the container with --device=/dev/net/tun"),
    ],
    ids=["without NET_ADMIN", "without SYS_ADMIN", "without the device"],
)
def test_what_is_withheld_is_named(prepared: str, added: tuple[str, ...], why: str) -> None:
    shown = played(prepared, only(*added))
    assert shown.returncode == 3
    assert shown.stderr.startswith("error: ")
    assert why in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_a_container_as_it_comes_plays_on_its_loopback() -> None:
    shown = played(READ_ONLY + NO_TUN, only(), network="")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("held")
    assert "private networks are not available here: /dev/net/tun does not exist" in shown.stderr

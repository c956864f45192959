"""Which machine this is, and the very line to type for what it does not grant; for ``testbed doctor``."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

Program = Literal["tshark", "compiler"]

TUN = "/dev/net/tun"
_INSTALLS: Mapping[str, tuple[str, Mapping[Program, str]]] = {
    "debian": ("apt-get install", {"tshark": "tshark", "compiler": "gcc libc6-dev"}),
    "fedora": ("dnf install", {"tshark": "wireshark-cli", "compiler": "gcc glibc-devel"}),
    "arch": ("pacman -S", {"tshark": "wireshark-cli", "compiler": "gcc"}),
    "suse": ("zypper install", {"tshark": "wireshark", "compiler": "gcc glibc-devel"}),
}
"""How a family of systems installs a program, by the ID or ID_LIKE of os-release(5)."""

_NIX: Mapping[Program, str] = {"tshark": "wireshark-cli", "compiler": "gcc"}
_REFUSALS = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu since 23.10
    ("kernel/unprivileged_userns_clone", "0", "1"),  # Debian before 11, hardened kernels
    ("user/max_user_namespaces", "0", "10000"),
)
"""Settings below /proc/sys that keep user namespaces from users: the value that does, and one that does not."""

_ELSEWHERE = {
    "Darwin": "macOS has no network namespaces; run the testbed in a container: "
    'docker run --rm -v "$PWD:/work" mail-testbed testbed run scenarios/',
    "Windows": "Windows has no network namespaces; run the testbed in WSL 2: wsl --install -d Debian",
}


def not_linux(system: str = "") -> str:
    """What to do on a system labs cannot live on, ``""`` on Linux.  ``system`` is as platform.system() has it."""
    name = system or platform.system()
    return "" if name == "Linux" else _ELSEWHERE.get(name, f"{name} has no network namespaces; use Linux")


class Command(str):
    """A remedy that is a line for a shell; any other says what to do in words."""

    __slots__ = ()


class Machine(Struct, frozen=True):
    """``system`` is its name for people, ``kin`` the ID and ID_LIKE of its os-release.

    ``refusals`` are the settings that keep user namespaces from users, as sysctl takes them to undo that.
    """

    system: str
    kin: tuple[str, ...]
    in_container: bool
    in_wsl: bool
    as_root: bool
    refusals: tuple[str, ...]

    def __str__(self) -> str:
        where = " in WSL 2" * self.in_wsl + " in a container" * self.in_container
        return f"{self.system}{where}, {'root' if self.as_root else 'an ordinary user'}"

    def install(self, program: Program) -> str:
        """The line that installs a program."""
        if "nixos" in self.kin:
            return Command(f"nix-shell -p {_NIX[program]}")
        command, packages = next((_INSTALLS[name] for name in self.kin if name in _INSTALLS), _INSTALLS["debian"])
        return self._rightly(f"{command} {packages[program]}")

    def make_tun(self) -> str:
        """What brings the TUN device."""
        if self.in_container:
            return f"start the container with --device={TUN}"
        return self._rightly("modprobe tun")

    def open_tun(self) -> str:
        """What lets this user open the TUN device."""
        return self._rightly(f"chmod 666 {TUN}")

    def allow_networks(self) -> str:
        """What lets this user make private networks."""
        if self.in_container:
            return (
                f"start the container with --cap-add=NET_ADMIN --cap-add=SYS_ADMIN --device={TUN}, and where AppArmor "
                "confines it --security-opt=apparmor=unconfined"
            )
        if self.refusals and not self.as_root:
            return self._rightly(f"sysctl -w {' '.join(self.refusals)}")
        if not self.as_root:
            return Command("sudo testbed …")
        return "ask whoever runs this machine for CAP_NET_ADMIN and CAP_SYS_ADMIN"

    def allow_captures(self) -> str:
        """What lets this user capture on interfaces."""
        if self.in_container:
            return "start the container with --cap-add=NET_RAW"
        if self.as_root:
            return "ask whoever runs this machine for CAP_NET_RAW"
        return self._rightly(f"setcap cap_net_raw+ep {os.path.realpath(sys.executable)}")

    def _rightly(self, line: str) -> str:
        return Command(line if self.as_root else f"sudo {line}")


def this_machine(root: Path = Path("/")) -> Machine:
    """The machine whose files are below ``root``."""
    release = _release(root)
    kernel = _read(root / "proc/version").lower()
    return Machine(
        system=release.get("PRETTY_NAME", "Linux"),
        kin=(release.get("ID", ""), *release.get("ID_LIKE", "").split()),
        in_container=any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv")),
        in_wsl="microsoft" in kernel,
        as_root=os.geteuid() == 0,
        refusals=tuple(
            f"{name.replace('/', '.')}={remedy}"
            for name, refusing, remedy in _REFUSALS
            if _read(root / "proc/sys" / name).strip() == refusing
        ),
    )


def in_a_sentence(remedy: str) -> str:
    """A remedy as the end of a sentence."""
    return f"run '{remedy}'" if isinstance(remedy, Command) else remedy


def _release(root: Path) -> dict[str, str]:
    """os-release(5); of NixOS and others the file in /etc is all there is."""
    text = _read(root / "etc/os-release") or _read(root / "usr/lib/os-release")
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""

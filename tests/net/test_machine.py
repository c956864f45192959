"""`testbed doctor` names the very line to type: what is read of a machine, and what follows from it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from testbed.net.machine import not_linux, this_machine

SYSTEMS = {
    "Debian": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
    "Ubuntu": 'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nID=ubuntu\nID_LIKE=debian\n',
    "Fedora": 'NAME="Fedora Linux"\nPRETTY_NAME="Fedora Linux 42 (Workstation Edition)"\nID=fedora\n',
    "Rocky": 'PRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
    "Arch": 'PRETTY_NAME="Arch Linux"\nID=arch\n',
    "openSUSE": 'PRETTY_NAME="openSUSE Tumbleweed"\nID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n',
    "NixOS": "PRETTY_NAME='NixOS 25.05 (Warbler)'\nID=nixos\n",
}
WSL = "Linux version 5.15.167.4-microsoft-standard-WSL2 (root@f9c826d3017f) #1 SMP"
RESTRICTED = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
NO_NAMESPACES = "proc/sys/user/max_user_namespaces"
PYTHON = os.path.realpath(sys.executable)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine with such files, as such a user."""

    def machine(system: str = "", user: int = 1000, **files: str):
        for name, text in {"etc/os-release": SYSTEMS.get(system, ""), **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(os, "geteuid", lambda: user)
        return this_machine(tmp_path)

    return machine


@pytest.mark.parametrize(
    ("system", "user", "files", "called"),
    [
        ("Debian", 0, {}, "Debian GNU/Linux 12 (bookworm), root"),
        ("Ubuntu", 1000, {"proc/version": WSL}, "Ubuntu 24.04.3 LTS in WSL 2, an ordinary user"),
        ("Debian", 0, {".dockerenv": ""}, "Debian GNU/Linux 12 (bookworm) in a container, root"),
        ("Fedora", 0, {"run/.containerenv": ""}, "Fedora Linux 42 (Workstation Edition) in a container, root"),
        ("", 1000, {}, "Linux, an ordinary user"),
    ],
)
def test_what_it_is_called(machine, system, user, files, called) -> None:
    assert str(machine(system, user, **files)) == called


@pytest.mark.parametrize(
    ("system", "line"),
    [
        ("Debian", "sudo apt-get install tshark"),
        ("Ubuntu", "sudo apt-get install tshark"),
        ("Fedora", "sudo dnf install wireshark-cli"),
        ("Rocky", "sudo dnf install wireshark-cli"),
        ("Arch", "sudo pacman -S wireshark-cli"),
        ("openSUSE", "sudo zypper install wireshark"),
        ("NixOS", "nix-shell -p wireshark-cli"),
        ("", "sudo apt-get install tshark"),
    ],
)
def test_how_a_program_is_installed(machine, system, line) -> None:
    assert machine(system).install("tshark") == line


@pytest.mark.parametrize(
    ("files", "user", "line"),
    [
        ({RESTRICTED: "1\n"}, 1000, "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        ({RESTRICTED: "0\n"}, 1000, "sudo testbed …"),
        ({NO_NAMESPACES: "0\n"}, 1000, "sudo sysctl -w user.max_user_namespaces=10000"),
        ({NO_NAMESPACES: "63000\n"}, 1000, "sudo testbed …"),
        ({RESTRICTED: "1"}, 0, "ask whoever runs this machine for CAP_NET_ADMIN and CAP_SYS_ADMIN"),
        (
            {RESTRICTED: "1", ".dockerenv": ""},
            0,
            "start the container with --cap-add=NET_ADMIN --cap-add=SYS_ADMIN --device=/dev/net/tun, and where "
            "AppArmor confines it --security-opt=apparmor=unconfined",
        ),
    ],
)
def test_how_private_networks_are_granted(machine, files, user, line) -> None:
    assert machine("Ubuntu", user, **files).allow_networks() == line


def test_how_the_rest_is_granted(machine) -> None:
    user, root = machine(), machine(user=0)
    assert (root.make_tun(), user.make_tun()) == ("modprobe tun", "sudo modprobe tun")
    assert user.open_tun() == "sudo chmod 666 /dev/net/tun"
    assert user.allow_captures() == f"sudo setcap cap_net_raw+ep {PYTHON}"
    contained = machine(**{".dockerenv": ""})
    assert contained.make_tun() == "start the container with --device=/dev/net/tun"
    assert contained.allow_captures() == "start the container with --cap-add=NET_RAW"


@pytest.mark.parametrize(
    ("system", "says"),
    [
        ("Linux", ""),
        ("Darwin", 'docker run --rm -v "$PWD:/work" mail-testbed testbed run scenarios/'),
        ("Windows", "wsl --install -d Debian"),
        ("FreeBSD", "FreeBSD has no network namespaces; use Linux"),
    ],
)
def test_other_systems_are_told_where_labs_live(system: str, says: str) -> None:
    assert not_linux(system).endswith(says)
    assert bool(not_linux(system)) == bool(says)

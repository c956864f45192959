"""Machines that lack what others have: a clock that is set, a home folder, an UTF-8 locale, a disk to write on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.patience import HANG_S

PLAIN = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT)}
ASCII = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
READ_ONLY = """\
mount --make-rprivate / && mount -t tmpfs none "$TMPDIR" || exit 99
while read -r _ place kind _; do
	case "$kind" in proc | sysfs | devpts | cgroup* | mqueue) continue ;; esac
	case "$place" in "$TMPDIR" | /proc* | /sys* | /dev) continue ;; esac
	mount -o remount,bind,ro "$place" 2>/dev/null || true
done < /proc/self/mounts
! touch /root/anything /dev/shm/anything 2>/dev/null || exit 99
exec "$@"
"""
UNKNOWN_USER = ["unshare", "--user", "--map-user=54321"]  # who may make no networks, and capture on none
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make file systems read-only")
faketime = pytest.mark.program("faketime")

MACHINES = [
    pytest.param([], {}, id="empty environment, no HOME"),
    pytest.param([], {"HOME": "/proc/none"}, id="no home folder"),
    pytest.param([], {"HOME": "/proc"}, id="home not writable"),
    pytest.param(
        ["unshare", "--user", "--map-user=54321"], {}, id="unknown user", marks=pytest.mark.program("unshare")
    ),
    pytest.param([], ASCII, id="ASCII only"),
    pytest.param(["faketime", "-f", "@1970-01-01 00:00:10"], {}, id="1970", marks=faketime),
    pytest.param(["faketime", "-f", "@2040-02-01 00:00:00"], {}, id="2040", marks=faketime),
    pytest.param(["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"], {}, id="read-only", marks=root),
]
COMMANDS = [
    "run --network auto @catalogue/mailbox-full @catalogue/through-tls @catalogue/dane-matched",
    "inspect @catalogue/mailbox-full",
    "inspect --html - @catalogue/mailbox-full",
    "check @catalogue/dns",
    "list null-mx",
    "subjects",
    "doctor",
]


@pytest.mark.lab
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("on", "environment"), MACHINES)
def test_it_does_there_what_it_does_elsewhere(
    on: list[str], environment: dict[str, str], command: str, tmp_path: Path
) -> None:
    there = {**PLAIN, "TMPDIR": str(tmp_path), **environment}
    words = [*on, sys.executable, "-m", "testbed", *command.split()]
    done = subprocess.run(
        words, cwd=PROJECT, env=there, capture_output=True, text=True, timeout=HANG_S, errors="replace"
    )
    if on[:1] == ["unshare"] and (done.returncode == 99 or "unshare:" in done.stderr):
        pytest.skip("such a machine cannot be had here")
    assert "Traceback" not in done.stderr
    needs_lab = command.startswith(("run", "doctor"))
    assert done.returncode == (3 if on == UNKNOWN_USER and needs_lab else 0), done.stdout + done.stderr
    if command.startswith("run") and on != UNKNOWN_USER:
        assert "\n9 held " in done.stdout


WRONG_CLOCKS = ["1970-01-02 00:00:00", "2040-02-01 00:00:00"]
OF_TIME = {
    "queue timers": "scenarios/mailbox-full-five-days.yaml",
    "grey listing": "scenarios/replies/greylisted.yaml",
    "certificates": "scenarios/tls/bad-certificate.yaml",
    "TLS of readers": "scenarios/reading/bad-certificate-of-a-mailbox.yaml",
    "POP3, its timer": "scenarios/reading/pop3-autologout.yaml",
    "IMAP, idle": "scenarios/reading/imap-idle.yaml",
    "DKIM, expired": "scenarios/dkim/signature-flaws.yaml expired",
    "SRS": "scenarios/authentication/bounce-finds-its-way-back.yaml",
    "DNSSEC and DANE": "scenarios/transport/dane-rolled-over.yaml",
    "MTA-STS that runs out": "scenarios/transport/sts-runs-out.yaml",
    "reports of a day": "scenarios/authentication/aggregate-report.yaml",
}


@pytest.mark.lab
@faketime
@pytest.mark.parametrize("about", OF_TIME)
@pytest.mark.parametrize("clock", WRONG_CLOCKS)
def test_a_lab_says_the_same_whatever_the_date(clock: str, about: str, tmp_path: Path) -> None:
    file, _, word = OF_TIME[about].partition(" ")
    chosen = ["-k", word] if word else []
    words = ["run", "-q", "--network", "private", "--baseline", "captures", "--keep", str(tmp_path), *chosen, file]
    done = subprocess.run(
        ["faketime", clock, sys.executable, "-m", "testbed", *words],
        cwd=PROJECT,
        env={**PLAIN, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " the same\n" in done.stdout

"""What programs of a scenario cannot do, as a step and as a host, as root and as an ordinary user."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.protocols import events
from testbed.scenario.load import load
from testbed.scenario.reach import Reach
from testbed.trace.inspect import inspect
from testbed.trace.model.log import of
from tests.conftest import PROJECT
from tests.lab.test_programs import said
from tests.lab.test_scenarios import play, why
from tests.patience import HANG_S, until

pytestmark = pytest.mark.lab

# Each is a line for a shell that succeeds when it gets out.
BREAKOUTS = {
    "another process's network": "nsenter -t 1 -n true",
    "another process's files": "nsenter -t 1 -m true",
    "the network of a process above": "nsenter -t $PPID -n true",
    "the files of the first process": "ls /proc/1/root/",
    "its network, in a user namespace": "unshare -Ur nsenter -t 1 -n true",
    "a mount": "mount -t tmpfs none /mnt",
    "what lies below its /proc": "umount -l /proc",
    "what lies below, in a user namespace": "unshare -Urm umount -l /proc",
    "writing, in a user namespace": "unshare -Urm mount -o remount,bind,rw /",
    "another /proc than its own": "unshare -Ur mount -t proc proc /mnt",
    "the interfaces": "ip link set lo down",
    "the routes": "ip route add 192.0.2.0/24 dev lo",
    "raw packets": "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'",
    "the machine's files": "touch /etc/testbed-was-here",
    "its root": "touch /testbed-was-here",
    "kernel settings": "echo core > /proc/sys/kernel/core_pattern",
    "settings of the lab's network": "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "the kernel's alarm": "echo h > /proc/sysrq-trigger",
    "the clock": "date -s 2001-01-01",
    "the machine's name": "hostname elsewhere",
    "a device": "mknod /tmp/testbed-device b 8 0",
    "the machine's disks and wires": "ls /dev | grep -Ev '^(fd|full|log|null|ptmx|pts|u?random|shm|std.*|tty|zero)$'",
    "processes of the machine": "test $(ls /proc | grep -c '^[0-9]') -gt 8",
    "memory of the first process": 'python3 -c \'open("/proc/1/mem", "rb")\'',
    "shared memory of the machine": "test $(ipcs -m | grep -c 0x) -gt 0",
    "capabilities it has not": "grep -q '^CapBnd:.*ffff' /proc/self/status",
    "a bounding set of its own": "python3 -c 'import ctypes; exit(ctypes.CDLL(None).capset(0, 0))'",
}
WITHIN = {
    "its scenario's folder": "touch ./written && test -e written && rm written",
    "its own directory": "touch $TESTBED_DIRECTORY/x",
    "temporary files": "f=$(mktemp) && echo x > $f && rm $f",
    "the devices that hold nothing": "echo x > /dev/null && head -c 1 /dev/zero /dev/urandom > /dev/null",
    "its own output": "echo said > /dev/stdout",
    "a port below 1024": "python3 -c 'import socket; socket.create_server((\"0.0.0.0\", 26))'",
    "its own processes": "sleep 9 & kill $!",
    "the lab's names": "getent hosts crepes.fr",
    "its host's name": "test $(hostname) = crepes.fr",
}
_SCRIPT = """
{name}() {{ {line}; }}
( {name} ) >/dev/null 2>&1 && echo "{number} yes" || echo "{number} no"
"""

STEP = """
title: A step tries to get out
hosts: {{crepes.fr: {{mailboxes: [x]}}}}
steps:
  - run: {{command: [bash, {script}], on: crepes.fr, time_limit: 60s}}
expect:
  - exited: {{command: bash}}
"""
HOST = """
title: A host tries to get out
hosts:
  crepes.fr: {{role: relay, command: [bash, {script}], listens: 587, ready_within: 60s}}
steps:
  - wait: 100ms
expect:
  - running: crepes.fr
"""
_STAY = "exec python3 -c 'import socket, time; s = socket.create_server((\"0.0.0.0\", 587)); time.sleep(1000)'\n"


def written(folder: Path, lines: dict[str, str], then: str = "") -> Path:
    """A script that tries every line, and prints the number of each that succeeds."""
    script = folder / "tries.sh"
    tries = [_SCRIPT.format(name=f"try{n}", line=line, number=n) for n, line in enumerate(lines.values())]
    script.write_text("".join(tries) + then)
    return script


def answers(lines: dict[str, str], output: list[str]) -> dict[str, str]:
    told = dict(words.split() for words in output if words.endswith((" yes", " no")))
    return {name: told[str(number)] for number, name in enumerate(lines)}


@pytest.mark.parametrize("lab", [STEP, HOST], ids=["step", "host"])
def test_no_way_leads_out(lab: str, tmp_path: Path) -> None:
    lines = BREAKOUTS | WITHIN
    script = written(tmp_path, lines, _STAY if lab == HOST else "")
    (tmp_path / "s.yaml").write_text(lab.format(script=script))
    outcome = play(tmp_path / "s.yaml", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert answers(lines, said(outcome)) == dict.fromkeys(BREAKOUTS, "no") | dict.fromkeys(WITHIN, "yes")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may enter; pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="this test gives up root's privileges; elsewhere all tests run without")
@pytest.mark.parametrize("lab", [STEP, HOST], ids=["step", "host"])
def test_no_way_leads_out_of_an_ordinary_users_lab(lab: str, open_folder: Path) -> None:
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK) or not os.stat("/dev/net/tun").st_mode & 0o002:
        pytest.skip("/dev/net/tun is not open to ordinary users here")
    lines = BREAKOUTS | WITHIN
    script = written(open_folder, lines, _STAY if lab == HOST else "")
    (open_folder / "s.yaml").write_text(lab.format(script=script))
    for file in open_folder.iterdir():
        file.chmod(0o644)
    trace = open_folder / "trace.pcapng"
    ended = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, open_folder / "s.yaml", trace],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert ended.stdout == "played ''\n", ended.stdout + ended.stderr
    output = [entry.message for entry in of(inspect(str(trace)).log, events.Said)]
    assert answers(lines, output) == dict.fromkeys(BREAKOUTS, "no") | dict.fromkeys(WITHIN, "yes")


_AS_NOBODY = """
import ctypes, os, sys
from pathlib import Path
from testbed.lab import preload, run
from testbed.runner import Runner
from testbed.scenario.load import load
scenario = load(sys.argv[1])
preload([scenario])
os.environ["TMPDIR"] = os.path.dirname(sys.argv[1])
os.environ["PATH"] = "/usr/bin:/bin:/usr/sbin:/sbin"
os.setgroups([]); os.setgid(65534); os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: as in a process started by this user
[played] = Runner(run, jobs=1).run([(scenario, Path(sys.argv[2]))])
print("played", repr(played.error))
"""


def test_no_socket_file_of_the_machine_leads_out(tmp_path: Path) -> None:
    """Such as Docker's, which gives whoever may write to it the machine."""
    listening = subprocess.Popen(
        [sys.executable, "-c", f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({str(tmp_path / 'door')!r});"
         "s.listen(); print(flush=True); s.accept()"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert listening.stdout is not None
    listening.stdout.readline()
    try:
        knock = shlex.quote(f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'door')!r})")
        script = written(tmp_path, {"the door": f"python3 -c {knock}"})
        (tmp_path / "s.yaml").write_text(STEP.format(script=script))
        assert answers({"the door": ""}, said(play(tmp_path / "s.yaml", tmp_path))) == {"the door": "no"}
    finally:
        listening.kill()
        listening.communicate()


def test_where_it_is_allowed_it_writes_outside(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    inside.mkdir()
    homes = (PROJECT / ".pytest_cache", Path.home() / ".cache")
    home = next((folder for folder in homes if not folder.is_relative_to(tempfile.gettempdir())), None)
    if home is None:
        pytest.skip("the project and the user's home lie in the temporary folder, where every program may write")
    home.mkdir(parents=True, exist_ok=True)
    target = home / f"written-by-{os.getpid()}"
    outside.mkdir()
    try:
        for reach, reached in ((Reach(), "no"), (Reach(anywhere=True), "yes")):
            script = written(inside, {"outside": f"touch {target}"})
            (inside / "s.yaml").write_text(STEP.format(script=script))
            outcome = play(load(inside / "s.yaml", reach), tmp_path)
            assert answers({"outside": ""}, said(outcome)) == {"outside": reached}
    finally:
        target.unlink(missing_ok=True)


SET_ID = """
title: Whose rights a program's file gives
{needs}
steps:
  - run: {{command: [grep, NoNewPrivs, /proc/self/status], on: alice.crepes.fr}}
expect:
  - exited: {{command: grep}}
"""


@pytest.mark.parametrize(("needs", "bit"), [("", "1"), ("needs: [root]", "0")])
def test_set_user_id_counts_only_where_a_scenario_needs_root(needs: str, bit: str, tmp_path: Path) -> None:
    [line] = said(play(SET_ID.format(needs=needs), tmp_path))
    assert line.endswith(bit)


# Each leaves something behind that nobody waits for.
DAEMONS = {
    "a job": "sleep {n} &",
    "a session of its own": "setsid nohup sleep {n} >/dev/null 2>&1 &",
    "forked twice": "python3 -c 'import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); "
    "[os.close(i) for i in range(3)]; time.sleep({n})'",
    "deaf": "trap '' HUP TERM INT; sleep {n} &",
    "in numbers of its own": "unshare -Urpf sleep {n} &",
}


def test_no_daemon_outlives_its_step(tmp_path: Path) -> None:
    numbers = {name: 1_000_000_000 + os.getpid() * 100 + place for place, name in enumerate(DAEMONS)}
    script = tmp_path / "leaves.sh"
    script.write_text("\n".join(DAEMONS[name].format(n=numbers[name]) for name in DAEMONS) + "\nsleep 0.5\n")
    (tmp_path / "s.yaml").write_text(STEP.format(script=script))
    outcome = play(tmp_path / "s.yaml", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    until(lambda: not alive(numbers))


def alive(numbers: dict[str, int]) -> list[str]:
    """Which of the daemons run somewhere on this machine."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().decode("latin-1"))
        except OSError:
            continue
    return [name for name, number in numbers.items() if any(str(number) in line for line in lines)]


ODD_MAIL = "import os, sys; d = sys.argv[1] + '/bob/new'; os.makedirs(d); os.mkfifo(d + '/a'); "
ODD_MAIL += "os.symlink('/etc/passwd', d + '/b'); os.symlink('/dev/zero', d + '/c'); os.mkdir(d + '/d')"


def test_what_a_program_puts_into_its_maildirs_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(ODD_MAIL + "\n" + "import socket, time\ns = socket.create_server(('', 25))\n"
                                     "time.sleep(1000)\n")  # fmt: skip
    (tmp_path / "s.yaml").write_text(
        "title: Odd mail\nhosts:\n  someschool.edu: {command: [python3, odd.py, '{mailboxes}'], mailboxes: [bob]}\n"
        "steps: [{wait: 1s}]\nexpect: [{running: someschool.edu}]\n"
    )
    outcome = play(tmp_path / "s.yaml", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)

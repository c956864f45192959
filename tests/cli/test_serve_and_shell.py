"""Labs held open: reached from outside through forwarded ports, and from inside by programs."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from testbed.cli import main
from testbed.net.program_time.library import compiler
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from testbed.trace.model.log import of
from tests.command import testbed
from tests.conftest import PROJECT
from tests.patience import HANG_S, until

DELIVERED = str(PROJECT / "scenarios" / "delivered.yaml")
CUT = str(PROJECT / "scenarios" / "dialogue" / "cut.yaml")


class Served:
    """``testbed serve`` in a process of its own, from the moment its lab is open."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "testbed", "serve", *arguments],
            cwd=PROJECT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.doors: dict[tuple[str, str], int] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.match(r"(\S+) +(\S+) +\S+ +(?:http://)?127\.0\.0\.1:(\d+)", line):
                self.doors[found[1], found[2]] = int(found[3])
            if "The lab is open" in line:
                break

    def end(self, number: int = signal.SIGINT) -> str:
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=HANG_S)
        assert self.process.returncode == 0, errors
        return output


@pytest.fixture
def serve() -> Iterator[type[Served]]:
    started: list[Served] = []

    class Tracked(Served):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            started.append(self)

    yield Tracked
    for one in started:
        one.process.kill()
        one.process.communicate()


def message(recipient: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "alice@crepes.fr", recipient, "<from@outside>"
    mail.set_content("Hello from outside.")
    return mail


def trace(folder: Path) -> Analysis:
    [file] = folder.glob("*.pcapng")
    analysis = inspect(file)
    assert analysis.problems == ()
    return analysis


def ended(analysis: Analysis) -> events.LabEnded:
    [entry] = of(analysis.log, events.LabEnded)
    return entry.event


@pytest.mark.lab
def test_mail_from_outside_reaches_bob_and_the_trace(serve: type[Served], tmp_path: Path) -> None:
    lab = serve(DELIVERED, "--keep", str(tmp_path))
    assert set(lab.doors) == {
        ("crepes.fr", "smtp"),
        ("crepes.fr", "submission"),
        ("someschool.edu", "smtp"),
        *((host, protocol) for host in ("crepes.fr", "someschool.edu") for protocol in ("pop3", "imap")),
        ("mail.someschool.edu", "http"),
    }
    with smtplib.SMTP("127.0.0.1", lab.doors["crepes.fr", "submission"], timeout=HANG_S) as client:
        client.send_message(message("bob@someschool.edu"))
    output = lab.end()
    assert f"trace in {tmp_path}/delivered.pcapng" in output
    analysis = trace(tmp_path)
    assert set(analysis.capture.comments) == set(analysis.capture.frame.tolist())
    [visit] = [c for c in analysis.connections if c.client.label == "outside.lab"]
    assert visit.server.label == "crepes.fr"
    assert visit.service == "submission"
    stored = [entry.event.message_id for entry in of(analysis.log, events.Stored)]
    assert "<from@outside>" in stored
    assert len(stored) == 2  # and the one of the scenario's steps
    assert [entry.event.to for entry in of(analysis.log, events.Visited)] == ["crepes.fr"]


@pytest.mark.lab
def test_steps_may_be_left_out_and_sigterm_ends_it_too(serve: type[Served], tmp_path: Path) -> None:
    lab = serve(DELIVERED, "--no-steps", "--keep", str(tmp_path))
    lab.end(signal.SIGTERM)
    assert {type(entry.event) for entry in trace(tmp_path).log} == {events.LabStarted, events.LabEnded}


@pytest.mark.lab
def test_a_chosen_port_leads_to_the_chosen_host(serve: type[Served], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    lab = serve(DELIVERED, "--no-steps", "--keep", str(tmp_path), "--forward", f"{port}:someschool.edu:25")
    assert lab.doors["someschool.edu", "smtp"] == port
    with smtplib.SMTP("127.0.0.1", port, timeout=HANG_S) as client:
        assert client.ehlo()[1].startswith(b"someschool.edu")
    lab.end()


@pytest.mark.lab
def test_two_labs_serve_side_by_side(serve: type[Served], tmp_path: Path) -> None:
    first = serve(DELIVERED, "--no-steps", "--keep", str(tmp_path / "1"))
    second = serve(DELIVERED, "--no-steps", "--keep", str(tmp_path / "2"))
    assert not set(first.doors.values()) & set(second.doors.values())
    first.end()
    second.end()


@pytest.mark.lab
def test_it_ends_after_its_seconds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", DELIVERED, "--no-steps", "--for", "0.1", "--keep", str(tmp_path)]) == 0
    assert "outside" in capsys.readouterr().out
    assert ended(trace(tmp_path)).reason == "all steps played"


@pytest.mark.lab
@pytest.mark.parametrize("command", ["serve", "shell"])
def test_one_case_of_a_matrix(command: str, tmp_path: Path) -> None:
    more = ["--for", "0.1"] if command == "serve" else []
    tail = ["--", "true"] if command == "shell" else []
    arguments = [command, CUT, "--case", "command=MAIL, how=reset", "--keep", str(tmp_path), *more, *tail]
    assert main(arguments) == 0
    lab = trace(tmp_path).lab
    assert lab is not None
    assert lab.case == "command=MAIL, how=reset"


@pytest.mark.lab
def test_a_command_in_the_lab_resolves_names_and_speaks_as_the_user_agent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = "import smtplib; print(smtplib.SMTP('someschool.edu').ehlo('alice.crepes.fr')[1].split()[0])"
    assert main(["shell", DELIVERED, "--no-steps", "--keep", str(tmp_path), "--", sys.executable, "-c", program]) == 0
    assert "someschool.edu" in capfd.readouterr().out
    [connection] = [c for c in trace(tmp_path).connections if c.transport.protocol == "tcp"]
    assert (connection.client.label, connection.server.label) == ("alice.crepes.fr", "someschool.edu")


@pytest.mark.lab
@pytest.mark.parametrize("ip", ["ipv6", "both"])
def test_a_command_may_speak_as_another_host(ip: str, tmp_path: Path) -> None:
    scenario = tmp_path / "v6.yaml"
    scenario.write_text(f"title: x\nip: {ip}\nsteps: [{{wait: 1s}}]\nexpect: [{{queued: {{at: crepes.fr}}}}]\n")
    program = "import smtplib; smtplib.SMTP('crepes.fr').quit()"
    arguments = ["shell", str(scenario), "--on", "someschool.edu", "--keep", str(tmp_path)]
    assert main([*arguments, "--", sys.executable, "-c", program]) == 0
    [connection] = [c for c in trace(tmp_path).connections if c.transport.protocol == "tcp"]
    assert connection.client.label == "someschool.edu"
    assert ":" in connection.client.address


@pytest.mark.lab
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-program"], 127),
        (["/dev/null"], 126),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_exit_code_is_the_commands(command: list[str], code: int, tmp_path: Path) -> None:
    assert main(["shell", DELIVERED, "--no-steps", "--keep", str(tmp_path), "--", *command]) == code
    assert ended(trace(tmp_path)).reason == "all steps played"


@pytest.mark.lab
def test_time_is_real_while_somebody_is_there(tmp_path: Path) -> None:
    """The relay's next attempt is half an hour away, and stays so."""
    scenario = tmp_path / "full.yaml"
    scenario.write_text((PROJECT / "scenarios" / "mailbox-full.yaml").read_text())
    program = (
        "import smtplib; s = smtplib.SMTP('crepes.fr'); "
        "s.sendmail('alice@crepes.fr', ['bob@someschool.edu'], 'Message-ID: <a@b>\\r\\n\\r\\nHello\\r\\n'); s.quit()"
    )
    arguments = ["shell", str(scenario), "--no-steps", "--keep", str(tmp_path)]
    assert main([*arguments, "--", sys.executable, "-c", program]) == 0
    took = ended(trace(tmp_path))
    assert took.scenario_seconds < took.real_seconds + 60


GREYLISTED = """
title: A receiver that puts off for three hours
faults: [{at: someschool.edu, on: RCPT, reply: 451 4.7.1 Greylisted, until: 3h}]
steps: [{wait: 1s}]
expect: [{queued: {at: crepes.fr}}]
"""

SENDS_AGAIN = {
    "python3": """
import os, smtplib, time
began, attempts = time.time(), 0
while True:
    attempts += 1
    try:
        with smtplib.SMTP(os.environ["TESTBED_SOMESCHOOL_EDU_SMTP_HOST"], 25) as client:
            client.sendmail("alice@crepes.fr", "bob@someschool.edu", "Subject: Again\\r\\n\\r\\nHello\\r\\n")
        break
    except smtplib.SMTPRecipientsRefused:
        time.sleep(1800)
print(attempts, "attempts in", round((time.time() - began) / 3600), "hours")
""",
    "node": """
const net = require("net"), began = Date.now();
const rcpt = "RCPT TO:<bob@someschool.edu>";
const lines = ["EHLO a", "MAIL FROM:<alice@crepes.fr>", rcpt, "DATA", "Subject: x\\r\\n\\r\\nx\\r\\n."];
let attempts = 0;
function attempt() {
  attempts += 1;
  const left = [...lines], socket = net.connect(25, process.env.TESTBED_SOMESCHOOL_EDU_SMTP_HOST);
  socket.on("data", said => {
    if (socket.writableEnded) return;
    if (String(said).startsWith("4")) { socket.end("QUIT\\r\\n"); setTimeout(attempt, 1800000); return; }
    if (left.length) { socket.write(left.shift() + "\\r\\n"); return; }
    console.log(attempts, "attempts in", Math.round((Date.now() - began) / 3600000), "hours");
    socket.end("QUIT\\r\\n");
  });
}
attempt();
""",
}


def scenario(folder: Path, text: str) -> str:
    file = folder / "scenario.yaml"
    file.write_text(text)
    return str(file)


needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")


@needs_compiler
@pytest.mark.lab
@pytest.mark.parametrize("command", ["serve", "shell"])
@pytest.mark.parametrize("language", SENDS_AGAIN)
def test_a_command_tries_every_half_hour_on_the_labs_clock(
    language: str, command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = shutil.which(language)
    if program is None:
        pytest.skip(f"{language} is not installed")
    says = "-e" if language == "node" else "-c"
    arguments = [command, scenario(tmp_path, GREYLISTED), "--no-steps", "--scenario-time", "--keep", str(tmp_path)]
    assert main([*arguments, "--", program, says, SENDS_AGAIN[language]]) == 0
    assert "7 attempts in 3 hours" in capfd.readouterr().out
    analysis = trace(tmp_path)
    clients = {c.client.label for c in analysis.connections if c.server.label == "someschool.edu"}
    assert clients == {"outside.lab" if command == "serve" else "alice.crepes.fr"}
    assert ended(analysis).scenario_seconds > 3 * 3600 - 60


HAND_IN = """
import smtplib, sys, time
with smtplib.SMTP("crepes.fr") as client:
    client.sendmail("alice@crepes.fr", ["bob@someschool.edu"], "Message-ID: <a@b>\\r\\n\\r\\nHello\\r\\n")
began = time.time()
digest = b""
for _ in range(200):
    digest = __import__("hashlib").pbkdf2_hmac("sha256", digest, b"salt", 2000)
sys.exit(time.time() - began > 600)
"""


@needs_compiler
@pytest.mark.lab
def test_nothing_jumps_while_the_command_works_nor_after_it_has_ended(tmp_path: Path) -> None:
    """The relay's next attempt is half an hour away, and stays so."""
    full = scenario(tmp_path, (PROJECT / "scenarios" / "mailbox-full.yaml").read_text())
    arguments = ["shell", full, "--no-steps", "--scenario-time", "--keep", str(tmp_path)]
    assert main([*arguments, "--", sys.executable, "-c", HAND_IN]) == 0
    took = ended(trace(tmp_path))
    assert took.scenario_seconds < took.real_seconds + 600


@needs_compiler
@pytest.mark.lab
def test_what_a_command_leaves_in_the_background_counts_and_ends_with_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A daemon's timer is due before the command's own, and an endless one keeps nothing open."""
    line = (
        "(setsid sh -c 'sleep 3600; date +%s > a' &); sleep 86400 & sleep 7200; date +%s > b; expr $(cat b) - $(cat a)"
    )
    arguments = ["shell", DELIVERED, "--no-steps", "--scenario-time", "--keep", str(tmp_path)]
    assert main([*arguments, "--", "sh", "-c", f"cd {tmp_path}; {line}"]) == 0
    assert 3590 < int(capfd.readouterr().out) < 3610
    assert ended(trace(tmp_path)).scenario_seconds < 86400


@pytest.mark.lab
def test_a_command_beside_the_lab_finds_its_ports_and_gives_its_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import os, smtplib; host, port = os.environ['TESTBED_SUBMISSION_HOST'], os.environ['TESTBED_SUBMISSION_PORT'];"
        "print(host, smtplib.SMTP(host, int(port)).ehlo()[1].split()[0].decode()); raise SystemExit(5)"
    )
    assert main(["serve", DELIVERED, "--no-steps", "--keep", str(tmp_path), "--", sys.executable, "-c", program]) == 5
    assert "127.0.0.1 crepes.fr" in capfd.readouterr().out
    [visit] = [c for c in trace(tmp_path).connections if c.transport.protocol == "tcp"]
    assert visit.client.label == "outside.lab"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve"], "name a scenario file; without one, say --control"),
        (["serve", str(PROJECT / "scenarios")], "is a folder; name one scenario file"),
        (["serve", CUT], "name one of them"),
        (["serve", DELIVERED, "--case", "x=1"], "has no matrix"),
        (["serve", DELIVERED, "--forward", "8080"], "write PORT:HOST:PORT"),
        (["serve", DELIVERED, "--forward", "0:crepes.fr:25"], "from 1 to 65535"),
        (["serve", DELIVERED, "--forward", "8080:crepe.fr:25"], "did you mean 'crepes.fr'?"),
        (["shell", DELIVERED, "--on", "someschool.ed"], "did you mean 'someschool.edu'?"),
        (
            ["shell", DELIVERED, "swaks"],
            "swaks; a command stands behind --: testbed shell FILE -- swaks",
        ),
        (["shell", DELIVERED, "--scenario-time"], "add -- COMMAND"),
        (["serve", DELIVERED, "--scenario-time", "--forward", "1:crepes.fr:25", "--", "true"], "leave --forward out"),
        (["serve", DELIVERED, "--for", "1", "--", "true"], "leave --for out"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", DELIVERED, "--forward", f"{port}:crepes.fr:25"]) == 2
    assert f"port {port} of 127.0.0.1 cannot be listened on: address already in use" in capsys.readouterr().err


@pytest.mark.lab
def test_many_visitors_at_once_and_one_who_hangs_up(serve: type[Served], tmp_path: Path) -> None:
    lab = serve(DELIVERED, "--no-steps", "--keep", str(tmp_path))
    port = lab.doors["crepes.fr", "submission"]
    hasty = socket.create_connection(("127.0.0.1", port))
    hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    hasty.close()  # with a reset
    greetings: list[bytes] = []

    def greet() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=HANG_S) as client:
            greetings.append(client.ehlo()[1])

    visitors = [threading.Thread(target=greet) for _ in range(10)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert len(greetings) == 10
    lab.end()


class Terminal:
    """``testbed shell`` on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "SHELL": "/bin/sh", "PS1": "$ ", "PYTHONPATH": str(PROJECT)}
            os.execve(sys.executable, [sys.executable, "-m", "testbed", "shell", *arguments], environment)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def until(self, text: str) -> str:
        """Wait for a text, and give what came before it."""
        while text not in self.shown:
            self.shown += os.read(self._terminal, 4096).decode(errors="replace")
        before, _, self.shown = self.shown.partition(text)
        return before

    def end(self) -> int:
        with contextlib.suppress(OSError):  # the terminal is gone
            while os.read(self._terminal, 4096):
                pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.lab
def test_ctrl_c_in_a_shell_ends_what_runs_in_it_and_not_the_lab(tmp_path: Path) -> None:
    terminal = Terminal(DELIVERED, "--no-steps", "--keep", str(tmp_path))
    terminal.until("'exit' ends the lab")
    # Only what runs in the foreground already is interrupted, hence it speaks itself.
    terminal.type("sh -c 'echo begun; exec sleep 1000'; echo still-$((40 + 2))\n")
    terminal.until("begun\r\n")
    terminal.type("\x03")
    terminal.until("$ ")
    terminal.type("echo here-$((40 + 2)); hostname; exit 5\n")
    terminal.until("here-42")
    terminal.until("alice.crepes.fr")
    assert terminal.end() == 5
    assert ended(trace(tmp_path)).reason == "all steps played"


@pytest.mark.lab
def test_killing_it_takes_the_shell_and_the_lab_along(tmp_path: Path) -> None:
    terminal = Terminal(DELIVERED, "--no-steps", "--keep", str(tmp_path))
    terminal.until("'exit' ends the lab")
    terminal.type("readlink /proc/self/ns/net\n")
    terminal.until("net:[")
    number = terminal.until("]")
    os.kill(terminal.pid, signal.SIGKILL)
    assert terminal.end() == -signal.SIGKILL
    until(lambda: all(_network(process) != f"net:[{number}]" for process in Path("/proc").glob("[0-9]*")))


def _network(process: Path) -> str:
    try:
        return os.readlink(process / "ns" / "net")
    except OSError:
        return ""


@pytest.mark.lab
def test_what_comes_in_is_told_as_it_comes(tmp_path: Path) -> None:
    """Passwords and addresses from the start, then who connects and what becomes of mail."""
    sends = (
        "import os, smtplib; s = smtplib.SMTP(os.environ['TESTBED_SMTP_HOST'], int(os.environ['TESTBED_SMTP_PORT'])); "
        "s.sendmail('eve@x.example', ['bob@someschool.edu'], 'Subject: hi')"
    )
    shown = testbed(
        "serve", "--no-steps", "--keep", tmp_path, "scenarios/mailbox-full.yaml", "--", sys.executable, "-c", sends
    )
    assert shown.returncode == 0, shown.stderr
    told = shown.stderr
    parts = (
        "bob@someschool.edu  password secret",
        "lab: somebody at port",
        "is connected to crepes.fr port 25",
        "crepes.fr: queues a message without Message-ID as Q1 for bob@someschool.edu",
        "trace in",
    )
    assert sorted(parts, key=told.index) == list(parts)


@pytest.mark.lab
def test_what_is_found_is_told_when_a_connection_has_ended(serve: type[Served], tmp_path: Path) -> None:
    lab = serve(DELIVERED, "--no-steps", "--keep", str(tmp_path))
    with smtplib.SMTP("127.0.0.1", lab.doors["someschool.edu", "smtp"], timeout=HANG_S) as client:
        client.ehlo("x.example")
        client.mail("eve@x.example")
        assert client.rcpt("nobody@someschool.edu")[0] == 550
    assert lab.process.stdout is not None
    told = next(line for line in lab.process.stdout if "▲" in line or "✗" in line)
    assert re.match(r"[0-9:]{8} . someschool\.edu refused mail for nobody@someschool\.edu", told)
    [finding] = [one for one in trace_after(lab, tmp_path).findings if "nobody" in one.text]
    assert f"frame {finding.frames[0]}" in told


def trace_after(lab: Served, folder: Path) -> Analysis:
    lab.end()
    return trace(folder)


@pytest.mark.lab
@pytest.mark.parametrize(("expected", "code"), [("bob", 0), ("alice", 1)])
def test_expectations_are_judged_where_that_is_wanted(expected: str, code: int, tmp_path: Path) -> None:
    scenario = tmp_path / "x.yaml"
    scenario.write_text(
        "title: T\nhosts: {someschool.edu: {mailboxes: [bob, alice]}}\nsteps: [{send: {to: bob@someschool.edu}}]\n"
        f"expect: [{{delivered: {{to: {expected}@someschool.edu}}}}]\n"
    )
    judged = testbed("serve", "--judge", scenario, "--", "true")
    assert judged.returncode == code, judged.stderr
    assert f"delivered to {expected}@someschool.edu" in judged.stderr
    assert testbed("serve", scenario, "--", "true").returncode == 0
    assert testbed("serve", "--judge", scenario, "--", "sh", "-c", "exit 7").returncode == 7

"""Hosts that are programs of the user's: started and awaited, with addresses of their own, and gone with their lab."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.trace.model.connection import Closure
from testbed.trace.model.log import of
from tests.conftest import PROJECT
from tests.lab.test_programs import said
from tests.lab.test_scenarios import play, why
from tests.patience import until

pytestmark = pytest.mark.lab

LITTLE_RELAY = PROJECT / "scenarios" / "programs" / "little-relay.py"

LISTENER = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda number, frame: (print("told to end", flush=True), sys.exit(7)))
listener = socket.create_server((%r, %d), family=%s)
print("listening", flush=True)
%s
while True:
    time.sleep(0.05)
"""


def listener(folder: Path, then: str = "", *, address: str = "", port: int = 25) -> str:
    """The command of a program that listens, then does something, and waits."""
    file = folder / "listener.py"
    file.write_text(LISTENER % (address, port, "socket.AF_INET6" if ":" in address else "socket.AF_INET", then))
    return f"[{sys.executable}, {file}]"


def lab(
    command: str, folder: Path, *, listens: str = "25", more: str = "", steps: str = "[wait: 1s]", expect: str = ""
) -> Outcome:
    """A lab with a program in place of the relay."""
    return play(
        f"""
title: A program is the relay
hosts:
  alice.crepes.fr: {{port: 25}}
  crepes.fr: {{role: relay, command: {command}, listens: {listens}{more}}}
steps: {steps}
expect: [{expect or "running: crepes.fr"}]
""",
        folder,
    )


def logged(outcome: Outcome, kind: type[events.LogEvent]) -> list[str]:
    assert outcome.analysis is not None
    return [entry.message for entry in of(outcome.analysis.log, kind)]


def test_a_relay_of_ones_own_is_put_off_and_delivers(tmp_path: Path) -> None:
    outcome = play(
        f"""
title: x
hosts:
  crepes.fr: {{role: relay, command: [{sys.executable}, {LITTLE_RELAY}, "{{domain}}", 25, 587], time: real}}
faults:
  - {{at: someschool.edu, on: RCPT, reply: 450 4.7.1 Later, times: 1}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 9s
expect:
  - delivered: {{to: bob@someschool.edu}}
  - queued: {{at: crepes.fr, count: 0}}
  - attempts: {{from: crepes.fr, to: someschool.edu, count: 2}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert "listening at 192.0.2.20" in said(outcome)
    assert logged(outcome, events.CameTrue)  # and the nine seconds were not waited for
    assert outcome.played.seconds < 9


def test_a_wait_does_not_end_before_a_reply_that_comes_late(tmp_path: Path) -> None:
    outcome = play(
        f"""
title: The reply comes when the message is there already
hosts:
  crepes.fr: {{role: relay, command: [{sys.executable}, {LITTLE_RELAY}, "{{domain}}", 25, 587]}}
faults:
  - {{at: someschool.edu, on: message, delay: 2s, times: 1}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 20s
expect:
  - delivered: {{to: bob@someschool.edu}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert "reply-to-message-lost" not in {finding.code for finding in outcome.analysis.findings}
    [last] = [c for c in outcome.analysis.connections if c.server.name == "someschool.edu" and c.service == "smtp"]
    assert last.ending.closure is Closure.NORMAL


def test_what_begins_when_all_steps_are_played_is_not_waited_for(tmp_path: Path) -> None:
    """A server that says nothing at the second try, which is due when the play is over."""
    receiver = tmp_path / "receiver.py"
    receiver.write_text(
        "import socket, time\n"
        'with socket.create_server(("", 25)) as listener:\n'
        "    first, _ = listener.accept()\n"
        "    first.sendall(b'421 4.3.2 Later' + bytes((13, 10)))\n"
        "    first.close()\n"
        "    time.sleep(3600)\n"
    )
    outcome = play(
        f"""
title: A server hangs when the play is over
hosts:
  crepes.fr: {{retry: 1s}}
  someschool.edu: {{role: receiver, command: [{sys.executable}, {receiver}]}}
steps:
  - send: {{to: bob@someschool.edu}}
expect:
  - queued: {{at: crepes.fr}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert logged(outcome, events.LabEnded)[0].startswith("all steps played")


def test_delivery_takes_from_when_the_first_host_has_taken_it(tmp_path: Path) -> None:
    """A relay that says 250 at once, is put off, and passes on half a second later."""
    client = "import smtplib; s = smtplib.SMTP('crepes.fr', 587); s.sendmail('alice@crepes.fr', 'bob@someschool.edu', "
    client += "'Message-ID: <1@alice.crepes.fr>\\n\\nHello'); s.quit()"
    outcome = play(
        f"""
title: A relay takes its time
hosts:
  crepes.fr: {{role: relay, command: [{sys.executable}, {LITTLE_RELAY}, "{{domain}}", 25, 587]}}
faults:
  - {{at: someschool.edu, on: RCPT, reply: 450 4.7.1 Later, times: 1}}
steps:
  - run: {{command: [{sys.executable}, -c, {json.dumps(client)}]}}
  - wait: 9s
expect:
  - delivered: {{to: bob@someschool.edu, within: 400ms}}
""",
        tmp_path,
    )
    assert outcome.judgement is not None
    [late] = outcome.judgement.expectations
    assert not late.held
    assert "too late" in late.why


def test_what_it_still_owes_is_told_from_its_packets(tmp_path: Path) -> None:
    outcome = play(
        f"""
title: x
hosts:
  crepes.fr: {{role: relay, command: [{sys.executable}, {LITTLE_RELAY}, "{{domain}}", 25, 587]}}
faults:
  - {{at: someschool.edu, on: RCPT, reply: 450 4.7.1 Later}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 2s
expect:
  - queued: {{at: crepes.fr, to: bob@someschool.edu, count: 1}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.judgement is not None
    held, conserved = outcome.judgement.not_judged  # no tick beside "no mail is lost"
    assert "a program, still has" in held.why
    assert conserved.why == "no promise could be followed to its end"


@pytest.mark.parametrize("ip", ["ipv4", "ipv6", "both"])
def test_programs_at_one_time_have_each_its_own_address(ip: str, tmp_path: Path) -> None:
    """Both bind every address and the same port, and speak without binding any."""
    talk = 'import smtplib; smtplib.SMTP("someschool.edu", local_hostname="x").quit()'
    command = listener(tmp_path, talk, address="::" if ip != "ipv4" else "")
    outcome = play(
        f"""
title: x
ip: {ip}
hosts:
  crepes.fr: {{role: relay, command: {command}, listens: 25}}
  hamburger.edu: {{role: relay, command: {command}, listens: 25}}
  alice.crepes.fr: {{port: 25}}
steps: [wait: 3s]
expect:
  - connection: {{from: crepes.fr, to: someschool.edu, handshake: complete}}
  - connection: {{from: hamburger.edu, to: someschool.edu, handshake: complete}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)


def test_nothing_is_sent_to_find_out_whether_it_listens(tmp_path: Path) -> None:
    outcome = lab(listener(tmp_path), tmp_path)
    assert outcome.analysis is not None
    assert len(outcome.analysis.connections) == 0


def test_it_is_told_to_end_and_its_last_words_are_heard(tmp_path: Path) -> None:
    outcome = lab(listener(tmp_path), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert said(outcome) == ["listening", "told to end"]
    assert logged(outcome, events.Stopped) == [f"{sys.executable} is stopped: exit status 7"]


CROWDED = """
import os, subprocess
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
crowd = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(3)]
"""


def test_how_long_it_waited_for_a_processor_is_told_at_its_end(tmp_path: Path) -> None:
    outcome = lab(listener(tmp_path, CROWDED), tmp_path, more=", time: real", steps='[run: [sleep, "2"]]')
    assert outcome.analysis is not None
    [told] = of(outcome.analysis.log, events.Starved)
    assert told.host == "crepes.fr"
    assert told.event.seconds >= 0.5
    assert f"has waited {told.event.seconds:.1f} s for a processor" in told.message


def test_one_that_does_not_heed_sigterm_is_killed_with_all_it_started(tmp_path: Path) -> None:
    mark = f"{tmp_path}/alive"
    then = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
import subprocess
for command in ("sleep 1000", "setsid sleep 1000", "(setsid sleep 1000 &)"):
    subprocess.Popen([ "sh", "-c", command + " #{mark}"])
"""
    outcome = lab(listener(tmp_path, then), tmp_path, more=", stop_within: 300ms")
    assert logged(outcome, events.Stopped) == [
        f"{sys.executable} does not heed SIGTERM, and is killed: exit status 137"
    ]
    assert not running(mark)


def test_one_that_ends_by_itself_is_an_event_and_the_lab_goes_on(tmp_path: Path) -> None:
    outcome = lab(
        listener(tmp_path, "time.sleep(0.5); sys.exit(3)"),
        tmp_path,
        steps="[wait: 1s, send: {to: bob@someschool.edu}, wait: 1h]",
        expect="exited: {command: listener, status: 3}",
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert logged(outcome, events.Exited) == [f"{sys.executable} exits with status 3, while the lab goes on"]
    assert logged(
        outcome, events.SubmissionFailed
    )  # the hour has passed at once: nobody is there for whom time is real
    outcome = lab(listener(tmp_path, "time.sleep(0.5); sys.exit(0)"), tmp_path)
    assert outcome.result is Result.FAILED  # it does not keep running


def test_it_can_be_made_to_crash_and_to_start_again(tmp_path: Path) -> None:
    outcome = play(
        f"""
title: x
hosts:
  alice.crepes.fr: {{port: 25}}
  crepes.fr: {{role: relay, command: {listener(tmp_path)}, listens: 25}}
faults: [{{host: crepes.fr, is: crashed, from: 300ms, until: 600ms}}]
steps: [wait: 2s]
expect: [attempts: {{to: someschool.edu, count: 0}}, running: crepes.fr]
""",
        tmp_path,
    )
    assert said(outcome) == ["listening", "listening", "told to end"]


@pytest.mark.parametrize(
    ("then", "port", "address", "problem"),
    [
        ("", 26, "", "does not listen on TCP port 25 within 5 s; but on 26; the program sleeps; it has used"),
        ("", 25, "127.0.0.1", "does not listen on TCP port 25 within 5 s; only on 127.0.0.1, where no other host"),
        ("sys.exit('no configuration')", 26, "", "ended with status 1 before it listened on TCP port 25; its last"),
    ],
    ids=["another-port", "loopback", "exits"],
)
def test_one_that_does_not_listen_is_red(then: str, port: int, address: str, problem: str, tmp_path: Path) -> None:
    outcome = lab(listener(tmp_path, then, port=port, address=address), tmp_path, more=", ready_within: 5s")
    assert outcome.result is Result.FAILED, why(outcome)
    assert outcome.judgement is not None
    [verdict] = [verdict for verdict in outcome.judgement.always if not verdict.held]
    assert verdict.why.startswith(f"crepes.fr: the program {problem}")


def test_one_that_is_missing_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    assert lab("no-such-relay", tmp_path).played.error == (
        "scenario.yaml: crepes.fr: the program 'no-such-relay' is not here; install it, or say 'needs: "
        "[no-such-relay]' to skip the scenario where it is missing"
    )


def test_its_output_is_bounded_and_the_lab_goes_on_beside_it(tmp_path: Path) -> None:
    then = """
import threading
def chatter():
    for _ in range(20_000): print("x" * 3000)
threading.Thread(target=chatter, daemon=True).start()
"""
    outcome = lab(listener(tmp_path, then), tmp_path, more=", stop_within: 300ms")
    assert outcome.result is Result.HELD, why(outcome)
    assert logged(outcome, events.Said)[-1].endswith("octets more, left out)")
    assert len(logged(outcome, events.Said)) <= 2_001


def test_it_finds_its_files_with_the_facts_of_the_lab_in_them(tmp_path: Path) -> None:
    listener(tmp_path)
    outcome = play(
        f"""
title: x
hosts:
  crepes.fr:
    role: relay
    starttls: true
    command: [sh, "{{directory}}/start"]
    files:
      start: |
        cat {{directory}}/etc/x.conf; openssl verify -CAfile $TESTBED_CA {{certificate}}; echo $WHO on $TESTBED_ADDRESS
        hostname; exec {sys.executable} {tmp_path}/listener.py
      etc/x.conf: "listen {{address}} {{ {{no_fact}} }} dns {{name_server}} peer {{address:someschool.edu}}\\n"
    environment: {{WHO: "{{name}}"}}
    listens: 25
  alice.crepes.fr: {{port: 25}}
steps: [wait: 1s]
expect: [running: crepes.fr]
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert said(outcome)[0] == "listen 192.0.2.20 { {no_fact} } dns 192.0.2.53 peer 192.0.2.30"
    assert said(outcome)[1].endswith("certificate.pem: OK")
    assert said(outcome)[2:5] == ["crepes.fr on 192.0.2.20", "crepes.fr", "listening"]


def test_a_step_on_it_runs_in_its_network_beside_it(tmp_path: Path) -> None:
    script = "import socket; socket.create_connection(('127.0.0.1', 25)); print('{address}')"
    outcome = lab(
        listener(tmp_path),
        tmp_path,
        steps=f'[run: {{command: [{sys.executable}, -c, "{script}"], on: crepes.fr}}]',
        expect="exited: {status: 0, output: 192.0.2.20}",
    )
    assert outcome.result is Result.HELD, why(outcome)


def test_what_it_delivers_into_maildirs_is_judged_like_our_mailboxes(tmp_path: Path) -> None:
    then = """
import mailbox, os
box = mailbox.Maildir(os.environ["TESTBED_MAILBOXES"] + "/bob", create=True)
box.add(b"Return-Path: <alice@crepes.fr>\\nMessage-ID: <1@x>\\nSubject: Lunch?\\n\\nhi\\n")
"""
    outcome = play(
        f"""
title: x
hosts:
  someschool.edu: {{command: {listener(tmp_path, then)}, mailboxes: [bob]}}
steps: [wait: 1s]
expect:
  - mailbox: {{of: bob@someschool.edu, messages: 1, body: "hi<CRLF>"}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize("where", ["host", "step"])
@pytest.mark.parametrize("address", ["203.0.113.1", "2001:db8:1::1"])
def test_what_would_leave_the_lab_is_refused_at_once_and_told(where: str, address: str, tmp_path: Path) -> None:
    attempt = f"""
import socket, time
began = time.monotonic()
try:
    socket.create_connection(("{address}", 25))
except OSError as error:
    print(type(error).__name__, error.strerror, time.monotonic() - began < 30, flush=True)
"""
    (tmp_path / "attempt.py").write_text(attempt)
    command = f"[{sys.executable}, {tmp_path}/attempt.py]"
    outcome = play(
        f"""
title: x
ip: both
hosts:
  other.lab: {{role: client, command: {command if where == "host" else "sleep 100"}}}
steps:
  - {"wait: 1s" if where == "host" else f"run: {{command: {command}}}"}
expect:
  - exited: {{command: attempt}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    [line] = said(outcome)
    assert line.endswith("True")
    assert line.startswith(("OSError No route to host", "PermissionError Permission denied"))
    [told] = logged(outcome, events.RefusedOutside)
    assert f"may not reach {address} port 25: no packet leaves the lab" in told
    assert outcome.analysis is not None
    assert {finding.code for finding in outcome.analysis.findings} == {"host-unreachable"}


def test_nothing_of_it_survives_when_the_runner_is_killed(tmp_path: Path) -> None:
    mark = f"{tmp_path}/still-here"
    file = tmp_path / "x.yaml"
    then = f"import subprocess; subprocess.Popen(['setsid', 'sh', '-c', 'sleep 1000; : {mark}'])"
    file.write_text(f"""
title: x
hosts:
  alice.crepes.fr: {{port: 25}}
  crepes.fr: {{role: relay, command: {listener(tmp_path, then)}, listens: 25}}
steps: [wait: 20s]
expect: [attempts: {{to: someschool.edu, count: 3}}]
""")
    runner = subprocess.Popen([sys.executable, "-m", "testbed", "run", str(file)], stdout=subprocess.DEVNULL)
    until(lambda: running(mark) and running(f"{tmp_path}/listener.py"))
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    until(lambda: not running(mark) and not running(f"{tmp_path}/listener.py"))


MISTAKES = {
    "hosts: {client.lab: {role: client, command: x, stores: mbox}}": "client.lab has no users whose mailboxes",
    "hosts: {crepes.fr: {command: x, stores: {form: mbox, at: mail}}}": "at",
    "hosts: {crepes.fr: {holds: mailq}}": "'holds' goes with 'command'",
    "hosts: {crepes.fr: {retry: 1h, command: x}}": "'retry' is for the lab's own hosts",
    "hosts: {someschool.edu: {command: x, mailboxes: {bob: {quota: 1 KB}}}}": "'mailboxes.bob.quota' is for the lab's",
    "hosts: {crepes.fr: {listens: [25]}}": "'listens' goes with 'command'",
    "hosts: {crepes.fr: {command: x, listens: [25]}}": "crepes.fr does not say that it listens on port 587",
    "hosts: {crepes.fr: {command: x, files: {../x: y}}}": "'../x' does not lie in the program's own directory",
    "hosts: {crepes.fr: {command: 'x {address:nobody.fr}'}}": "there is no host 'nobody.fr' for a placeholder",
    "hosts: {crepes.fr: {command: x}}\nfaults: [{at: crepes.fr, as: client, on: RCPT, then: reset}]": "at its peer",
    "hosts: {someschool.edu: {command: x}}\nfaults: [{at: someschool.edu, on: POP3 RETR, then: reset}]": "by POP3",
    "hosts: {someschool.edu: {command: x, listens: 143}}\nfaults: [{at: someschool.edu, on: RCPT, then: reset}]": (
        "someschool.edu names no port on which it takes mail; say 'listens: [25]'"
    ),
    "hosts: {someschool.edu: {command: x, starttls: true}}\n"
    "faults: [{tls: someschool.edu, is: expired, service: imap}]": "makes its TLS for IMAP itself",
    "hosts: {crepes.fr: {command: x}}\nfaults: [{host: crepes.fr, is: full-disk}]": "whose disk is yours",
    "hosts: {ns.lab: {command: x}}\nfaults: [{zone: someschool.edu, answer: NXDOMAIN}]": "with answers of its own",
    "hosts: {alice.crepes.fr: {command: x}}": "is a program, and sends when it likes",
    "expect: [running: crepes.fr]": "crepes.fr is no program",
    "hosts: {crepes.fr: {command: x}, someschool.edu: {starttls: true}}\n"
    "faults: [{tls: someschool.edu, is: injected}]": "no client of the lab's own, which is where this is staged,",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(text: str) -> None:
    more = "" if "expect" in text else "\nexpect: [delivered: {to: bob@someschool.edu}]"
    with pytest.raises(ScenarioError) as caught:
        parse(f"title: x\n{text}\nsteps: [send: {{to: bob@someschool.edu}}]{more}\n")
    assert MISTAKES[text] in str(caught.value)
    assert caught.value.problems[0].line > 1


def test_a_program_takes_over_from_the_host_in_whose_place_it_is_put(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "title: base\nhosts: {crepes.fr: {retry: 1h, mailboxes: [alice, carol]}}\n"
        "steps: [send: {to: bob@someschool.edu}, wait: 1h]\n"
        "expect: [delivered: {to: bob@someschool.edu, within: 30m}, attempts: {to: someschool.edu, at_least: 1}]\n"
    )
    text = "title: x\nlike: base.yaml\ncompress: 1800\nhosts: {crepes.fr: {command: x}}\n"
    found = parse(text, str(tmp_path / "x.yaml"))
    assert list(getattr(found.hosts["crepes.fr"], "mailboxes", ())) == ["alice", "carol"]
    assert [getattr(step, "duration", None) for step in found.steps] == [None, 2_000_000_000]
    assert getattr(found.expect[0], "within", None) == 2_000_000_000  # the least
    assert getattr(found.expect[1], "at_least", None) == 1


def test_the_pace_of_a_server_is_compressed_like_what_is_expected_of_it() -> None:
    text = """
title: x
compress: 100
faults:
  - {at: someschool.edu, on: MAIL, then: drip}
  - {at: someschool.edu, on: RCPT, delay: 20s}
steps: [send: {to: bob@someschool.edu}]
expect: [connection: {from: crepes.fr, to: someschool.edu, at_least: 30s}]
"""
    drip, late = parse(text).faults
    assert [getattr(drip, "pace", None), getattr(late, "delay", None)] == [10_000_000, 200_000_000]
    assert getattr(parse(text).expect[0], "at_least", None) == 300_000_000


def test_without_other_users_it_runs_too_but_not_what_needs_root(tmp_path: Path) -> None:
    """As for somebody who is not root, in whose user namespace there is one user."""
    (tmp_path / "x.yaml").write_text(f"""
title: x
hosts:
  alice.crepes.fr: {{port: 25}}
  crepes.fr: {{role: relay, command: {listener(tmp_path)}, listens: 25}}
steps: [wait: 100ms]
expect: [running: crepes.fr]
""")
    (tmp_path / "y.yaml").write_text("title: y\nneeds: [root]\nlike: x.yaml\n")
    command = ["unshare", "-Ur", sys.executable, "-m", "testbed", "run", "x.yaml", "y.yaml"]
    environment = {**os.environ, "CI": "", "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    if "unshare" in ended.stderr:
        pytest.skip("this machine allows no user namespaces")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 held" in ended.stdout
    assert "it needs to be run as root" in ended.stdout


def running(word: str) -> bool:
    """Whether a process has this in its command line."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and word.encode() in (process / "cmdline").read_bytes():
                return int(process.name) != os.getpid()
        except OSError:
            continue
    return False

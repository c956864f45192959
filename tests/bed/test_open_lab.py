"""Labs held open for Python programs: real clients outside, real servers inside."""

from __future__ import annotations

import imaplib
import os
import select
import signal
import smtplib
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import testbed
from testbed import Bed, NotHeld, TestbedError, open_lab
from testbed.errors import LabError, UsageError
from testbed.net.program_time.library import compiler
from testbed.protocols import events
from testbed.trace.model.log import of
from tests.conftest import PROJECT
from tests.patience import HANG_S

DELIVERED = PROJECT / "scenarios" / "delivered.yaml"
CUT = PROJECT / "scenarios" / "dialogue" / "cut.yaml"
BOB = "bob@someschool.edu"
FULL = {"someschool.edu": {"mailboxes": {"bob": {"messages": 1}}}}
REFUSED_ONCE = {"at": "crepes.fr", "on": "RCPT", "reply": "452 4.3.1 Out of space", "times": 1}

pytestmark = pytest.mark.lab


def hand_in(bed: Bed, subject: str = "Lunch?", to: str = BOB) -> None:
    with smtplib.SMTP(*bed.address("crepes.fr", "submission"), timeout=HANG_S) as client:
        client.sendmail("alice@crepes.fr", to, f"Subject: {subject}\r\n\r\nAt noon.\r\n")


def send_until_taken(host: str, port: int) -> int:
    """The application under test: it tries again what is refused for now."""
    for attempt in range(1, 4):
        with smtplib.SMTP(host, port, timeout=HANG_S) as client:
            try:
                client.sendmail("app@crepes.fr", BOB, "Subject: From the application\r\n\r\nHello\r\n")
            except smtplib.SMTPRecipientsRefused:
                continue
            return attempt
    raise AssertionError("it gave up")


def test_an_application_meets_a_failing_server(tmp_path: Path) -> None:
    with open_lab(faults=[REFUSED_ONCE], keep=tmp_path) as bed:
        assert send_until_taken(*bed.address("crepes.fr", 25)) == 2
        [message] = bed.messages(BOB)
        assert message["Subject"] == "From the application"
        assert message.get_content() == "Hello\r\n"
    assert bed.held
    assert bed.trace == tmp_path / "lab.pcapng"
    assert [f.code for f in bed.analysis.findings if f.code == "disk-full"] == ["disk-full"]
    assert {c.client.label for c in bed.analysis.connections if c.server.label == "crepes.fr"} == {"outside.lab"}


def test_time_jumps_while_it_is_told_to() -> None:
    with open_lab(hosts=FULL) as bed:
        for subject in ("one", "two"):
            hand_in(bed, subject)
        assert [message["Subject"] for message in bed.messages(BOB)] == ["one"]
        bed.play({"empty": BOB})
        bed.wait("40m")
        assert [message["Subject"] for message in bed.messages(BOB)] == ["two"]
    assert bed.outcome.played.seconds < 30 < (bed.analysis.end_ns - bed.analysis.start_ns) / 1e9 / 60


def test_agents_of_the_lab_send_and_read() -> None:
    with open_lab(hosts={"bob.someschool.edu": {"address": BOB}}) as bed:
        bed.send(BOB, subject="one", body="Schöne Grüße")
        bed.send([BOB, "alice@crepes.fr"], sender="alice@crepes.fr", subject="two")
        bed.play({"read": {"mailbox": BOB, "via": "imap", "delete": True}})
        assert bed.messages(BOB) == []
        assert [message["Subject"] for message in bed.messages("alice@crepes.fr")] == ["two"]
    assert [entry.event.line for entry in of(bed.analysis.log, events.Step)] == [0, 0, 0]


def test_folders_are_read_by_imap() -> None:
    hosts = {"someschool.edu": {"serves": ["imap"], "mailboxes": {"bob": {"folders": ["Old mail"], "password": "x"}}}}
    with open_lab(hosts=hosts) as bed:
        hand_in(bed)
        assert [message["Subject"] for message in bed.messages(BOB)] == ["Lunch?"]
        with imaplib.IMAP4(*bed.address("someschool.edu", 143)) as client:
            client.login("bob", "x")
            client.select()
            client.copy("1", '"Old mail"')
        assert [message["Subject"] for message in bed.messages(BOB, "Old mail")] == ["Lunch?"]
        with pytest.raises(LabError, match="cannot be read: .*does not exist"):
            bed.messages(BOB, "New mail")


def test_programs_run_inside_as_the_host_they_run_on() -> None:
    program = (
        "import smtplib, socket; s = smtplib.SMTP('crepes.fr'); print(socket.gethostname(), s.sock.getsockname()[0])"
    )
    with open_lab() as bed:
        for host in ("alice.crepes.fr", "someschool.edu", "alice.crepes.fr"):
            ended = bed.run([sys.executable, "-c", program], on=host)
            assert ended.stderr == ""
            assert ended.stdout.split()[0] == host
        assert bed.run(["cat"], input="Hello").stdout == "Hello"
        assert bed.run(["sh", "-c", "exit 3"]).returncode == 3
        assert bed.run(["no-such-program"]).returncode == 127
        with pytest.raises(LabError, match="sleep was killed after 0.5 s"):
            bed.run(["sleep", "60"], time_limit_s=0.5)
    clients = [c.client.label for c in bed.analysis.connections if c.service == "smtp"]
    assert clients == ["alice.crepes.fr", "someschool.edu", "alice.crepes.fr"]


APPLICATION = """
import smtplib, time
began = time.time()
while True:
    try:
        smtplib.SMTP("crepes.fr").sendmail("app@crepes.fr", "bob@someschool.edu", "Subject: x\\r\\n\\r\\nx\\r\\n")
        break
    except smtplib.SMTPRecipientsRefused:
        time.sleep(7200)
print(round((time.time() - began) / 3600))
"""


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")
def test_an_application_with_timers_of_hours_runs_inside_in_scenario_time() -> None:
    """Before and after it, and while a program of the other kind runs, time is real."""
    with open_lab(faults=[{**REFUSED_ONCE, "times": 3}]) as bed:
        assert bed.run(["date", "+%s"]).returncode == 0
        assert bed.run([sys.executable, "-c", APPLICATION], scenario_time=True).stdout == "6\n"
        assert bed.run([sys.executable, "-c", APPLICATION], scenario_time=True).stdout == "0\n"
        assert bed.run(["hostname"], on="someschool.edu", scenario_time=True).stdout == "someschool.edu\n"
        assert bed.run(["cat"], input="Hello", scenario_time=True).stdout == "Hello"
        assert bed.run(["no-such-program"], scenario_time=True).returncode == 127
        with pytest.raises(LabError, match="sh was killed after 0.5 s"):
            bed.run(["sh", "-c", "while :; do :; done"], time_limit_s=0.5, scenario_time=True)
        assert len(bed.messages(BOB)) == 2
    assert 6 * 3600 <= (bed.analysis.end_ns - bed.analysis.start_ns) / 1e9 < 7 * 3600


def test_a_scenario_is_a_file_a_case_text_or_what_is_loaded() -> None:
    with open_lab(DELIVERED) as bed:
        assert len(bed.messages(BOB)) == 1  # by the scenario's own steps
    assert bed.held
    assert bed.trace.name == "delivered.pcapng"
    with open_lab(str(CUT), case="command=MAIL, how=reset", play_steps=False) as bed:
        hand_in(bed)
        bed.wait("1h")
    assert bed.trace.name == "cut-MAIL-reset.pcapng"
    text = "hosts:\n  mx.someschool.edu: {domain: someschool.edu, mailboxes: [bob]}\n"
    with open_lab(text) as bed, open_lab(bed.scenario) as twin:
        assert bed.address("mx.someschool.edu") != twin.address("mx.someschool.edu")
        assert bed.scenario.title == "A lab in code"
    with open_lab("title: Said\nexpect:\n  - queued: {at: crepes.fr, count: 1}\n") as bed:
        hand_in(bed)
    assert [verdict.held for verdict in bed.verdicts] == [False, True]


def test_what_did_not_hold_is_raised_with_its_evidence() -> None:
    bed = open_lab(faults=[REFUSED_ONCE], expect=[{"delivered": {"to": BOB}}])
    with bed, pytest.raises(UsageError, match="the lab is still open"):
        bed.verdicts  # noqa: B018
    assert not bed.held
    with pytest.raises(NotHeld) as raised:
        bed.check()
    said = str(raised.value)
    assert "    - delivered: {to: bob@someschool.edu}" in said
    assert "seen        nobody sent mail to bob@someschool.edu" in said
    assert "seen        the fault at line 2 was never reached" in said
    assert f"look at it  testbed inspect {bed.trace}" in said


MISTAKES: dict[str, tuple[Callable[[Bed], object], str]] = {
    "host": (lambda bed: bed.address("crepe.fr"), "there is no host 'crepe.fr' in the lab .did you mean 'crepes.fr'.."),
    "service": (lambda bed: bed.address("crepes.fr", 80), r"has no service 80; it has 25 \(smtp\), 110 \(pop3\), 143"),
    "silent host": (lambda bed: bed.address("alice.crepes.fr"), "nothing listens there"),
    "part": (lambda bed: bed.send(BOB, subjct="x"), "unknown key 'subjct' .did you mean 'subject'"),
    "sender": (lambda bed: bed.send(BOB, sender="eve@x.example"), "no user agent belongs to eve@x.example"),
    "duration": (lambda bed: bed.wait("40"), "'40' is not a duration"),
    "step": (lambda bed: bed.play({"sned": {}}), "unknown step 'sned' .did you mean 'send'"),
    "reader": (lambda bed: bed.play({"read": {"mailbox": BOB}}), "nobody here reads the mailbox bob@someschool.edu"),
    "program": (lambda bed: bed.play({"run": "no-such-program"}), "there is no program 'no-such-program' here"),
    "mailbox": (lambda bed: bed.messages("bab@someschool.edu"), "no host has the mailbox bab@someschool.edu"),
    "on": (lambda bed: bed.run(["true"], on="nobody"), "there is no host 'nobody'"),
}


def test_a_scenario_of_the_catalogue_is_named_as_on_the_command_line() -> None:
    with open_lab("@catalogue/delivered") as bed:
        assert bed.services


def test_mistakes_are_sentences_and_leave_the_lab_open() -> None:
    with open_lab() as bed:
        for mistake, sentence in MISTAKES.values():
            with pytest.raises(TestbedError, match=sentence):
                mistake(bed)
        hand_in(bed)
        assert len(bed.messages(BOB)) == 1
    for after in (lambda: bed.wait("1s"), bed.settle, lambda: bed.messages(BOB), lambda: bed.run(["true"])):
        with pytest.raises(UsageError, match="the lab has ended"):
            after()
    bed.close()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"source": "nowhere.yaml"}, "nowhere.yaml: there is no such file or folder"),
        ({"source": "@catalogue/deliverd"}, "did you mean '@catalogue/delivered'"),
        ({"source": CUT}, "name one of its 10 cases: case='command=connect, how=reset'"),
        ({"source": DELIVERED, "case": "x"}, "has no case 'x'"),
        ({"source": DELIVERED, "faults": []}, "say the scenario, or its keys .faults., not both"),
        ({"source": "title: x\nhsots: {}\n"}, "<scenario>:2:1: unknown key 'hsots' .did you mean 'hosts'"),
        ({"faults": [{"at": "crepes.fr", "on": "RCTP", "reply": 452}]}, "'RCTP' is not one of"),
        ({"hosts": {"x": object()}}, "a scenario is made of mappings, lists, text and numbers"),
        ({"source": DELIVERED, "keep": DELIVERED}, "the trace cannot be written"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_scenario_opens_nothing(given: dict[str, object], sentence: str) -> None:
    source = given.pop("source", None)
    with pytest.raises(TestbedError, match=sentence), open_lab(source, **given):  # type: ignore[arg-type]
        pass


def test_labs_are_open_side_by_side_and_in_threads() -> None:
    held: list[bool] = []

    def whole() -> None:
        with open_lab() as bed:
            hand_in(bed)
            bed.settle()
        held.append(bed.held)

    threads = [threading.Thread(target=whole) for _ in range(2)]
    for thread in threads:
        thread.start()
    with open_lab() as one, open_lab() as other:
        hand_in(one)
        assert (len(one.messages(BOB)), len(other.messages(BOB))) == (1, 0)
    for thread in threads:
        thread.join()
    assert held == [True, True]


def test_a_lab_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = open_lab()
    os.kill(bed._served.pid, 9)
    with pytest.raises(LabError, match="the lab died with status -9"):
        bed.wait("1s")
    with pytest.raises(LabError, match="the lab died with status -9"):
        bed.close()


@pytest.mark.parametrize(
    ("number", "why"),
    [(signal.SIGKILL, "the lab died with status -9"), (signal.SIGTERM, "the lab ended before it was asked to")],
)
def test_whoever_finds_a_server_gone_can_ask_whether_the_lab_is(number: signal.Signals, why: str) -> None:
    bed = open_lab()
    bed.check_open()
    os.kill(bed._served.pid, number)
    with pytest.raises(LabError, match=why):
        bed.check_open()


def test_an_exception_inside_ends_the_lab_and_keeps_the_trace() -> None:
    bed = open_lab()
    with pytest.raises(ZeroDivisionError), bed:
        1 / 0  # noqa: B018
    assert [entry.event.reason for entry in of(bed.analysis.log, events.LabEnded)] == ["all steps played"]


def test_it_ends_with_the_program_that_opened_it(tmp_path: Path) -> None:
    """Killed with a lab open, it leaves neither the keeper nor the lab, and the trace is whole."""
    program = (
        "import os, sys\nfrom testbed import open_lab\n"
        "bed = open_lab(keep=sys.argv[1])\n"
        "print(bed._served.pid, flush=True)\nsys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    lab = os.pidfd_open(int(process.stdout.readline()))
    process.kill()
    process.communicate()
    assert select.select([lab], [], [], 30)[0]
    os.close(lab)


@pytest.mark.parametrize("asked", [False, True])
def test_what_is_public_is_loaded_when_it_is_asked_for(asked: bool) -> None:
    program = f"import sys, testbed; {'testbed.open_lab' if asked else 'pass'}; print('pydantic' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True).stdout
    assert said == f"{asked}\n"
    assert all(hasattr(testbed, name) for name in testbed.__all__)

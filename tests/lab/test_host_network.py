"""Labs on the machine's own loopback tell the story a private network tells, and skip what only that can stage."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from testbed.lab import preload, run
from testbed.net.machine import in_a_sentence, this_machine
from testbed.outcome import Outcome, Result, conclude
from testbed.pcap.checksums import GOOD
from testbed.pcap.condition import conditions
from testbed.pcap.decode import packet_table
from testbed.pcap.read import read_capture
from testbed.protocols import events
from testbed.runner import Runner
from testbed.scenario.load import load, parse
from testbed.scenario.network_needs import REASONS, NetworkKind, needs_private_network
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import compare
from testbed.trace.compare.fingerprint import fingerprint
from testbed.trace.compare.values import Fingerprint
from testbed.trace.inspect import inspect
from testbed.trace.model.log import of
from tests.conftest import PROJECT
from tests.lab.test_reference_traces import reference
from tests.lab.test_scenarios import why
from tests.patience import HANG_S
from tests.scenarios import SCENARIOS

FIRST_CASES = {s.file: s for s in reversed(SCENARIOS) if needs_private_network(s) is None}
# What TCP does on a busy machine, as the machine has it set: see docs/networks.md, "What is different".
OF_THE_MACHINE = {"fin-lost", "segment-retransmitted", "window-closed"}
# A server with a small buffer is cut off while its window is closed, or not yet: then another cause is found.
SMALL_BUFFERS = ("cut-in-mid-message-reset", "cut-in-mid-message-close")

HOST = partial(run, network=NetworkKind.HOST)
pytestmark = [pytest.mark.lab, pytest.mark.loopback]


def play(given: Scenario | str, folder: Path) -> Outcome:
    scenario = parse(given) if isinstance(given, str) else given
    preload([scenario])
    [played] = Runner(HOST, jobs=1).run([(scenario, folder / "trace.pcapng")])
    return conclude(played)


@pytest.mark.parametrize("scenario", FIRST_CASES.values(), ids=lambda scenario: scenario.name)
def test_it_tells_the_story_of_the_reference_trace(scenario: Scenario, tmp_path: Path) -> None:
    outcome = play(scenario, tmp_path)
    if outcome.played.skipped:
        pytest.skip(outcome.played.skipped)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    expected = inspect(reference(scenario))
    assert compare(_said(expected), _said(outcome.analysis)).differences == ()
    if scenario.name in SMALL_BUFFERS:
        return
    assert _codes(outcome.analysis) - OF_THE_MACHINE == _codes(expected) - OF_THE_MACHINE


def _said(analysis: Analysis) -> Fingerprint:
    """Everything but the findings: the machine's loopback has other timers than a lab's network."""
    return replace(fingerprint(analysis), clues=())


def _codes(analysis: Analysis) -> set[str]:
    return {finding.code for finding in analysis.findings}


DELIVERED = "steps: [send: {to: bob@someschool.edu}]\nexpect: [delivered: {to: bob@someschool.edu}]\n"


def test_what_is_skipped_has_a_known_reason_and_a_place() -> None:
    elsewhere = parse(f"title: x\naddresses: 192.0.2.0/24\n{DELIVERED}", "scenarios/delivered.yaml")
    needs = [
        (scenario, need)
        for scenario in (*SCENARIOS, elsewhere)
        if (need := needs_private_network(scenario)) is not None
    ]
    assert {need.reason for _, need in needs} == set(REASONS)
    assert len(needs) < len(SCENARIOS) / 3
    for scenario, need in needs:
        file, _, line = need.place.partition(":")
        assert Path(file).exists()
        assert line.isdigit() or scenario.ip != "ipv4" or scenario.has_programs or scenario is elsewhere
    page = " ".join((PROJECT / "docs" / "networks.md").read_text().split())
    assert all(reason in page for reason in REASONS)


@pytest.mark.parametrize(
    "fault",
    [
        "{between: [crepes.fr, someschool.edu], packets: data, lose: 1}",
        "{link: [crepes.fr, someschool.edu], is: down, until: 1h}",
        "{host: someschool.edu, is: silent, until: 1h}",
        "{host: someschool.edu, is: unreachable, until: 1h}",
    ],
)
def test_what_would_slip_through_all_the_same_is_red(fault: str, tmp_path: Path) -> None:
    """A lab on loopback cannot stage these.  Were they not skipped, nothing would pass for it."""
    text = (
        f"title: It\nfaults:\n  - {fault}\nsteps: [{{send: {{to: bob@someschool.edu}}}}]\n"
        "expect: [{delivered: {to: bob@someschool.edu}}]\n"
    )
    need = needs_private_network(parse(text))
    assert need is not None
    assert need.place.endswith(":3")
    assert play(text, tmp_path).result is Result.FAILED


def test_a_host_that_refuses_and_asks_for_names_all_the_same_ends_the_lab(tmp_path: Path) -> None:
    """Where it could not be foreseen: a receiver asks only for the notices it owes."""
    text = """
title: She refuses, and asks
faults: [{host: alice.crepes.fr, is: refused}]
steps: [{send: {to: bob@someschool.edu}}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""
    outcome = play(text, tmp_path)
    assert outcome.result is Result.ERROR
    assert ":3: alice.crepes.fr refuses everything, and asks the name server all the same" in outcome.played.error


def test_ports_are_those_of_the_services_and_checksums_are_whole(tmp_path: Path) -> None:
    outcome = play(load(PROJECT / "scenarios" / "mailbox-full.yaml"), tmp_path)
    assert outcome.analysis is not None
    assert {c.server.port for c in outcome.analysis.connections} == {25, 53, 587}
    table = packet_table(read_capture(tmp_path / "trace.pcapng"))
    assert set(conditions(table, np.arange(len(table)))) == {GOOD}
    [begun] = of(outcome.analysis.log, events.LabStarted)
    assert "loopback" in begun.event.network


def test_labs_side_by_side_and_a_busy_loopback_do_not_mix(tmp_path: Path) -> None:
    scenario = load(PROJECT / "scenarios" / "mailbox-full.yaml")
    preload([scenario])
    with _chatter():
        work = [(scenario, tmp_path / f"{number}.pcapng") for number in range(8)]
        outcomes = [conclude(played) for played in Runner(HOST, jobs=4).run(work)]
    for outcome in outcomes:
        assert outcome.result is Result.HELD, why(outcome)
        assert outcome.analysis is not None
        assert {e.label for c in outcome.analysis.connections for e in (c.client, c.server)} <= set(scenario.hosts)
        assert compare(_said(inspect(reference(scenario))), _said(outcome.analysis)).differences == ()


class _chatter:  # noqa: N801 - a context manager
    """Somebody else's traffic on the machine's loopback, from a lab's address."""

    def __enter__(self) -> None:
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.30", 0))
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def _talk(self) -> None:
        while not self._over.is_set():
            with socket.create_connection(self._listener.getsockname()) as client, self._listener.accept()[0] as server:
                server.sendall(b"220 not the lab's\r\n")
                client.recv(100)

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._listener.close()


def test_nothing_stays_behind(tmp_path: Path) -> None:
    before = set(_abandoned())
    play(load(PROJECT / "scenarios" / "delivered.yaml"), tmp_path)
    assert set(_abandoned()) <= before


def _abandoned() -> Iterator[Path]:
    """Folders of labs that live no more; those of others, which tests beside this one play, are locked."""
    for folder in Path("/dev/shm").glob("testbed-lab-*"):
        with suppress(OSError):
            held = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield folder
            finally:
                os.close(held)


# -- as a user meets it ------------------------------------------------------------------------------------------------

# A machine of its own without private networks: a user namespace that may make no further ones, and its loopback.
BARE_MACHINE = """
import ctypes, fcntl, os, socket, struct, sys
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
uid, gid = os.getuid(), os.getgid()
assert libc.unshare(0x10000000 | 0x40000000) == 0
Path('/proc/self/setgroups').write_text('deny')
Path('/proc/self/uid_map').write_text(f'0 {uid} 1')
Path('/proc/self/gid_map').write_text(f'0 {gid} 1')
with socket.socket() as control:
    fcntl.ioctl(control, 0x8914, struct.pack('16sH22x', b'lo', 0x41))
Path('/proc/sys/user/max_net_namespaces').write_text('0')
from testbed.cli import main
sys.exit(main(sys.argv[1:]))
"""

Shown = subprocess.CompletedProcess[str]


def _run(command: list[str]) -> Shown:
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=HANG_S, check=False)


@pytest.fixture
def bare() -> Callable[..., Shown]:
    def shown(*arguments: str) -> Shown:
        result = _run([sys.executable, "-c", BARE_MACHINE, *arguments])
        if "AssertionError" in result.stderr or "uid_map" in result.stderr:
            pytest.skip("this machine allows no user namespaces")
        return result

    return shown


def test_who_asks_for_a_private_network_gets_no_other(bare: Callable[..., Shown]) -> None:
    shown = bare("run", "--network", "private", "scenarios/delivered.yaml")
    assert shown.returncode == 3
    assert "'--network host'" in shown.stderr
    assert "held" not in shown.stdout


def test_without_private_networks_the_other_one_is_taken_and_the_reason_told_once(bare: Callable[..., Shown]) -> None:
    shown = bare("run", "scenarios/delivered.yaml", "scenarios/wire")
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"\n1 held · \d+ skipped · ", shown.stdout)
    [note] = shown.stderr.splitlines()
    assert note.startswith("note: labs live on the machine's own loopback, as private networks are not available")
    assert "'testbed doctor' says how to grant what is missing" in note


def test_labs_are_held_open_there_too(bare: Callable[..., Shown]) -> None:
    client = (
        "import os, smtplib\n"
        "place = [os.environ['TESTBED_SUBMISSION_' + what] for what in ('HOST', 'PORT')]\n"
        "with smtplib.SMTP(*place) as relay:\n"
        "    relay.sendmail('alice@crepes.fr', ['bob@someschool.edu'], 'Subject: Hi\\r\\n\\r\\nHello')\n"
    )
    shown = bare("serve", "--no-steps", "scenarios/delivered.yaml", "--", sys.executable, "-c", client)
    assert shown.returncode == 0, shown.stderr
    assert "is in the mailbox of <bob@someschool.edu>" in shown.stderr


def test_a_program_within_a_lab_takes_a_private_network(bare: Callable[..., Shown]) -> None:
    shown = bare("shell", "scenarios/delivered.yaml", "--", "true")
    assert shown.returncode == 3
    assert shown.stderr.startswith("error: ")
    assert "Traceback" not in shown.stderr


def test_without_private_networks_loopback_does(bare: Callable[..., Shown], tmp_path: Path) -> None:
    shown = bare("run", "--network", "host", "--keep", str(tmp_path), "scenarios/delivered.yaml", "scenarios/wire")
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"\n1 held · \d+ skipped · ", shown.stdout)
    assert "it needs a private network: " in shown.stdout
    assert [trace.name for trace in tmp_path.iterdir()] == ["delivered.pcapng"]


def test_doctor_tells_which_network_there_is(bare: Callable[..., Shown]) -> None:
    shown = bare("doctor")
    assert shown.returncode == 0
    assert "only on the machine's own loopback: 'testbed run --network host'" in " ".join(shown.stdout.split())


@pytest.mark.parametrize(("right", "status"), [("+net_raw", 0), ("-net_raw", 3)])
def test_the_right_to_capture_is_all_it_takes(right: str, status: int) -> None:
    """As in a container as it comes: root, with few rights."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    bounds = "-all,+net_raw" if right == "+net_raw" else "-all"
    alone = ["setpriv", f"--bounding-set={bounds}", "--inh-caps=-all", sys.executable, "-m", "testbed"]
    shown = _run([*alone, "run", "--network", "host", "scenarios/delivered.yaml"])
    if "setpriv:" in shown.stderr:
        pytest.skip(shown.stderr)
    assert shown.returncode == status, shown.stderr
    if status:
        doctor = " ".join(_run([*alone, "doctor"]).stdout.split())
        remedy = in_a_sentence(this_machine().allow_captures())
        assert f"nothing can be judged {remedy}" in doctor
        assert f"nothing can be judged; {remedy}" in " ".join(shown.stderr.split())
        assert "held" not in shown.stdout

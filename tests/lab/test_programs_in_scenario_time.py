"""Programs that play hosts in scenario time: their own timers of hours and days, on the lab's clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testbed.net.program_time.library import compiler
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.model.log import of
from tests.lab.test_program_hosts import LITTLE_RELAY
from tests.lab.test_programs import said
from tests.lab.test_scenarios import play, why

pytestmark = [pytest.mark.lab, pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")]

HOUR = 3600


def lab(program: str, folder: Path, *, time: str = "", more: str = "", steps: str, expect: str) -> Outcome:
    """A lab with a Python program in place of the relay."""
    file = folder / "program.py"
    file.write_text(program)
    clock = f", time: {time}" if time else ""
    return play(
        f"""
title: A program on the lab's clock
hosts:
  alice.crepes.fr: {{port: 25}}
  crepes.fr: {{role: relay, command: [{sys.executable}, {file}, crepes.fr, "25"], listens: 25{clock}}}
{more}
steps: {steps}
expect: [{expect}]
""",
        folder,
    )


CLOCK = """
import socket, sys, time
listener = socket.create_server(("", 25))
while True:
    print("it is", int(time.time()), flush=True)
    time.sleep(3600)
"""


LOAD = """
import os, socket, time
listener = socket.create_server(("", 25))
print("the load is", *os.getloadavg(), flush=True)
time.sleep(3600)
"""


def test_the_load_of_the_machine_is_kept_from_it(tmp_path: Path) -> None:
    outcome = lab(LOAD, tmp_path, steps="[wait: 1h]", expect="running: crepes.fr")
    assert "the load is 0.0 0.0 0.0" in said(outcome), why(outcome)


def dates(outcome: Outcome) -> list[tuple[float, float]]:
    """When the program said what time it is, by the trace and by itself: seconds since the epoch."""
    assert outcome.analysis is not None
    return [
        (entry.time_ns / 1e9, float(entry.message.split()[-1]))
        for entry in of(outcome.analysis.log, events.Said)
        if entry.message.startswith("it is")
    ]


def test_a_relay_that_tries_every_six_hours_gives_up_after_five_days(tmp_path: Path) -> None:
    patient = LITTLE_RELAY.read_text().replace("RETRY_S, GIVE_UP_S = 0.5, 5.0", "RETRY_S, GIVE_UP_S = 21600, 432000")
    patient = patient.replace("serve_forever", "serve_forever, args=(3600,)")  # half a second, else
    outcome = lab(
        patient,
        tmp_path,
        more="faults: [{at: someschool.edu, on: RCPT, reply: 452 4.2.2 Mailbox full}]",
        steps="[send: {to: bob@someschool.edu}, wait: 6d]",
        expect="attempts: {to: someschool.edu, count: 21}, running: crepes.fr",
    )
    assert outcome.judgement is not None, why(outcome)
    assert all(verdict.held for verdict in outcome.judgement.expectations), why(outcome)


def test_it_has_the_date_of_the_trace_through_a_crash(tmp_path: Path) -> None:
    outcome = lab(
        CLOCK,
        tmp_path,
        more="faults: [{host: crepes.fr, is: crashed, from: 90m, until: 5h}]",
        steps="[wait: 8h]",
        expect="running: crepes.fr",
    )
    assert outcome.result is not Result.ERROR, why(outcome)
    said_at = dates(outcome)
    assert len(said_at) == 6  # at 0 h and 1 h, and at 5 h to 8 h
    assert all(abs(own - traced) < 60 for traced, own in said_at)
    assert 4 * HOUR <= said_at[2][1] - said_at[1][1] < 4.5 * HOUR


def test_a_step_on_its_host_has_its_clock(tmp_path: Path) -> None:
    outcome = lab(
        CLOCK,
        tmp_path,
        steps='[wait: 100h, run: {command: [date, "+%s"], on: crepes.fr}]',
        expect="exited: {status: 0}",
    )
    assert outcome.result is Result.HELD, why(outcome)
    (date,) = (line for line in said(outcome) if line.isdigit())
    assert 100 * HOUR <= int(date) - dates(outcome)[0][1] < 101 * HOUR


def test_an_application_waits_for_hours_in_a_step(tmp_path: Path) -> None:
    """On a host of ours: it tries every half hour, for three hours, and gives up."""
    application = tmp_path / "application.py"
    application.write_text(
        """
import smtplib, sys, time
for attempt in range(7):
    try:
        with smtplib.SMTP("crepes.fr", 25, timeout=300) as client:
            sys.exit(str(client.sendmail("alice@crepes.fr", "bob@someschool.edu", "Subject: x\\n\\n")))
    except smtplib.SMTPRecipientsRefused:
        time.sleep(1800)
"""
    )
    outcome = play(
        f"""
title: An application that waits for hours
faults: [{{at: crepes.fr, on: RCPT, reply: 450 4.2.0 Later, times: 7}}]
steps:
  - run: {{command: [{sys.executable}, {application}], time: scenario, time_limit: 5h}}
expect: [exited: {{status: 0}}, reply: {{from: crepes.fr, on: RCPT, code: 450, count: 7}}]
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    begins, ends = (entry.time_ns for entry in (outcome.analysis.log[0], *of(outcome.analysis.log, events.Exited)))
    assert 3.5 * HOUR <= (ends - begins) / 1e9 < 4 * HOUR


def test_a_step_that_sleeps_past_its_limit_is_killed_at_once(tmp_path: Path) -> None:
    outcome = play(
        """
title: A program that oversleeps
steps: [run: {command: [sleep, 100d], time: scenario, time_limit: 20d}]
expect: [exited: {status: 124}]
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)


def test_what_is_on_its_way_is_waited_for(tmp_path: Path) -> None:
    """TCP repeats a SYN in real time.  The relay, whose own clock would jump past its patience, has an answer then."""
    impatient = LITTLE_RELAY.read_text().replace("RETRY_S, GIVE_UP_S = 0.5, 5.0", "RETRY_S, GIVE_UP_S = 21600, 432000")
    outcome = lab(
        impatient,
        tmp_path,
        more="faults: [{between: [crepes.fr, someschool.edu], packets: SYN, lose: 2}]",
        steps="[send: {to: bob@someschool.edu}, wait: 1h]",
        expect="attempts: {to: someschool.edu, count: 1}, delivered: {to: bob@someschool.edu}",
    )
    assert outcome.judgement is not None, why(outcome)
    assert all(verdict.held for verdict in outcome.judgement.expectations), why(outcome)


@pytest.mark.parametrize(("time", "told"), [("real", "real"), ("scenario", "scenario"), ("", "scenario")])
def test_the_trace_says_which_time_it_was(time: str, told: str, tmp_path: Path) -> None:
    outcome = lab(CLOCK, tmp_path, time=time, steps="[wait: 1s]", expect="running: crepes.fr")
    assert outcome.analysis is not None
    assert [entry.event.time for entry in of(outcome.analysis.log, events.Started)] == [told]


@pytest.mark.parametrize(("time", "result"), [("", Result.HELD), ("scenario", Result.ERROR)])
def test_without_a_compiler_time_is_real_or_the_remedy_is_told(
    time: str, result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = lab(CLOCK, tmp_path, time=time, steps="[wait: 1s]", expect="running: crepes.fr")
    assert outcome.result is result, why(outcome)
    if result is Result.HELD:
        assert outcome.analysis is not None
        assert [entry.event.time for entry in of(outcome.analysis.log, events.Started)] == ["real"]
    else:
        assert "there is no C compiler here" in why(outcome)
        assert "time: real" in why(outcome)


STATIC = """
#include <netinet/in.h>
#include <unistd.h>
int main(void) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(25)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&here, sizeof here);
    listen(listener, 5);
    for (;;)
        sleep(3600);
}
"""


@pytest.mark.parametrize("started_by", ["itself", "a shell that stays"])
def test_a_static_program_lives_in_real_time_and_the_trace_says_so(started_by: str, tmp_path: Path) -> None:
    program = tmp_path / "static"
    built = subprocess.run(
        [compiler() or "cc", "-static", "-x", "c", "-", "-o", program], input=STATIC, text=True, capture_output=True
    )
    if built.returncode:
        pytest.skip("nothing can be linked statically here")
    command = f"[{program}]" if started_by == "itself" else f"[sh, -c, '{program}; true']"
    outcome = play(
        f"""
title: A static program
hosts: {{alice.crepes.fr: {{port: 25}}, crepes.fr: {{role: relay, command: {command}, listens: 25}}}}
steps: [wait: 2h]
expect: [running: crepes.fr]
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert len(list(of(outcome.analysis.log, events.TimeIsReal))) == 1
    first, last = outcome.analysis.log[0], outcome.analysis.log[-1]
    assert (last.time_ns - first.time_ns) / 1e9 < HOUR  # the wait ended when all had happened


def test_a_wait_for_a_program_that_looks_around_all_the_time_ends_with_what_is_expected(tmp_path: Path) -> None:
    """Every half second, a day long: there are no hours to jump over."""
    outcome = lab(
        LITTLE_RELAY.read_text(),
        tmp_path,
        steps="[send: {to: bob@someschool.edu}, wait: 1d]",
        expect="delivered: {to: bob@someschool.edu}",
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert outcome.analysis.log[-1].time_ns - outcome.analysis.log[0].time_ns < 3 * HOUR * 1e9


def test_one_program_in_real_time_keeps_everybody_there(tmp_path: Path) -> None:
    sleeper = f"[{sys.executable}, -c, 'import time; time.sleep(999)']"
    beside = f"  receiver.example: {{role: client, command: {sleeper}, listens: [], time: real}}"
    outcome = lab(CLOCK, tmp_path, more=beside, steps="[wait: 2h]", expect="running: crepes.fr")
    assert len(dates(outcome)) == 1

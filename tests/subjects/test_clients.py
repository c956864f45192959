"""Ready-made programs that send mail: what they hand over, what they tell of it, what they do when it is not taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.subjects.subject import subjects
from testbed.trace.model.log import of
from tests.lab.test_programs import said
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

Have = Callable[[str], None]
CLIENTS = [name for name, subject in subjects().items() if "send" in subject.errands]
QUEUE = [name for name in CLIENTS if subjects()[name].queues]
TELL = [name for name in CLIENTS if name not in QUEUE]

SENDS = """
title: What a send step can say, and lines that begin with a dot
hosts:
  alice.crepes.fr: {{program: {program}{alice}}}
  crepes.fr: {{mailboxes: {{alice: {{password: {password}}}}}{relay}}}
  someschool.edu: {{mailboxes: [bob, ann]}}
steps:
  - send:
      to: bob@someschool.edu
      bcc: ann@someschool.edu
      subject: Schöne Grüße
      body: ".\\n..\\n.Two dots, one in front\\n"
      attach: [{{name: menu.pdf, size: 20 KB}}]
  - wait: 1m
expect:
  - delivered: {{to: bob@someschool.edu, subject: Schöne, text: ".\\r\\n..\\r\\n.Two", attached: menu.pdf}}
  - delivered: {{to: ann@someschool.edu, copies: 1}}
  - exited: {{command: {program} send}}
{expected}"""
PASSWORD = """'c"or$re{\\ct'"""
LOGS_IN = "  - reply: {from: crepes.fr, on: AUTH, code: 235}\n"
WAYS = {
    "in clear": ("", "", ""),
    "logged in": (f", password: {PASSWORD}", ", auth_in_clear: true", LOGS_IN),
    "through STARTTLS": (f", tls: starttls, password: {PASSWORD}", ", starttls: true", LOGS_IN),
    "through TLS": (f", port: 465, password: {PASSWORD}", ", starttls: true", LOGS_IN),
}

REFUSED = """
title: A message is refused
hosts:
  alice.crepes.fr: {{program: {program}}}
faults: [{{at: crepes.fr, on: {stage}, {what}}}]
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: {wait}
expect:
  - connection: {{from: alice.crepes.fr, to: crepes.fr, handshake: complete}}
"""
FOR_NOW, FOR_GOOD = "reply: 451 4.3.0 Come again", "reply: 550 5.7.1 Not wanted"
ENDS = [
    *((stage, what) for stage in ("MAIL", "RCPT", "message") for what in (FOR_NOW, FOR_GOOD)),
    *((stage, "then: reset") for stage in ("connect", "RCPT", "message")),
    ("DATA", "then: close"),
]


def sent(outcome: Outcome) -> list[int]:
    """The statuses that send steps ended with."""
    assert outcome.analysis is not None
    return [e.event.status for e in of(outcome.analysis.log, events.Exited) if e.event.asked == "send"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("program", CLIENTS)
def test_it_hands_over_what_the_step_says_as_the_host_says(program: str, way: str, have: Have, tmp_path: Path) -> None:
    have(program)
    alice, relay, expected = WAYS[way]
    text = SENDS.format(program=program, alice=alice, relay=relay, expected=expected, password=PASSWORD)
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize(("stage", "what"), ENDS)
@pytest.mark.parametrize("program", TELL)
def test_its_status_tells_that_nobody_took_it(program: str, stage: str, what: str, have: Have, tmp_path: Path) -> None:
    have(program)
    outcome = play(REFUSED.format(program=program, stage=stage, what=what, wait="1s"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)  # the rule about its status, too
    [status] = sent(outcome)
    assert status not in (0, 124)


@pytest.mark.parametrize("program", TELL)
def test_it_waits_as_long_as_it_likes_in_scenario_time(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    outcome = play(REFUSED.format(program=program, stage="RCPT", what="then: stall", wait="1s"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    [status] = sent(outcome)
    assert status != 0
    assert outcome.analysis is not None
    [ended] = of(outcome.analysis.log, events.LabEnded)
    assert ended.event.scenario_seconds > 20


@pytest.mark.parametrize("program", QUEUE)
def test_a_queue_tries_again_what_is_refused_for_now(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    text = REFUSED.format(program=program, stage="RCPT", what=f"{FOR_NOW}, times: 2", wait="2h")
    outcome = play(text + "  - delivered: {to: bob@someschool.edu, copies: 1}\n", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert sent(outcome) == [0]


@pytest.mark.parametrize("program", QUEUE)
@pytest.mark.parametrize(("stage", "copies"), [("RCPT", 1), ("message", 2)])
def test_a_queue_tries_again_when_it_was_cut_off(
    stage: str, copies: int, program: str, have: Have, tmp_path: Path
) -> None:
    have(program)
    text = REFUSED.format(program=program, stage=stage, what="then: reset, times: 1", wait="2h")
    outcome = play(text + f"  - delivered: {{to: bob@someschool.edu, copies: {copies}}}\n", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize("program", QUEUE)
def test_a_queue_gives_back_what_is_refused_for_good(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    outcome = play(REFUSED.format(program=program, stage="RCPT", what=f"{FOR_GOOD}, times: 1", wait="2h"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    back = [e for e in of(outcome.analysis.log, events.Stored) if e.event.recipient == "alice@crepes.fr"]
    assert len(back) == 1, why(outcome)


TAKES = {"swaks": ("wrong-name",), "dma": ("expired", "self-signed", "wrong-name")}


@pytest.mark.parametrize("flaw", ["expired", "self-signed", "wrong-name"])
@pytest.mark.parametrize("program", CLIENTS)
def test_it_takes_a_bad_certificate_only_where_that_is_known(
    program: str, flaw: str, have: Have, tmp_path: Path
) -> None:
    have(program)
    text = REFUSED.format(program=f"{program}, tls: starttls", stage="QUIT", what="delay: 1s", wait="30s")
    lines = [
        line if "faults:" not in line else f"faults: [{{tls: crepes.fr, is: {flaw}}}]" for line in text.split("\n")
    ]
    lines.insert(lines.index("hosts:") + 1, "  crepes.fr: {starttls: true}")
    outcome = play("\n".join(lines), tmp_path)
    assert outcome.analysis is not None
    stored = list(of(outcome.analysis.log, events.Stored))
    assert bool(stored) is (flaw in TAKES.get(program, ())), said(outcome)
    assert outcome.result is Result.HELD, why(outcome)


MISLEADS = """
title: The connection breaks off after the 250
hosts:
  alice.crepes.fr: {{program: {program}}}
faults: [{{at: crepes.fr, on: QUIT, {what}}}]
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 1m
expect:
  - delivered: {{to: bob@someschool.edu, copies: 1}}
"""


@pytest.mark.parametrize(
    ("program", "what", "misleads"),
    [
        ("swaks", "then: reset", True),
        ("smtplib", FOR_GOOD, True),
        ("smtplib", "then: reset", False),
        ("msmtp", "then: reset", False),
        ("curl", "then: reset", False),
    ],
)
def test_a_failure_that_is_told_of_mail_that_was_taken_is_red(
    program: str, what: str, misleads: bool, have: Have, tmp_path: Path
) -> None:
    have(program)
    outcome = play(MISLEADS.format(program=program, what=what), tmp_path)
    assert outcome.judgement is not None
    red = [verdict.why for verdict in outcome.judgement.always if not verdict.held]
    assert [("though crepes.fr promised it to bob@someschool.edu" in why) for why in red] == [True] * misleads


@pytest.mark.parametrize("program", [name for name in TELL if "notify" in subjects()[name].can("send")])
def test_it_asks_for_notifications(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    can = subjects()[program].can("send")
    said = ", ".join(
        f"{key}: {value}" for key, value in (("returned", "headers"), ("envelope_id", "lunch=1")) if key in can
    )
    text = REFUSED.format(program=program, stage="DATA", what="delay: 1s", wait="1m")
    text = text.replace("{to: bob@someschool.edu}", f"{{to: bob@someschool.edu, notify: [success, delay], {said}}}")
    text += "  - notified: {to: alice@crepes.fr, action: delivered, for: bob@someschool.edu}\n"
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize("program", [name for name in TELL if "smtputf8" in subjects()[name].can("send")])
def test_it_sends_to_addresses_beyond_ascii(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    text = REFUSED.format(program=program, stage="DATA", what="delay: 1s", wait="1m").replace("bob@", "jürgen@")
    text = text.replace("faults:", "  someschool.edu: {mailboxes: [jürgen]}\nfaults:")
    outcome = play(text + "  - delivered: {to: jürgen@someschool.edu}\n", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


OWN = {
    "msmtp": ("msmtprc", "account default\nhost crepes.fr\nport 25\n"),
    "swaks": ("swaksrc", "--port 25\n"),
    "curl": ("curlrc", 'connect-to = "::crepes.fr:25"\n'),
    "nodemailer": ("transport.json", '{"port": 25}'),
    "nullmailer": ("remotes", "crepes.fr smtp --port=25\n"),
    "dma": ("dma.conf", "SMARTHOST crepes.fr\nPORT 25\n"),
}


@pytest.mark.parametrize("program", OWN)
def test_its_own_configuration_goes_before(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    (tmp_path / "own").mkdir()
    name, content = OWN[program]
    (tmp_path / "own" / name).write_text(content)
    text = REFUSED.format(program=f"{program}, files: own", stage="DATA", what="delay: 1s", wait="1m")
    text += "  - delivered: {to: bob@someschool.edu}\n"
    text += "  - attempts: {from: alice.crepes.fr, to: crepes.fr, port: 25, count: 1}\n"
    file = tmp_path / "own.yaml"
    file.write_text(text)
    outcome = play(file, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


WRONG = {
    "{program: swaks}|send: {to: bob@someschool.edu, notify: never}": "swaks has no option for 'notify'; msmtp,",
    "{program: msmtp}|send: {to: bob@someschool.edu, retry: 1h}": "msmtp has no option for 'retry', nor has any other",
    "{program: swaks}|send: {to: jürgen@someschool.edu}": "swaks has no option for 'to: jürgen@someschool.edu'; curl,",
    "{program: mbsync}|send: {to: bob@someschool.edu}": "alice.crepes.fr is mbsync, which sends no mail; curl, dma",
    "{program: swaks}|read: {mailbox: alice@crepes.fr}": "alice.crepes.fr is swaks, which reads no mail; curl, fetch",
    "{program: mbsync}|read: {mailbox: alice@crepes.fr}": "mbsync has no option for 'via: pop3'; curl, fetchmail",
    "{program: fetchmail}|read: {mailbox: alice@crepes.fr, quit: false}": "for 'quit: false'; imapflow can",
    "{program: imapflow}|read: {mailbox: alice@crepes.fr, via: imap, stay: 1h}": "for 'stay', nor has any other",
    "{program: swaks, role: relay}|wait: 1s": "swaks plays a user-agent, and this host's role is relay",
    "{program: postfix}|wait: 1s": "postfix plays a relay or a receiver, and this host's role is user-agent",
    "{program: swaks, retry: 1h}|wait: 1s": "'retry' is for the lab's own hosts",
    "{program: swaks, listens: 25}|wait: 1s": "'listens' goes with 'command': swaks runs only while a step has it",
    "{program: swaks, holds: mailq}|wait: 1s": "'holds' goes with 'command': swaks runs only",
    "{command: our-client}|send: {to: bob@someschool.edu}": "alice.crepes.fr is a program, and sends when it likes",
}


@pytest.mark.parametrize("said", WRONG)
def test_what_it_cannot_be_told_is_a_mistake(said: str) -> None:
    host, step = said.split("|")
    with pytest.raises(ScenarioError) as caught:
        parse(
            f"title: x\nhosts: {{alice.crepes.fr: {host}}}\nsteps: [{{{step}}}]\n"
            "expect: [{attempts: {to: crepes.fr, at_least: 1}}]\n"
        )
    assert WRONG[said] in "; ".join(problem.message for problem in caught.value.problems)


def test_only_one_that_stays_can_be_found_running() -> None:
    text = (
        REFUSED.format(program="PROGRAM", stage="DATA", what="delay: 1s", wait="1m") + "  - running: alice.crepes.fr\n"
    )
    parse(text.replace("PROGRAM", "nullmailer"))
    with pytest.raises(ScenarioError, match="is swaks, which runs only while a step has it do something"):
        parse(text.replace("PROGRAM", "swaks"))

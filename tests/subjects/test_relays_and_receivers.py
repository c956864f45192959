"""Ready-made servers in the lab: each takes mail, passes it on, gives it back, keeps it, and says what it keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.protocols import events
from testbed.subjects.subject import subjects
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

Have = Callable[[str], None]
RELAYS = [name for name, subject in subjects().items() if "relay" in subject.roles]
RECEIVERS = [name for name, subject in subjects().items() if "receiver" in subject.roles]

RELAYS_IT = """
title: $program passes on, gives back, keeps
hosts:
  crepes.fr: {{program: {program}}}
  someschool.edu: {{mailboxes: [bob, ann]}}
faults: [{{at: someschool.edu, on: RCPT, recipient: ann@someschool.edu, reply: 452 4.2.2 Mailbox full}}]
steps:
  - send: {{to: bob@someschool.edu}}
  - send: {{to: ann@someschool.edu}}
  - send: {{to: nemo@someschool.edu}}
  - wait: 1m
  - run: {{on: crepes.fr, command: {shows}}}
expect:
  - delivered: {{to: bob@someschool.edu, copies: 1}}
  - bounced: {{to: alice@crepes.fr, for: nemo@someschool.edu}}
  - queued: {{at: crepes.fr, to: ann@someschool.edu}}
  - exited: {{output: ann@someschool.edu}}
  - running: crepes.fr
"""

STRANGER = """
title: A stranger asks a relay to send mail on
hosts:
  crepes.fr: {{program: {program}}}
  stranger.example: {{role: client}}
steps:
  - talk:
      from: stranger.example
      to: crepes.fr
      port: 25
      say: [EHLO stranger.example, "MAIL FROM:<a@stranger.example>", "RCPT TO:<b@someschool.edu>", QUIT]
expect: [running: crepes.fr]
"""

SECURED = """
title: A relay speaks TLS with both sides, over IPv6
ip: ipv6
hosts:
  alice.crepes.fr: {{tls: starttls}}
  crepes.fr: {{program: {program}, starttls: true}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 1m
expect:
  - delivered: {{to: bob@someschool.edu}}
  - running: crepes.fr
"""
CRASHES = """
title: A relay is killed with mail in its queue, and started again
hosts:
  crepes.fr: {{program: {program}}}
faults:
  - {{at: someschool.edu, on: RCPT, reply: 450 4.2.1 Busy, times: 1}}
  - {{host: crepes.fr, is: crashed, from: 30s, until: 20m}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 25m
  - send: {{to: bob@someschool.edu, subject: after the restart}}
  - wait: 1h
expect:
  - delivered: {{to: bob@someschool.edu, copies: 1}}
  - delivered: {{to: bob@someschool.edu, subject: after the restart, copies: 1}}
  - queued: {{at: crepes.fr, count: 0}}
  - running: crepes.fr
"""
WITHOUT_TLS = "opensmtpd"  # in Debian 12: its process for keys cannot sign with OpenSSL 3

RECEIVES = """
title: Mail for two mailboxes and an alias
hosts:
  crepes.fr: {routes}
  someschool.edu: {{program: {program}, mailboxes: {{bob: {{aliases: {aliases}}}, ann: {{}}}}}}
steps:
  - send: {{to: bob@someschool.edu}}
  - send: {{to: [{robert}@someschool.edu, ann@someschool.edu]}}
  - send: {{to: nemo@someschool.edu}}
  - wait: 1m
expect:
  - mailbox: {{of: bob@someschool.edu, messages: 2}}
  - mailbox: {{of: ann@someschool.edu, messages: 1}}
  - running: someschool.edu
"""


@pytest.mark.parametrize("program", RELAYS)
def test_a_relay_passes_on_gives_back_keeps_and_says_so(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    lists = subjects()[program].host.get("holds")
    files = ["grep", "-rhao", "ann@someschool.edu", "{directory}/etc/haraka/queue"]  # of one that lists nothing
    outcome = play(RELAYS_IT.format(program=program, shows=lists or files), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    listed = {entry.event.recipient for entry in of(outcome.analysis.log, events.HoldsListed)}
    assert listed == ({"ann@someschool.edu"} if lists else set())
    assert list(of(outcome.analysis.log, events.HoldsFile))


@pytest.mark.parametrize("program", RELAYS)
def test_a_relay_sends_nothing_on_for_strangers(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    outcome = play(STRANGER.format(program=program), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    exchanges = (one for connection in outcome.analysis.connections for one in connection.exchanges)
    [said] = [one.reply.code for one in exchanges if one.command and one.command.verb == "RCPT" and one.reply]
    assert said[0] in "45"


@pytest.mark.parametrize("program", RELAYS)
def test_a_relay_speaks_tls_and_ipv6(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    text = SECURED.format(program=program)
    if program == WITHOUT_TLS:
        text = text.replace(", starttls: true", "").replace("tls: starttls", "tls: none")
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize("program", RELAYS)
def test_a_relay_keeps_its_queue_over_a_crash(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    outcome = play(CRASHES.format(program=program), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize("program", RECEIVERS)
def test_a_receiver_stores_what_is_for_its_users(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    by_lmtp = program == "dovecot"
    outcome = play(
        RECEIVES.format(
            program=program,
            routes="{routes: {someschool.edu: {lmtp: someschool.edu}}}" if by_lmtp else "{}",
            aliases=[] if by_lmtp else ["robert"],
            robert="bob" if by_lmtp else "robert",
        ),
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)

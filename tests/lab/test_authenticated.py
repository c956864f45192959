"""What a server found when it checked mail: told for each recipient, and of programs only as far as it shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

TWO_ARE_REFUSED = """
title: A server whose address has no name writes to two
hosts:
  crepes.fr: {ptr: none}
  someschool.edu: {checks: [ptr], mailboxes: [bob, carol]}
steps:
  - send: {to: [bob@someschool.edu, carol@someschool.edu]}
  - wait: 1m
expect:
  - authenticated: {to: bob@someschool.edu, ptr: permerror, action: refuse}
  - authenticated: {to: carol@someschool.edu, ptr: permerror, action: refuse}
"""

# It refuses a recipient, and keeps to itself what it found.
SILENT = r"""
import socketserver, sys

class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 someschool.edu\r\n")
        for line in self.rfile:
            replies = {b"RCPT": sys.argv[1].encode(), b"QUIT": b"221 bye"}
            self.wfile.write(replies.get(line[:4].upper(), b"250 fine") + b"\r\n")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", 25), Session).serve_forever()
"""
BY_A_PROGRAM = """
title: A program checks, and says nothing of it
hosts:
  someschool.edu: {{role: receiver, command: [{python}, {script}, 550 5.7.23 SPF], listens: [25], mailboxes: [bob]}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 1s
expect:
  - authenticated: {{to: bob@someschool.edu, spf: fail, action: refuse}}
"""


def test_each_recipient_that_is_refused_is_told_of(tmp_path: Path) -> None:
    outcome = play(TWO_ARE_REFUSED, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


def test_what_a_program_does_not_show_is_not_judged(tmp_path: Path) -> None:
    script = tmp_path / "silent.py"
    script.write_text(SILENT)
    outcome = play(BY_A_PROGRAM.format(python=sys.executable, script=script), tmp_path)
    assert outcome.judgement is not None, outcome.played.error
    [verdict] = outcome.judgement.expectations
    assert not verdict.judged
    assert "nobody can see what someschool.edu, a program, found" in verdict.why

"""A web mail as a host of a lab: browsers find it by name, it reads through IMAP and sends through the relay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.protocols import events
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

BROWSER = """
import http.cookiejar, re, urllib.parse, urllib.request

jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
browser = urllib.request.build_opener(jar)
def page(path, **form):
    body = urllib.parse.urlencode(form).encode() if form else None
    return browser.open("http://mail.someschool.edu" + path, body).read().decode()
def token(text):
    return re.search('name="token" value="([^"]+)"', text)[1]
inbox = page("/login", token=token(page("/login")), user="bob@someschool.edu", password="secret")
print(re.search(r"\\d+ messages", inbox)[0])
sent = page("/compose", token=token(inbox), to="alice@crepes.fr", subject="Hello from the web", body="It works.")
print(re.search("Hello from the web", sent)[0])
"""

SCENARIO = """
title: Bob reads and writes in his browser
hosts:
  mail.someschool.edu: {role: webmail, server: someschool.edu, relay: crepes.fr}
  bob.someschool.edu: {role: user-agent, address: bob@someschool.edu, server: crepes.fr}
steps:
  - run: {command: [PYTHON, PROGRAM], on: bob.someschool.edu, time_limit: 25s}
  - wait: 5d
  - run: {command: [PYTHON, PROGRAM], on: bob.someschool.edu, time_limit: 25s}
expect:
  - exited: {status: 0, count: 2, output: messages}
  - connection: {from: bob.someschool.edu, to: mail.someschool.edu, port: 80, handshake: complete}
  - connection: {from: mail.someschool.edu, to: crepes.fr, port: 587, handshake: complete, closure: normal}
  - delivered: {to: alice@crepes.fr, from: bob@someschool.edu}
"""


def test_it_reads_and_sends_and_days_pass(tmp_path: Path) -> None:
    program = tmp_path / "browser.py"
    program.write_text(BROWSER)
    outcome = play(SCENARIO.replace("PYTHON", sys.executable).replace("PROGRAM", str(program)), tmp_path)
    assert outcome.analysis is not None
    said = [entry.message for entry in of(outcome.analysis.log, events.Said)]
    assert outcome.result is Result.HELD, why(outcome) + "\n".join(said)
    assert [entry.event for entry in of(outcome.analysis.log, events.SentByWeb)] == [
        events.SentByWeb(sender="bob@someschool.edu", recipients=("alice@crepes.fr",))
    ] * 2
    tcp = [c for c in outcome.analysis.connections if c.transport.protocol == "tcp"]
    clients = {c.service: (c.client.label, c.server.label) for c in tcp}
    assert clients["http"] == ("bob.someschool.edu", "mail.someschool.edu")
    assert clients["imap"] == ("mail.someschool.edu", "someschool.edu")
    assert clients["submission"] == ("mail.someschool.edu", "crepes.fr")


def test_labs_without_one_do_not_load_its_libraries(tmp_path: Path) -> None:
    program = "import sys, testbed.lab; sys.exit('starlette' in sys.modules or 'nh3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("{role: webmail}", "'server' is missing"),
        ("{role: webmail, server: someschol.edu}", "did you mean 'someschool.edu'"),
        ("{role: webmail, server: ns.lab}", "ns.lab is not a mail server"),
        ("{role: webmail, server: crepes.fr, relay: ns.lab}", "ns.lab is not a mail server"),
    ],
)
def test_mistakes(host: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        parse(f"title: x\nhosts: {{web.lab: {host}}}\nsteps: [{{wait: 1s}}]\nexpect: [{{queued: {{at: crepes.fr}}}}]\n")


THROUGH_TLS = """
title: Bob reads through HTTPS, and his web mail through TLS
hosts:
  someschool.edu: {starttls: true}
steps:
  - send: {to: bob@someschool.edu, subject: For your eyes only}
  - read: {mailbox: bob@someschool.edu, via: web, tls: implicit}
expect:
  - connection: {from: bob.someschool.edu, to: mail.someschool.edu, port: 443, said: [GET, POST, GET, GET]}
  - reply: {from: someschool.edu, on: IMAP STARTTLS, code: OK, count: 3}
"""


@pytest.mark.program("tshark")
def test_https_and_tls_behind_it(tmp_path: Path) -> None:
    outcome = play(THROUGH_TLS, tmp_path)
    assert outcome.analysis is not None
    assert outcome.result is Result.HELD, why(outcome)
    assert "credentials-in-clear" not in {finding.code for finding in outcome.analysis.findings}
    assert [entry.event.subject for entry in of(outcome.analysis.log, events.SeenOnTheWeb)] == ["For your eyes only"]

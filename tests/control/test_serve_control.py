"""``testbed serve --control``: as long as a command runs, which finds the API in its environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.command import testbed

pytestmark = pytest.mark.lab

ASKS = """
import json, os, smtplib, urllib.request
url, token = os.environ["TESTBED_CONTROL_URL"], os.environ["TESTBED_CONTROL_TOKEN"]
def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")
"""
BREAKS = """
ask("POST", "/labs/1/faults", {"at": "crepes.fr", "on": "RCPT", "reply": "452 4.3.1 Out of space"})
with smtplib.SMTP(os.environ["TESTBED_SUBMISSION_HOST"], int(os.environ["TESTBED_SUBMISSION_PORT"])) as client:
    try:
        client.sendmail("alice@crepes.fr", "bob@someschool.edu", "Subject: x\\n\\nhm\\n")
    except smtplib.SMTPRecipientsRefused as error:
        print(error.recipients["bob@someschool.edu"][0])
"""
OPENS = """
lab = ask("POST", "/labs", {"scenario": "@catalogue/mailbox-full"})
print(lab["title"], len(ask("GET", "/labs")))
"""


def ran(tmp_path: Path, code: str, *options: str) -> tuple[int, str, str]:
    done = testbed("serve", *options, "--keep", str(tmp_path), "--", sys.executable, "-c", ASKS + code)
    return done.returncode, done.stdout, done.stderr


def test_a_command_breaks_the_lab_it_tests_with(tmp_path: Path) -> None:
    code, output, errors = ran(tmp_path, BREAKS, "@catalogue/delivered", "--no-steps", "--control")
    assert (code, output) == (0, "452\n"), errors
    assert "trace in" in errors
    assert [trace.suffix for trace in tmp_path.iterdir()] == [".pcapng"]


def test_a_command_opens_labs_of_its_own(tmp_path: Path) -> None:
    code, output, errors = ran(tmp_path, OPENS, "--control")
    assert (code, output) == (0, "Bob's mailbox is full 1\n"), errors


def test_what_a_command_has_set_is_judged(tmp_path: Path) -> None:
    sets = 'ask("POST", "/labs/1/faults", {"host": "someschool.edu", "is": "full-disk"})'
    code, _, errors = ran(tmp_path, sets, "@catalogue/delivered", "--control", "--judge")
    assert (code, "fault 1, set while the lab ran, was never reached" in " ".join(errors.split())) == (1, True), errors


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    assert ran(tmp_path, "raise SystemExit(7)", "--control")[0] == 7


def test_the_token_is_a_fresh_one_each_time(tmp_path: Path) -> None:
    tokens = {ran(tmp_path, "print(token)", "--control")[1] for _ in range(2)}
    assert len(tokens) == 2
    assert all(len(token.strip()) >= 32 for token in tokens)


MISUSE = [
    ((), "name a scenario file; without one, say --control"),
    (("--control", "nowhere.yaml"), "there is no such file"),
    (("--control-port", "70000"), "not a port; write a number from 1 to 65535"),
    (("--control-port", "x.yaml"), "not a port; write a number from 1 to 65535"),
    (("--control", "--case", "x"), "--case is one of a scenario's"),
    (("--control", "--forward", "1:a:2"), "leave --forward out"),
    (("--control", "--scenario-time"), "let time pass by 'wait'"),
    (("nowhere.yaml", "--control"), "there is no such file"),
]


@pytest.mark.parametrize(("options", "words"), MISUSE, ids=lambda value: str(value))
def test_misuse_is_told(options: tuple[str, ...], words: str) -> None:
    done = testbed("serve", *options)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr

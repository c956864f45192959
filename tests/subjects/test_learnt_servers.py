"""Servers that run, learnt: ours keep to the RFCs, others do what they are known for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from testbed.cli import main
from testbed.learn.machine import Machine
from testbed.learn.machine_file import parse_machine

pytestmark = pytest.mark.lab

Have = Callable[[str], None]
TRANSACTION = "HELO,MAIL,RCPT,DATA,message,QUIT"

# What is said, and what is answered at its end.
OURS: dict[str, dict[str, str]] = {
    "smtp": {  # RFC 5321
        "MAIL": "503",
        "HELO RCPT": "503",
        "EHLO MAIL MAIL": "503",
        "EHLO MAIL DATA": "503",
        "EHLO MAIL RCPT unknown": "550",
        "EHLO MAIL RCPT RSET DATA": "503",
        "EHLO MAIL RCPT EHLO DATA": "503",
        "EHLO MAIL RCPT DATA message": "250",
        "EHLO MAIL RCPT DATA message DATA": "503",
        "RSET": "250",
        "NOOP": "250",
        "QUIT NOOP": "closed",
    },
    "lmtp": {  # RFC 2033
        "MAIL": "503",
        "LHLO MAIL RCPT unknown DATA": "503",
        "LHLO MAIL RCPT RCPT DATA message": "250",
        "LHLO MAIL RCPT DATA message DATA": "503",
        "QUIT": "221",
    },
    "pop3": {  # RFC 1939
        "PASS": "-ERR",
        "STAT": "-ERR",
        "USER PASS STAT": "+OK",
        "USER PASS USER": "-ERR",
        "USER PASS DELE RETR": "-ERR",
        "USER PASS DELE DELE": "-ERR",
        "USER PASS DELE RSET RETR": "+OK",
        "QUIT STAT": "closed",
    },
    "imap": {  # RFC 3501
        "SELECT": "BAD",
        "LOGIN LOGIN": "BAD",
        "LOGIN FETCH": "BAD",
        "LOGIN SELECT FETCH": "OK",
        "LOGIN SELECT CLOSE FETCH": "BAD",
        "LOGIN SELECT SELECT unknown FETCH": "BAD",
        "LOGIN EXAMINE STORE": "NO",
        "LOGIN EXAMINE CLOSE": "OK",
        "LOGIN EXAMINE CLOSE FETCH": "BAD",
        "LOGOUT": "BYE OK",
        "LOGOUT NOOP": "closed",
    },
}


def _learnt(capsys: pytest.CaptureFixture[str], *words: str) -> list[Machine]:
    assert main(["learn", "someschool.edu", *words, "--json", "-"]) == 0
    servers = json.loads(capsys.readouterr().out)["servers"]
    assert all(server["complete"] for server in servers)
    return [parse_machine(json.dumps(server["machine"]).encode())[1] for server in servers]


def _word(text: str, inputs: Sequence[str]) -> tuple[str, ...]:
    """The inputs of a dialogue, some of which are two words."""
    found: list[str] = []
    for part in text.split():
        two = f"{found[-1]} {part}" if found else ""
        found[-1:] = [two] if two in inputs else [*found[-1:], part]
    return tuple(found)


@pytest.mark.parametrize("protocol", OURS)
def test_our_server_keeps_to_the_protocol(protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    [machine] = _learnt(capsys, "--protocol", protocol)
    said = {text: machine.answers(_word(text, machine.inputs))[-1] for text in OURS[protocol]}
    assert said == OURS[protocol]


def test_postfix_takes_mail_before_helo_and_ours_does_not(have: Have, capsys: pytest.CaptureFixture[str]) -> None:
    have("postfix")
    words = ["--receiver", "ours,postfix", "--inputs", TRANSACTION, "--json", "-"]
    assert main(["learn", "someschool.edu", *words]) == 0
    said = json.loads(capsys.readouterr().out)
    [pair] = said["pairs"]
    assert [server["states"] for server in said["servers"]] == [6, 5]  # with that of a connection that has ended
    assert pair["differences"][0] == {"dialogue": ["MAIL"], "before": [], "one": "503", "other": "250"}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("exim", {"MAIL": "503", "HELO MAIL RCPT DATA message": "250"}),
        ("opensmtpd", {"HELO HELO": "503", "HELO MAIL RCPT DATA message": "250"}),
        ("sendmail", {"MAIL": "250", "MAIL RCPT DATA message": "250"}),
        ("haraka", {"HELO MAIL MAIL": "250", "HELO MAIL RCPT DATA message": "250"}),
    ],
)
def test_others_do_what_they_are_known_for(
    program: str, said: dict[str, str], have: Have, capsys: pytest.CaptureFixture[str]
) -> None:
    have(program)
    [machine] = _learnt(capsys, "--receiver", program, "--inputs", TRANSACTION)
    assert {text: machine.answers(tuple(text.split()))[-1] for text in said} == said


@pytest.mark.parametrize(
    ("protocol", "inputs", "said"),
    [
        (  # RFC 3207 §4.2: nothing that was said before is known any more
            "smtp",
            "EHLO,STARTTLS,MAIL,RCPT",
            {"EHLO STARTTLS MAIL": "503", "EHLO MAIL STARTTLS EHLO RCPT": "503", "EHLO STARTTLS STARTTLS": "503"},
        ),
        ("pop3", "STLS,USER,PASS", {"USER STLS PASS": "-ERR", "USER PASS STLS": "-ERR", "STLS STLS": "-ERR"}),
        ("imap", "STARTTLS,LOGIN", {"STARTTLS LOGIN": "OK", "LOGIN STARTTLS": "BAD"}),
    ],
)
def test_our_servers_begin_anew_behind_tls(
    protocol: str, inputs: str, said: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    [machine] = _learnt(capsys, "--protocol", protocol, "--inputs", inputs)
    assert {text: machine.answers(text.split())[-1] for text in said} == said


def test_our_imap_server_idles_wherever_somebody_has_logged_in(capsys: pytest.CaptureFixture[str]) -> None:
    [machine] = _learnt(capsys, "--protocol", "imap", "--inputs", "LOGIN,EXAMINE,CLOSE,IDLE,DONE")
    said = {text: machine.answers(text.split())[-1] for text in ("IDLE", "LOGIN IDLE", "LOGIN EXAMINE IDLE DONE CLOSE")}
    assert list(said.values()) == ["BAD", "+", "OK"]


@pytest.mark.parametrize(("protocol", "states"), [("pop3", 5), ("lmtp", 5)])
def test_dovecot_is_learnt(protocol: str, states: int, have: Have, capsys: pytest.CaptureFixture[str]) -> None:
    have("dovecot")
    [machine] = _learnt(capsys, "--receiver", "dovecot", "--protocol", protocol)
    assert len(machine.steps) == states


def test_a_fault_of_a_scenario_shows(capsys: pytest.CaptureFixture[str]) -> None:
    [machine] = _learnt(capsys, "--in", "scenarios/mailbox-full.yaml", "--inputs", "HELO,MAIL,RCPT,QUIT")
    assert machine.answers(("HELO", "MAIL", "RCPT")) == ("250", "250", "452")


def test_a_baseline_is_recorded_held_and_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "someschool.json"
    words = ["learn", "someschool.edu", "--inputs", "HELO,MAIL,RCPT,QUIT", "--baseline", str(file)]
    assert main(words) == 2
    assert "is not there; --update records it" in capsys.readouterr().err
    assert main([*words, "--update"]) == 0
    recorded = file.read_text()
    assert main(words) == 0
    assert main([*words, "--in", "scenarios/mailbox-full.yaml"]) == 1
    assert "HELO, MAIL, RCPT" not in capsys.readouterr().err
    assert main([*words, "--most", "5"]) == 3
    assert "what is not proven is not compared" in capsys.readouterr().err
    assert main([*words, "--inputs", "HELO,MAIL"]) == 2
    assert "was learnt with other inputs; say --inputs 'HELO,MAIL,RCPT,QUIT'" in capsys.readouterr().err
    assert file.read_text() == recorded


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nowhere.edu"], "there is no host 'nowhere.edu' in the lab; its servers are crepes.fr, someschool.edu"),
        (["alice.crepes.fr"], "alice.crepes.fr is not a mail server; those of the lab are crepes.fr, someschool.edu"),
        (["crepes.fr", "--receiver", "aiosmtpd"], "crepes.fr is a relay, so say --relay"),
        (["crepes.fr", "--inputs", "HELO,MAL"], "smtp has no 'MAL' (did you mean 'MAIL'?)"),
        (["crepes.fr", "--update"], "--update goes with --baseline"),
        (
            ["someschool.edu", "--receiver", "aiosmtpd", "--protocol", "imap"],
            "someschool.edu has no service 143; it has 25 (smtp)",
        ),
    ],
)
def test_what_cannot_be_learnt_is_said(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", *words]) == 2
    assert complaint in capsys.readouterr().err


def test_without_aalpy_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "aalpy", None)
    assert main(["learn", "someschool.edu"]) == 2
    assert capsys.readouterr().err == (
        "error: to learn a server, install the package aalpy: pip install 'mail-testbed[learn]'\n"
    )

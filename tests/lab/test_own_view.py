"""What a program sees in place of the machine's files, folders and users of its own, nobody else does."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import pytest

from testbed import open_lab
from testbed.cli import main
from testbed.lab.program_view import ProgramView
from testbed.net.program_time.library import compiler
from testbed.outcome import Result
from testbed.scenario.load import parse
from tests.lab.test_programs import said
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

LISTENS = """
import pathlib, pwd, socket
socket_there = pathlib.Path("/run/little/socket")
socket_there.parent.mkdir(parents=True, exist_ok=True)
socket_there.write_text("here")
spool = pathlib.Path("/var/spool/no-such-spool-of-this-machine")
(spool / "queue").mkdir(parents=True, exist_ok=True)
print("in it:", *sorted(path.name for path in spool.iterdir()), flush=True)
with socket.create_server(("", 25)) as listener:
    while True:
        listener.accept()[0].close()
"""

LAB = """
title: A program with a view of its own
hosts:
  alice.crepes.fr: {{port: 25}}
  crepes.fr:
    role: relay
    command: [{python}, {program}]
    listens: 25
    files: {{var/spool/no-such-spool-of-this-machine/given: "{{name}}"}}
    private: [/run, /var/spool/no-such-spool-of-this-machine]
    users: [root, no-such-user-of-this-machine]
    {more}
steps:
  - run: {{on: crepes.fr, command: [sh, -c, {command}]}}
expect:
  - exited: {{status: 0}}
  - running: crepes.fr
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "little.py"
    file.write_text(LISTENS)
    return file


def lab(program: Path, command: str, more: str = "") -> str:
    return LAB.format(python=sys.executable, program=program, command=f"'{command}'", more=more)


SEEN = [
    ("cat /run/little/socket", "here"),
    ("cat /var/spool/no-such-spool-of-this-machine/given", "crepes.fr"),
    ("cat {directory}/run/little/socket", "here"),
    ("touch /var/spool/no-such-spool-of-this-machine/more && ls /var/spool/no-such-spool-of-this-machine", "more"),
    ("ls /run", "little"),
    ("id -un no-such-user-of-this-machine", "no-such-user-of-this-machine"),
    ("id -u root", "0"),
]


@pytest.mark.parametrize(("command", "line"), SEEN, ids=[command for command, _ in SEEN])
def test_steps_on_the_host_see_what_the_program_sees(command: str, line: str, program: Path, tmp_path: Path) -> None:
    outcome = play(lab(program, command), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert line in said(outcome)
    assert "in it: given queue" in said(outcome)


def test_the_machine_is_as_it_was(program: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir("/run")), sorted(os.listdir("/var/spool"))
    outcome = play(lab(program, "true"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert (sorted(os.listdir("/run")), sorted(os.listdir("/var/spool"))) == before
    assert "no-such-user-of-this-machine" not in {user.pw_name for user in pwd.getpwall()}


def test_the_rest_of_a_folder_stays_where_something_is_added(program: Path, tmp_path: Path) -> None:
    rest = sorted(os.listdir("/var/spool"))
    outcome = play(lab(program, "ls /var/spool"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert sorted({*rest, "no-such-spool-of-this-machine"}) == [line for line in said(outcome) if "in it" not in line]


@pytest.mark.parametrize("place", ["/var/spool/more", "/usr/more", "/etc/more", "/var/more"])
def test_it_writes_to_nothing_but_its_own(place: str, program: Path, tmp_path: Path) -> None:
    outcome = play(lab(program, f"! touch {place}"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert not os.path.lexists(place)


def test_files_that_a_running_program_reads_are_left_as_they_are(program: Path, tmp_path: Path) -> None:
    """A step's view is made while the host's program runs, which may read who is a user at any moment."""
    view = ProgramView(parse(lab(program, "true")), tmp_path / "scratch")
    [hosts, passwd, group] = view.sight("crepes.fr", None).shown
    with open(passwd.source) as read_before:
        before = os.stat(passwd.source)
        assert view.sight("crepes.fr", None).shown == (hosts, passwd, group)
        assert os.stat(passwd.source).st_mtime_ns == before.st_mtime_ns
        assert "no-such-user-of-this-machine" in read_before.read()


@pytest.mark.parametrize(("command", "line"), SEEN, ids=[command for command, _ in SEEN])
@pytest.mark.parametrize("time", ["real", "scenario"])
def test_a_command_in_the_lab_held_open_sees_it_too(
    time: str, command: str, line: str, program: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if time == "scenario" and compiler() is None:
        pytest.skip("there is no C compiler here")
    file = tmp_path / "scenario.yaml"
    file.write_text(lab(program, "true"))
    clock = ["--scenario-time"] if time == "scenario" else []
    arguments = ["shell", "--on", "crepes.fr", "--keep", str(tmp_path), *clock, str(file)]
    assert main([*arguments, "--", "sh", "-c", command.replace("{directory}", "$TESTBED_DIRECTORY")]) == 0
    assert line in capfd.readouterr().out.split()
    assert not os.path.lexists("/var/spool/no-such-spool-of-this-machine")


def test_a_program_of_a_lab_in_python_sees_it_too(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(lab(program, "true"))
    with open_lab(file, keep=tmp_path) as bed:
        ended = bed.run(["sh", "-c", "hostname; ls /run; id -un no-such-user-of-this-machine"], on="crepes.fr")
    assert ended.stdout.split() == ["crepes.fr", "little", "no-such-user-of-this-machine"]

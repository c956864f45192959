"""Bugs of programs that the public knows come out by themselves: one fault each, nothing told of the program."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from testbed.explore.first_run import Explored, explored
from testbed.explore.play import play
from testbed.explore.ran import Came, Order, Ran
from testbed.runner import lacking
from testbed.scenario.casting import cast_all
from tests.conftest import PROJECT

pytestmark = [pytest.mark.lab, pytest.mark.program("cc")]

_AGAIN, _TAKEN = "for the reply of crepes.fr", "although crepes.fr promised it to bob@someschool.edu"
BUGS = [
    # It waits five minutes for every reply (CON_TIMEOUT), also behind the final dot.
    ("dma", "crepes.fr message: late", _AGAIN),
    # "with SMTP(…)" raises an error when QUIT is not answered with 221, although the mail is taken.
    ("smtplib", "crepes.fr QUIT: 4yz", f"ended with status 1, {_TAKEN}"),
    ("smtplib", "crepes.fr QUIT: 421 and FIN", f"ended with status 1, {_TAKEN}"),
    # Status 6 says that the connection was lost, also when that was after the 250.
    ("swaks", "crepes.fr message: FIN after", f"ended with status 6, {_TAKEN}"),
]
RIGHT = [
    ("smtplib", "crepes.fr EHLO: garbled"),
    ("swaks", "crepes.fr EHLO: garbled"),
    ("smtplib", "crepes.fr DATA: 421 and FIN"),
    ("smtplib", "crepes.fr message: late"),
    ("msmtp", "crepes.fr message: late"),
    ("msmtp", "crepes.fr QUIT: 421 and FIN"),
]


@cache
def _subject(program: str) -> Explored:
    """A scenario in which a program sends.  Skips where it is not here."""
    [cast] = cast_all((PROJECT / "scenarios" / "delivered.yaml",), {"client": program})
    if why := cast.why_not or lacking(cast.scenario):
        pytest.skip(why)
    return explored(cast.scenario)


@cache
def _offered(program: str) -> dict[str, object]:
    first = play(_subject(program), Order(0, ()), Path(os.devnull))
    assert (first.came, first.error) == (Came.DELIVERED, "")
    return {str(one): one.fault for one in first.opened}


def _played(program: str, fault: str, folder: Path) -> Ran:
    struck = _offered(program)[fault]
    assert isinstance(struck, dict)
    return play(_subject(program), Order(1, (struck,)), folder)


@pytest.mark.parametrize(("program", "fault", "told"), BUGS, ids=[f"{program} {fault}" for program, fault, _ in BUGS])
def test_what_a_program_does_wrong_comes_out(program: str, fault: str, told: str, tmp_path: Path) -> None:
    ran = _played(program, fault, tmp_path)
    assert ran.came is Came.RED, (ran.told, ran.error)
    assert any(told in breach.why for breach in ran.breaches), ran.breaches


@pytest.mark.program("postconf")
def test_smuggling_is_red_before_any_fault(tmp_path: Path) -> None:
    """Line ends are what a client says, and no fault: a scenario says them, and its first run tells."""
    version = subprocess.run(["postconf", "-hd", "mail_version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("3.7."):
        pytest.skip(f"Postfix {version.strip()} may be mended; 3.7 takes LF.LF for the end of data as it is shipped")
    cast = cast_all((PROJECT / "scenarios" / "framing" / "smuggling.yaml",), {"relay": "postfix"})[0]
    if why := cast.why_not or lacking(cast.scenario):
        pytest.skip(why)
    ran = play(explored(cast.scenario), Order(0, ()), tmp_path)
    assert any("smuggled: crepes.fr ended the data" in breach.why for breach in ran.breaches), (ran.told, ran.error)


@pytest.mark.parametrize(("program", "fault"), RIGHT)
def test_who_does_right_is_not_accused(program: str, fault: str, tmp_path: Path) -> None:
    ran = _played(program, fault, tmp_path)
    assert (ran.breaches, ran.error) == ((), "")

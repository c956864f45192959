"""The fixture ``lab``: labs for tests written in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.trace.inspect import inspect
from tests.pytest_plugin.conftest import GREEN, Run, Write

pytest_plugins = ["pytester"]

TESTS = """\
import smtplib

BOB = "bob@someschool.edu"

def hand_in(bed):
    with smtplib.SMTP(*bed.address("crepes.fr"), timeout=300) as client:
        client.sendmail("alice@crepes.fr", BOB, "Subject: Lunch?\\n\\nAt noon.")

def test_refused(lab):
    hand_in(lab(faults=[{"at": "crepes.fr", "on": "RCPT", "reply": "452 4.3.1 Out of space"}]))

def test_left_open(lab):
    bed = lab()
    hand_in(bed)
    assert len(bed.messages(BOB)) == 1

def test_two_of_them(lab):
    with lab("near.yaml") as one:
        assert len(one.messages(BOB)) == 1
    assert one.held
    other = lab("near.yaml", play_steps=False)
    assert other.messages(BOB) == []
    assert one.trace != other.trace

def test_checked(lab):
    lab("near.yaml", play_steps=False).check()
"""

pytestmark = pytest.mark.lab


def test_labs_end_with_their_tests_and_failures_name_the_traces(run: Run, write: Write) -> None:
    write("pytest.ini", "[pytest]\nfilterwarnings = error\n")
    write("tests/test_app.py", TESTS)
    write("tests/near.yaml", GREEN)
    result = run("--testbed-keep", "kept", "tests/test_app.py")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*SMTPRecipientsRefused: {'bob@someschool.edu': (452, b'4.3.1 Out of space')}",
            "*- Mail Testbed -*",
            "trace       *kept/tests/test_app/test_refused/lab.pcapng",
            "look at it  testbed inspect *kept/tests/test_app/test_refused/lab.pcapng",
            ">       lab(*near.yaml*).check()",
            "E       testbed.NotHeld: *tests/near.yaml:5: this did not hold",
            "E           - delivered: {to: bob@someschool.edu}",
            "E       seen        nobody sent mail to bob@someschool.edu",
            "FAILED tests/test_app.py::test_refused - *",
        ]
    )
    folder = Path("kept/tests/test_app")
    assert sorted(str(path.relative_to(folder)) for path in Path("kept").rglob("*.pcapng")) == [
        "test_checked/near.pcapng",
        "test_left_open/lab.pcapng",
        "test_refused/lab.pcapng",
        "test_two_of_them/near-2.pcapng",
        "test_two_of_them/near.pcapng",
    ]
    analysis = inspect("kept/tests/test_app/test_refused/lab.pcapng")
    assert analysis.problems == ()
    assert "disk-full" in {finding.code for finding in analysis.findings}


def test_workers_have_labs_of_their_own(run: Run, write: Write) -> None:
    write("test_app.py", TESTS)
    write("near.yaml", GREEN)
    result = run("-n", "2", "--lf", "test_app.py")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*- Mail Testbed -*", "trace *lab.pcapng"])
    run("-n", "2", "--lf", "test_app.py").assert_outcomes(failed=2)


def test_a_fixture_of_the_users_own_called_lab_is_his(run: Run, write: Write) -> None:
    write("conftest.py", "import pytest\n\n@pytest.fixture\ndef lab():\n    return 'mine'\n")
    write("test_app.py", "def test_it(lab):\n    assert lab == 'mine'\n")
    run("test_app.py").assert_outcomes(passed=1)


def test_one_lab_for_a_whole_module(run: Run, write: Write) -> None:
    write(
        "test_app.py",
        "import pytest, testbed\n\n"
        "@pytest.fixture(scope='module')\ndef bed():\n"
        "    with testbed.open_lab() as bed:\n        yield bed\n    bed.check()\n\n"
        "def test_one(bed):\n    bed.send('bob@someschool.edu')\n\n"
        "def test_two(bed):\n    assert len(bed.messages('bob@someschool.edu')) == 1\n",
    )
    run("test_app.py").assert_outcomes(passed=2)

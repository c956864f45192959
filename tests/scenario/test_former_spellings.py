"""Spellings that the language had before: still read by the tool and by editors, with a hint at the present ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from testbed.scenario.document import read_document
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.scenario.schema import schema
from tests.command import testbed

WIRE = "between: [crepes.fr, someschool.edu], packets: data"


def scenario(fault: str, expectation: str) -> str:
    return f"""title: A scenario
faults:
  - {{{fault}}}
steps:
  - send: {{to: bob@someschool.edu}}
expect:
  - {expectation}
"""


SOME_FAULT = "at: someschool.edu, on: RCPT, reply: 450"
SOME_EXPECTATION = "delivered: {to: bob@someschool.edu}"
REPLY = "reply: {{from: someschool.edu, {}, code: 450}}"
FORMER = {
    "lose: all": (f"{WIRE}, lose: all", f"{WIRE}, lose: always", "3:59: 'lose: all' is now 'lose: always'"),
    "times: all": (
        f"{WIRE}, delay: 5s, times: all",
        f"{WIRE}, delay: 5s, times: always",
        "3:70: 'times: all' is now 'times: always'",
    ),
    **{
        f"{act} without times": (
            f"{WIRE}, {act}",
            f"{WIRE}, {act}, times: 1",
            f"3:59: say 'times: 1' with '{act.partition(':')[0]}', or 'times: always' (default: 1)",
        )
        for act in ("delay: 5s", "reorder: 1", "reset: both", "unreachable: host", "forget: silence")
    },
}


@pytest.mark.parametrize(("former", "present", "hint"), FORMER.values(), ids=FORMER)
def test_a_former_fault_means_what_the_present_one_does(former: str, present: str, hint: str) -> None:
    was, now = (parse(scenario(fault, SOME_EXPECTATION), "x.yaml") for fault in (former, present))
    assert was.faults == now.faults
    assert [str(one) for one in was.former] == [f"x.yaml:{hint}"]
    assert now.former == ()


@pytest.mark.parametrize("always", ["", ", times: always", ", times: all"])
@pytest.mark.parametrize(
    "fault",
    [
        SOME_FAULT,
        f"{WIRE}, jitter: 5s",
        "zone: someschool.edu, answer: SERVFAIL",
        "host: someschool.edu, is: crashed, when: it has done message",
    ],
)
def test_without_a_number_it_is_always(fault: str, always: str) -> None:
    [read] = parse(scenario(fault + always, SOME_EXPECTATION)).faults
    [plain] = parse(scenario(fault, SOME_EXPECTATION)).faults
    assert (read.describe(), read.least) == (plain.describe(), 1)


def test_what_a_reply_is_to_was_called_to() -> None:
    was, now = (parse(scenario(SOME_FAULT, REPLY.format(f"{key}: RCPT")), "x.yaml") for key in ("to", "on"))
    assert was.expect == now.expect
    assert [str(one) for one in was.former] == ["x.yaml:7:35: 'to: RCPT' is now 'on: RCPT'"]


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("to: RCTP", "7:39: 'RCTP' is not one of connect, "),
        ("on: RCTP", "7:39: 'RCTP' is not one of connect, "),
        ("on: RCPT, to: RCPT", "7:45: unknown key 'to'"),
        ("count: 1", "7:12: 'on' is missing in 'reply'"),
    ],
)
def test_mistakes_are_told_where_they_are(keys: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(scenario(SOME_FAULT, REPLY.format(keys)), "x.yaml")
    assert complaint in str(caught.value)


@pytest.mark.parametrize("fault", [former for former, _, _ in FORMER.values()], ids=FORMER)
@pytest.mark.parametrize("key", ["to", "on"])
def test_editors_take_them_too(fault: str, key: str) -> None:
    document = read_document("x.yaml", scenario(fault, REPLY.format(f"{key}: RCPT")))
    assert [error.message for error in Draft202012Validator(schema()).iter_errors(document.data)] == []


def test_editors_strike_the_former_key_out() -> None:
    definitions = schema()["$defs"]
    assert isinstance(definitions, dict)
    keys = definitions["ReplyExpectedItem"]["properties"]
    assert keys["to"]["deprecated"] is True
    assert "deprecated" not in keys["on"]


def test_check_names_the_present_ones_once_for_all_cases(tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text("matrix: {n: [1, 2]}\n" + scenario(f"{WIRE}, lose: all, nth: $n", REPLY.format("to: RCPT")))
    checked = testbed("check", str(file))
    assert checked.returncode == 0
    assert checked.stdout.endswith(
        f"hint: {file}:4:59: 'lose: all' is now 'lose: always'\n"
        f"hint: {file}:8:35: 'to: RCPT' is now 'on: RCPT'\n"
        "2 scenarios, no mistakes; 2 former spellings, still read\n"
    )


def test_a_run_says_once_that_there_are_some(tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text("matrix: {n: [1, 2]}\n" + scenario(f"{WIRE}, lose: all, nth: $n", REPLY.format("to: RCPT")))
    told = "2 former spellings, still read; 'testbed check' names the present ones\n"
    assert testbed("run", str(file)).stdout.count(told) == 1
    assert told not in testbed("run", str(file), "--json").stdout


def test_the_catalogue_has_none() -> None:
    assert testbed("check", "scenarios").stdout.endswith(" scenarios, no mistakes\n")

"""Every example in the language reference is a whole scenario, and loads."""

import re
import subprocess
import sys

import pytest

from testbed.scenario.expectations import EXPECTATIONS
from testbed.scenario.fault_reference import markdown
from testbed.scenario.faults import KINDS, DialogueFault, HostFault, MailboxFault, WireFault, ZoneFault
from testbed.scenario.hosts import ReceiverSpec, RelaySpec, UserAgentSpec
from testbed.scenario.load import MAX_OCTETS, parse_cases
from testbed.scenario.mailboxes import MailboxSpec
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import STEPS
from tests.conftest import PROJECT

PAGE = PROJECT / "docs" / "scenarios.md"
TEXT = PAGE.read_text()
FAULTS = (PROJECT / "docs" / "faults.md").read_text()
EXAMPLES = [
    pytest.param(
        found.group(1), TEXT[: found.start()].count("\n") + 1, id=f"line {TEXT[: found.start()].count(chr(10)) + 1}"
    )
    for found in re.finditer(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S)
]
MODELS = {
    model.__name__: model
    for model in (
        Scenario,
        MailboxSpec,
        UserAgentSpec,
        RelaySpec,
        ReceiverSpec,
        DialogueFault,
        HostFault,
        MailboxFault,
        WireFault,
        ZoneFault,
        *(model for model in (*STEPS.values(), *EXPECTATIONS.values())),
    )
}


def test_there_are_examples():
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize(("text", "line"), EXAMPLES)
def test_the_example_loads(text, line):
    assert all(case.title for case in parse_cases(text, f"{PAGE.name}, example at line {line}"))


@pytest.mark.parametrize("name", MODELS)
def test_every_key_is_described(name):
    model = MODELS[name]
    internal = {"kind", getattr(model, "shorthand", "")}
    for key, field in model.model_fields.items():
        if key not in internal:
            assert f"`{field.alias or key}`" in TEXT + FAULTS, f"{name}: {field.alias or key}"


def test_the_page_of_faults_is_up_to_date():
    assert markdown() == FAULTS, "run 'make docs'"


@pytest.mark.parametrize("word", [*STEPS, *EXPECTATIONS, *KINDS])
def test_every_kind_is_described(word):
    assert f"`{word}`" in TEXT


def test_every_example_together_shows_every_kind():
    scenarios = [case for example in EXAMPLES for case in parse_cases(example.values[0])]
    assert {type(fault) for s in scenarios for fault in s.faults} == set(KINDS.values())
    assert {type(step) for s in scenarios for step in s.steps} == set(STEPS.values())
    assert {type(expected) for s in scenarios for expected in s.expect} == set(EXPECTATIONS.values())


def test_the_limits_are_those_of_the_loader():
    assert f"{MAX_OCTETS:,} octets" in TEXT


@pytest.mark.lab
def test_what_the_examples_expect_holds(tmp_path):
    for example in EXAMPLES:
        text, line = example.values
        (tmp_path / f"line-{line}.yaml").write_text(text)
    command = [sys.executable, "-m", "testbed", "run", str(tmp_path)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr

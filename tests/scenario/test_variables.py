"""What cannot be given to a program is a mistake with its line, before anything is played."""

from __future__ import annotations

import pytest

from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError

LAB = "title: T\nhosts:\n  crepes.fr: {{role: relay, {keys}}}\nsteps: [{step}]\nexpect: [{{running: crepes.fr}}]\n"
MISTAKES = [
    (r'command: ["a\0b"]', "wait: 1s", "has no NUL"),
    (r'command: ["", x]', "wait: 1s", "begins with a program's name"),
    (r'command: x, holds: ["a\0b"]', "wait: 1s", "has no NUL"),
    ("command: x", r'run: {command: ["a", "\0"]}', "has no NUL"),
    ('command: x, environment: {"A=B": c}', "wait: 1s", "not the name of a variable"),
    ('command: x, environment: {"": c}', "wait: 1s", "not the name of a variable"),
    ('command: x, environment: {"1A": c}', "wait: 1s", "not the name of a variable"),
    (r'command: x, environment: {"A\0": c}', "wait: 1s", "not the name of a variable"),
    (r'command: x, environment: {A: "c\0"}', "wait: 1s", "has a NUL in it"),
    ("command: x, environment: {LD_PRELOAD: /x.so}", "wait: 1s", "loads code into every program"),
    ("command: x, environment: {LD_AUDIT: /x.so}", "wait: 1s", "loads code into every program"),
]


@pytest.mark.parametrize(("keys", "step", "said"), MISTAKES)
def test_it_is_a_mistake_with_its_line(keys: str, step: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as caught:
        parse(LAB.format(keys=keys, step="{" + step + "}"))
    assert all(problem.line > 0 for problem in caught.value.problems)

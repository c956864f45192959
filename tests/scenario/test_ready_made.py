"""``program: NAME`` says all that a ready-made program takes; what is wrong has its place and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.scenario.load import load_cases, parse
from testbed.scenario.problems import ScenarioError
from testbed.scenario.scenario import Scenario


def scenario(hosts: str, more: str = "") -> Scenario:
    steps = "steps: [{send: {to: bob@someschool.edu}}]\nexpect: [{delivered: {to: bob@someschool.edu}}]"
    return parse(f"title: x\n{more}\nhosts:\n  {hosts}\n{steps}\n")


def test_it_is_a_program_with_all_that_goes_with_it() -> None:
    found = scenario("crepes.fr: {program: postfix}")
    host = found.hosts["crepes.fr"]
    assert host.is_program
    assert host.role == "relay"
    assert host.listens == (25, 587)
    assert host.holds == ("postqueue", "-p")
    assert "/var/spool/postfix" in host.private
    assert {"postfix", "alice"} <= set(host.users)
    assert {"root", "cc"} <= set(found.needs)


def test_what_the_scenario_says_goes_before() -> None:
    said = "{program: postfix, listens: 587, time: real, users: [vmail], private: [/srv]}"
    host = scenario(f"crepes.fr: {said}").hosts["crepes.fr"]
    assert (host.listens, host.time) == ((587,), "real")
    assert {"postfix", "vmail"} <= set(host.users)
    assert {"/var/spool/postfix", "/srv"} <= set(host.private)


def test_real_time_needs_no_compiler() -> None:
    assert "cc" not in scenario("crepes.fr: {program: postfix, time: real}").needs


def test_only_production_files_know_where_they_have_it_deliver() -> None:
    assert scenario("crepes.fr: {program: exim}").hosts["crepes.fr"].stores is not None
    assert scenario("crepes.fr: {program: exim, files: our-etc}").hosts["crepes.fr"].stores is None


def test_a_parameter_of_the_matrix_names_it(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "title: x\nmatrix: {program: [postfix, exim]}\nhosts: {crepes.fr: {program: $program}}\n"
        "steps: [{wait: 1s}]\nexpect: [{running: crepes.fr}]\n"
    )
    assert [case.hosts["crepes.fr"].program for case in load_cases(file)] == ["postfix", "exim"]


BASE = """
title: base
hosts: {crepes.fr: BASE}
steps: [{wait: 1s}]
expect: [{connection: {from: crepes.fr, to: someschool.edu, handshake: complete}}]
"""


@pytest.mark.parametrize(
    ("base", "own", "command", "listens"),
    [
        ("{role: relay, retry: 1h}", "{program: postfix}", "sh", (25, 587)),
        ("{role: relay, command: our-relay, listens: 587}", "{program: postfix}", "sh", (25, 587)),
        ("{program: postfix}", "{command: our-relay}", "our-relay", None),
        ("{program: postfix, listens: 587}", "{time: real}", "sh", (587,)),
        ("{program: exim, listens: 587}", "{program: postfix}", "sh", (25, 587)),
    ],
)
def test_whoever_plays_a_host_takes_nothing_over_from_another_player(
    base: str, own: str, command: str, listens: tuple[int, ...] | None, tmp_path: Path
) -> None:
    (tmp_path / "base.yaml").write_text(BASE.replace("BASE", base))
    (tmp_path / "own.yaml").write_text(f"title: own\nlike: base.yaml\nhosts: {{crepes.fr: {own}}}\n")
    [found] = load_cases(tmp_path / "own.yaml")
    host = found.hosts["crepes.fr"]
    assert host.command is not None
    assert (host.command[0], host.listens) == (command, listens)


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ("crepes.fr: {program: postfx}", "there is no ready-made program 'postfx' (did you mean 'postfix'?)"),
        ("crepes.fr: {program: x9}", "there is no ready-made program 'x9'; there are"),
        ("crepes.fr: {program: [postfix]}", "there is no ready-made program"),
        ("crepes.fr: {program: postfix, command: our-relay}", "not both"),
        ("crepes.fr: {program: dovecot}", "dovecot plays a receiver, and this host's role is relay"),
        ("ns.lab: {program: postfix}", "postfix plays a relay or a receiver, and this host's role is name-server"),
        ("crepes.fr: {program: postfix, retry: 1h}", "'retry' is for the lab's own hosts; say it in its configuration"),
        ("crepes.fr: {private: [/run]}", "'private' goes with 'command'"),
        ("crepes.fr: {command: x, private: [run]}", "'run' is not a folder of the machine"),
        ("crepes.fr: {command: x, private: [/srv/../etc]}", "'/srv/../etc' is not a folder of the machine"),
        ("crepes.fr: {command: x, private: [/dev/shm]}", "'/dev/shm' cannot be private: the lab itself lives there"),
        ("crepes.fr: {command: x, private: [/]}", "'/' cannot be private"),
        ("crepes.fr: {command: x, users: ['a:b']}", "'a:b' is not a valid user's name"),
    ],
)
def test_what_cannot_be_is_told_with_its_place_and_remedy(hosts: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(hosts)
    [problem] = caught.value.problems
    assert words in problem.message
    assert problem.line == 4

"""Ready-made servers put into the place of the lab's own, in scenarios that say nothing of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.scenario.casting import Candidate, Cast, cast_all
from testbed.scenario.load import parse_cases
from testbed.scenario.problems import ScenarioError

_REST = "steps: [send: {to: bob@someschool.edu}]\nexpect: [delivered: {to: bob@someschool.edu}]\n"


def cast(folder: Path, said: str, players: Cast) -> list[Candidate]:
    """What becomes of a scenario that says this."""
    file = folder / "mail.yaml"
    file.write_text(f"title: Mail\n{said}\n{_REST}")
    return cast_all([file], players)


def test_a_program_plays_every_host_of_its_part_and_no_other(tmp_path: Path) -> None:
    [found] = cast(tmp_path, "hosts: {second.fr: {role: relay, mailboxes: [eve]}}", {"relay": "exim"})
    assert found.why_not == ""
    assert {name: host.program for name, host in found.scenario.hosts.items()} == {
        "alice.crepes.fr": None,
        "crepes.fr": "exim",
        "someschool.edu": None,
        "ns.lab": None,
        "second.fr": "exim",
    }


def test_the_trace_tells_who_played_and_can_be_judged_again(tmp_path: Path) -> None:
    [found] = cast(tmp_path, "", {"relay": "postfix"})
    assert Path(found.scenario.file).name == "mail.postfix.yaml"
    assert found.scenario.name == "mail.postfix"
    [again] = parse_cases(found.scenario.text, "elsewhere/mail.postfix.yaml")
    assert again.hosts == found.scenario.hosts
    assert again.settle == found.scenario.settle == 6 * 86_400 * 10**9


def test_expectations_keep_their_file_and_line(tmp_path: Path) -> None:
    [found] = cast(tmp_path, "hosts: {}", {"relay": "postfix"})
    assert Path(found.scenario.file_of("expect")).name == "mail.yaml"
    assert [one.line for one in found.scenario.expect] == [4]


@pytest.mark.parametrize(
    ("said", "players", "why_not"),
    [
        (
            "hosts: {crepes.fr: {routes: {}}}",
            {"relay": "exim"},
            "crepes.fr has 'routes', which the lab's own relay heeds",
        ),
        ("hosts: {crepes.fr: {command: ./mine}}", {"relay": "exim"}, "crepes.fr is a program of its own already"),
        ("hosts: {crepes.fr: {role: receiver}, alice.crepes.fr: {port: 25}}", {"relay": "exim"}, "it has no relay"),
        ("hosts: {someschool.edu: {mailboxes: {bob: {quota: 1 KB}}}}", {"receiver": "exim"}, "mailboxes.bob.quota"),
        ("hosts: {crepes.fr: {tls: required}}", {"relay": "haraka"}, "Haraka cannot be set to 'required'"),
    ],
)
def test_what_only_the_labs_own_host_does_is_not_played(said: str, players: Cast, why_not: str, tmp_path: Path) -> None:
    [found] = cast(tmp_path, said, players)
    assert why_not in found.why_not
    assert found.scenario.file == str(tmp_path / "mail.yaml")


def test_each_case_of_a_matrix_is_asked_for_itself(tmp_path: Path) -> None:
    said = "matrix: {tls: [opportunistic, required]}\nhosts: {crepes.fr: {tls: $tls}}"
    opportunistic, required = cast(tmp_path, said, {"relay": "haraka"})
    assert (opportunistic.why_not, opportunistic.scenario.case) == ("", "tls=opportunistic")
    assert "required" in required.why_not


@pytest.mark.parametrize(("key", "value"), [("retry", "10m"), ("give_up", "2h"), ("warn_after", "1h")])
def test_when_it_tries_again_is_its_own_affair(key: str, value: str, tmp_path: Path) -> None:
    [found] = cast(tmp_path, f"hosts: {{crepes.fr: {{{key}: {value}}}}}", {"relay": "sendmail"})
    assert found.why_not == ""


def test_what_is_a_matter_of_taste_is_expected_of_the_labs_own_servers_only(tmp_path: Path) -> None:
    said = "ours: [attempts: {to: someschool.edu, count: 1}]"
    [as_written], [other] = cast(tmp_path, said, {}), cast(tmp_path, said, {"relay": "exim"})
    assert {key: len(found) for key, found in as_written.scenario.expected.items()} == {"expect": 1, "ours": 1}
    assert {key: len(found) for key, found in other.scenario.expected.items()} == {"expect": 1, "ours": 0}


def test_a_mistake_of_the_file_itself_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="unknown"):
        cast(tmp_path, "hots: {}", {"relay": "exim"})

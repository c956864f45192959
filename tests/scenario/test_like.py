"""A scenario that is like another: what it takes over, where its mistakes are, and that its text stands alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.scenario.hosts import ReceiverSpec, RelaySpec
from testbed.scenario.load import load, load_all, load_cases, parse, parse_cases
from testbed.scenario.problems import ScenarioError
from testbed.scenario.scenario import Scenario

BASE = """\
title: The base
about: What both show.
seed: 7
hosts:
  crepes.fr: {retry: 10m, give_up: 2d}
  someschool.edu: {mailboxes: {bob: {quota: 20 KB}}}
faults:
  - {at: someschool.edu, on: RCPT, reply: 450 4.2.1 Later, times: 1}
steps:
  - send: {to: bob@someschool.edu}
  - wait: 1h
expect:
  - delivered: {to: bob@someschool.edu}
  - attempts: {to: someschool.edu, count: 2}
"""
CHILD = "title: Another\nlike: base.yaml\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def child(folder: Path, text: str, name: str = "child.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def problems(path: Path) -> list[str]:
    """What is said of a file, without the folder."""
    with pytest.raises(ScenarioError) as caught:
        load_cases(path)
    return [str(problem).replace(f"{path.parent}/", "") for problem in caught.value.problems]


def same(one: Scenario, other: Scenario) -> bool:
    lines = [[part.line for part in (*s.faults, *s.steps, *s.expect)] for s in (one, other)]
    return one.model_dump() == other.model_dump() and lines[0] == lines[1] and one.text == other.text


def test_what_it_does_not_say_it_takes_over(folder: Path) -> None:
    scenario, base = load(child(folder, CHILD + "ip: ipv6\n")), load(folder / "base.yaml")
    assert (scenario.title, scenario.about, scenario.seed, scenario.ip) == ("Another", "What both show.", 7, "ipv6")
    assert (scenario.hosts, scenario.faults, scenario.steps, scenario.expect) == (
        base.hosts,
        base.faults,
        base.steps,
        base.expect,
    )


def test_hosts_are_merged_by_name_and_key(folder: Path) -> None:
    text = CHILD + "hosts:\n  crepes.fr: {retry: 20m}\n  carol.crepes.fr: {address: c@crepes.fr, server: crepes.fr}\n"
    scenario = load(
        child(folder, text + "  someschool.edu:\nsteps:\n  - send: {to: bob@someschool.edu, from: c@crepes.fr}\n")
    )
    relay, receiver = scenario.hosts["crepes.fr"], scenario.hosts["someschool.edu"]
    assert isinstance(relay, RelaySpec)
    assert isinstance(receiver, ReceiverSpec)
    assert (relay.retry, relay.give_up) == ((1_200_000_000_000,), 172_800_000_000_000)
    assert receiver.mailboxes["bob"].quota == 20_000
    assert "carol.crepes.fr" in scenario.hosts


def test_a_host_of_another_role_starts_anew(folder: Path) -> None:
    text = CHILD + "hosts:\n  mx.example: {role: client}\n"
    child(folder, BASE.replace("hosts:\n", "hosts:\n  mx.example: {domain: mx.example, mx: 5}\n"), "base.yaml")
    assert load(child(folder, text)).hosts["mx.example"].role == "client"


@pytest.mark.parametrize("said", ["steps:\n  - wait: 1h\n", "expect:\n  - queued: {at: crepes.fr}\n", "faults:\n"])
def test_lists_are_taken_as_a_whole(folder: Path, said: str) -> None:
    scenario, key = load(child(folder, CHILD + said)), said.partition(":")[0]
    assert len(getattr(scenario, key)) == said.count("- ")
    assert scenario.file_of(key) == str(folder / "child.yaml")
    assert {scenario.file_of(other) for other in {"steps", "expect", "faults"} - {key}} == {str(folder / "base.yaml")}


def test_the_matrix_may_be_either_s(folder: Path) -> None:
    base = BASE.replace("hosts:", "matrix: {code: [450, 451]}\nhosts:").replace("450 4", "$code 4")
    child(folder, base, "base.yaml")
    assert [case.case for case in load_cases(child(folder, CHILD))] == ["code=450", "code=451"]
    own = child(folder, CHILD + "matrix: {code: [452]}\n")
    assert [(case.case, case.title) for case in load_cases(own)] == [("code=452", "Another [code=452]")]


def test_the_other_is_found_from_the_file_s_own_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "middle.yaml").write_text("title: Middle\nlike: ../base.yaml\nseed: 8\n")
    scenario = load(child(folder, "title: Outer\nlike: sub/middle.yaml\n"))
    assert (scenario.seed, scenario.about) == (8, "What both show.")


def test_its_text_is_enough(folder: Path) -> None:
    """A trace carries the text: it is read again where no file is."""
    child(folder, "title: Middle\nlike: base.yaml\nmatrix: {n: [1, 2]}\nabout: case $n", "middle.yaml")
    found = load_cases(child(folder, "title: Outer\nlike: middle.yaml\nip: ipv6"))
    for path in folder.iterdir():
        path.unlink()
    again = parse_cases(found[0].text, "elsewhere/child.yaml")
    assert len(again) == 2
    assert all(same(one, other) for one, other in zip(found, again, strict=True))
    assert same(parse(found[1].text, case="n=2"), found[1])


VARIED = """\
title: $base, $code
like: $base.yaml
matrix: {base: [one, two], code: [450, 451]}
faults:
  - {at: someschool.edu, on: RCPT, reply: $code Later, times: 1}
"""


def varied(folder: Path, text: str = VARIED) -> Path:
    """A file whose cases are like different files, of which two is like a third one."""
    child(folder, BASE.replace("seed: 7", "seed: 1"), "one.yaml")
    child(folder, "title: T\nlike: base.yaml\nabout: The second.\n", "two.yaml")
    return child(folder, text)


def test_a_parameter_may_choose_what_it_is_like(folder: Path) -> None:
    found = load_cases(varied(folder))
    assert [(case.title, case.seed, case.about) for case in found] == [
        ("one, 450", 1, "What both show."),
        ("one, 451", 1, "What both show."),
        ("two, 450", 7, "The second."),
        ("two, 451", 7, "The second."),
    ]


def test_cases_keep_the_order_of_the_matrix_whatever_they_are_like(folder: Path) -> None:
    text = VARIED.replace("{base: [one, two], code: [450, 451]}", "{code: [450, 451], base: [one, two]}")
    assert [case.title for case in load_cases(varied(folder, text))] == ["one, 450", "two, 450", "one, 451", "two, 451"]


def test_the_text_of_each_case_is_enough(folder: Path) -> None:
    found = load_cases(varied(folder))
    for path in folder.iterdir():
        path.unlink()
    for scenario in found:
        again = parse_cases(scenario.text, scenario.file)
        assert [case.case for case in again] == [case.case for case in found if case.text == scenario.text]
        assert same(parse(scenario.text, scenario.file, case=scenario.case), scenario)
    assert [scenario.text.count("--- # like: ") for scenario in found] == [1, 1, 2, 2]


def test_what_chooses_a_file_far_below_may_stand_above(folder: Path) -> None:
    child(folder, "title: Middle\nlike: $base.yaml\n", "middle.yaml")
    path = varied(folder, VARIED.replace("$base.yaml", "middle.yaml"))
    assert [case.seed for case in load_cases(path)] == [1, 1, 7, 7]
    again = parse_cases(load_cases(path)[2].text, str(path))
    assert [(case.case, case.seed) for case in again] == [("base=two, code=450", 7), ("base=two, code=451", 7)]


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ("{base: [one, no], code: [450]}", ["child.yaml:2:7: no.yaml: there is no such file or folder"]),
        ("{base: [child], code: [450]}", ["child.yaml:2:7: 'child.yaml' is this scenario itself, or like it"]),
        (r'{base: ["a\nb"], code: [450]}', ["child.yaml:2:7: 'like' is the file of another scenario"]),
        (
            "{bas: [one], code: [450]}",
            ["child.yaml:2:7: '$base' is not a parameter of the matrix (did you mean 'bas'?)"],
        ),
        (
            "{code: [450], include: [{base: one}, {code: 451, extra: 1}]}",
            ["child.yaml:2:7: '$base' has no value where code=451, extra=1; let 'include' give it one"],
        ),
        ("{base: [one], code: [450], more: [1]}", ["child.yaml:3:42: '$more' stands nowhere in the file"]),
        ("{base: [wrong, one], code: [450]}", ["wrong.yaml:5:22: 'soon' is not a duration"]),
        (
            "{base: [wrong, broken, one], code: [450]}",
            ["broken.yaml:2:1: this is not YAML"],
        ),
    ],
)
def test_mistakes_where_a_parameter_chooses(folder: Path, matrix: str, said: list[str]) -> None:
    child(folder, BASE.replace("10m", "soon"), "wrong.yaml")
    child(folder, "title: T\n\tx", "broken.yaml")
    found = problems(varied(folder, VARIED.replace("{base: [one, two], code: [450, 451]}", matrix)))
    assert len(found) == len(said)
    for one, start in zip(found, said, strict=True):
        assert one.startswith(start)


def test_a_text_that_carries_what_no_case_is_like_is_refused(folder: Path) -> None:
    text = load_cases(varied(folder))[0].text.replace("--- # like: one.yaml", "--- # like: three.yaml")
    with pytest.raises(ScenarioError, match="a second document begins here"):
        parse_cases(text, "child.yaml")


def test_two_hundred_files_and_no_more(folder: Path) -> None:
    for number in range(201):
        child(folder, BASE, f"n{number}.yaml")
    text = "title: T\nlike: n$n.yaml\nmatrix:\n  n: {}\n"
    assert len(load_cases(child(folder, text.format([*range(200)])))) == 200
    assert problems(child(folder, text.format([*range(201)]))) == [
        "child.yaml:2:7: the cases of a file are like more than 200 others"
    ]


@pytest.mark.parametrize(
    ("own", "base", "said"),
    [
        (CHILD + "seeds: 1\n", BASE, ["child.yaml:3:1: unknown key 'seeds' (did you mean 'seed'?)"]),
        (CHILD, BASE + "seeds: 1\n", ["base.yaml:15:1: unknown key 'seeds' (did you mean 'seed'?)"]),
        (CHILD, BASE.replace("10m", "soon"), ["base.yaml:5:22: 'soon' is not a duration"]),
        (CHILD + "hosts: {crepes.fr: {retry: soon}}\n", BASE, ["child.yaml:3:28: 'soon' is not a duration"]),
        (CHILD + "hosts: {crepes.fr: {mx: 1}}\n", BASE.replace("10m", "soon"), ["base.yaml:5:22: 'soon' is not a dur"]),
        (
            CHILD + "hosts:\n  someschool.edu: {mailboxes: [carol]}\n",
            BASE,
            ["base.yaml:13:21: no host has the mailbox"],
        ),
        (CHILD, BASE + "\tx", ["base.yaml:15:1: this is not YAML"]),
        (
            CHILD,
            "- 1\n",
            ["child.yaml:2:7: base.yaml: this is not a scenario: it has neither title nor steps nor expect"],
        ),
        (CHILD, "title: T\n", ["child.yaml:1:1: 'steps' is missing", "child.yaml:1:1: 'expect' is missing"]),
        ("like: base.yaml\n", BASE, ["child.yaml:1:7: a scenario that is like another needs a 'title' of its own"]),
        ("title: T\nlike: 5\n", BASE, ["child.yaml:2:7: 'like' is the file of another scenario: ../mailbox-full.yaml"]),
        ("title: T\nlike:\n", BASE, ["child.yaml:2:1: 'like' is the file of another scenario"]),
        ("title: T\nlike: no.yaml\n", BASE, ["child.yaml:2:7: no.yaml: there is no such file or folder"]),
        ("title: T\nlike: .\n", BASE, ["child.yaml:2:7: .: it cannot be read: is a directory"]),
        ("title: T\nlike: child.yaml\n", BASE, ["child.yaml:2:7: 'child.yaml' is this scenario itself, or like it"]),
        (CHILD, CHILD.replace("base", "child"), ["base.yaml:2:7: 'child.yaml' is this scenario itself, or like it"]),
        ("title: T\n--- # like: base.yaml\n" + BASE, BASE, ["child.yaml:2:1: a second document begins here"]),
    ],
)
def test_mistakes_are_told_where_they_stand(folder: Path, own: str, base: str, said: list[str]) -> None:
    child(folder, base, "base.yaml")
    found = problems(child(folder, own))
    assert len(found) == len(said)
    for one, start in zip(found, said, strict=True):
        assert one.startswith(start)


def test_ten_in_a_row_and_no_more(folder: Path) -> None:
    for number in range(12):
        like = "base" if number == 0 else str(number - 1)
        child(folder, f"title: T\nlike: {like}.yaml\n", f"{number}.yaml")
    assert load(folder / "9.yaml").seed == 7
    assert problems(folder / "10.yaml") == ["0.yaml:2:7: more than 10 scenarios are like one another here"]


def test_a_mistake_two_files_share_is_told_once(folder: Path) -> None:
    child(folder, BASE + "zz: 1\n", "base.yaml")
    with pytest.raises(ScenarioError) as caught:
        load_all([folder / "base.yaml", child(folder, CHILD)])
    assert [(Path(p.file).name, p.line) for p in caught.value.problems] == [("base.yaml", 15)]

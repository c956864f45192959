"""Which files a scenario may name: whatever leads out of its folder is refused, and nothing of it is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.errors import UsageError
from testbed.scenario.load import discover, load, load_all
from testbed.scenario.problems import ScenarioError
from testbed.scenario.reach import Reach
from tests.command import testbed

SECRET = "root:$6$tops3cret:19000:0:99999:7:::\n"
REST = "expect:\n  - delivered: {to: bob@someschool.edu}\n"
SEND = "steps:\n  - send: {to: bob@someschool.edu}\n"
PLAIN = f"title: T\n{SEND}{REST}"

WAYS: dict[str, Callable[[str], str]] = {
    "like": lambda name: f"title: T\nlike: {name}\n",
    "attach": lambda name: f"title: T\nsteps:\n  - send: {{to: bob@someschool.edu, attach: {{file: {name}}}}}\n{REST}",
    "files": lambda name: (
        f"title: T\nhosts:\n  crepes.fr: {{role: relay, command: x, files: {os.path.dirname(name)}}}\n{SEND}{REST}"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario's folder; a secret lies beside it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text(SECRET)
    (tmp_path / "outside" / "base.yaml").write_text(PLAIN)
    (tmp_path / "suite" / "deep").mkdir(parents=True)
    return tmp_path / "suite" / "deep"


def _linked_file(folder: Path) -> str:
    (folder / "own").mkdir()
    (folder / "own" / "link").symlink_to(folder / "../../outside/secret")
    return "own/link"


def _linked_folder(folder: Path) -> str:
    (folder / "link").symlink_to(folder / "../../outside")
    return "link/secret"


def _link_to_a_link(folder: Path) -> str:
    (folder / "first").symlink_to(folder / "../../outside")
    (folder / "second").symlink_to("first")
    return "second/secret"


ROADS: dict[str, Callable[[Path], str]] = {
    "by its whole path": lambda folder: str(folder.parent.parent / "outside" / "secret"),
    "by ..": lambda folder: "../../outside/secret",
    "down and up again": lambda folder: "../deep/../../outside/secret",
    "through /proc": lambda folder: f"/proc/self/root{folder.parent.parent}/outside/secret",
    "by a link": _linked_file,
    "by a linked folder": _linked_folder,
    "by a link to a link": _link_to_a_link,
}


def refused(path: Path, reach: Reach) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(path, reach)
    [problem] = caught.value.problems
    assert (problem.file, problem.line > 0) == (str(path), True)
    return str(caught.value)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("way", WAYS)
def test_no_road_leads_out(way: str, road: str, folder: Path) -> None:
    path = folder / "s.yaml"
    path.write_text(WAYS[way](ROADS[road](folder)))
    for reach in (Reach(), Reach.given([folder]), Reach.given([folder.parent]), Reach.given([path])):
        said = refused(path, reach)
        assert "leads out of" in said
        assert "--allow-outside" in said
        assert "s3cret" not in said


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("way", ["attach", "files"])
def test_all_lead_out_where_that_is_allowed(way: str, road: str, folder: Path) -> None:
    path = folder / "s.yaml"
    path.write_text(WAYS[way](ROADS[road](folder)))
    assert load(path, Reach(anywhere=True)).title == "T"
    assert load(path, Reach.given([folder.parent.parent])).title == "T"


def test_like_leads_as_far_as_the_folder_that_was_named(folder: Path) -> None:
    path = folder / "s.yaml"
    path.write_text("title: T\nlike: ../../outside/base.yaml\n")
    top = folder.parent.parent
    assert [one.title for one in load_all(discover([top / "suite"]).files, Reach.given([top]))] == ["T"]
    with pytest.raises(ScenarioError, match="leads out of"):
        load_all(discover([top / "suite"]).files, Reach.given([top / "suite"]))


@pytest.mark.parametrize("marker", ["folder", "file"])
def test_a_project_is_one(folder: Path, marker: str) -> None:
    """As it was checked out; a worktree has a file in place of the folder."""
    git = folder.parent.parent / ".git"
    git.mkdir() if marker == "folder" else git.write_text("gitdir: elsewhere\n")
    path = folder / "s.yaml"
    path.write_text(WAYS["attach"]("../../outside/secret"))
    assert load(path).title == "T"
    assert "leads out of" in refused(path, Reach.given([path], untrusted=True))
    path.write_text(WAYS["attach"]("../../../secret"))
    (folder.parent.parent.parent / "secret").write_text(SECRET)
    assert "leads out of" in refused(path, Reach())


@pytest.mark.parametrize("hidden", [".git/config", ".env", ".config/token", "suite/.npmrc", "suite/deep/.git/config"])
def test_what_hides_in_a_project_stays_there(folder: Path, hidden: str) -> None:
    top = folder.parent.parent
    (top / ".git").mkdir()
    (top / hidden).parent.mkdir(parents=True, exist_ok=True)
    (top / hidden).write_text(SECRET)
    path = folder / "s.yaml"
    path.write_text(WAYS["attach"](str(top / hidden)))
    assert "begins with a dot" in refused(path, Reach())


def test_a_scenario_may_have_hidden_files_beside_it(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home" / ".forward").write_text("carol\n")
    path = folder / "s.yaml"
    path.write_text(WAYS["files"]("home/x"))
    assert load(path).title == "T"


def test_a_folder_that_was_named_is_not_for_scenarios_elsewhere(folder: Path) -> None:
    path = folder / "s.yaml"
    path.write_text(WAYS["attach"]("../../outside/secret"))
    assert "leads out of" in refused(path, Reach.given([folder.parent.parent / "outside"]))


def test_what_the_other_scenario_names_is_no_further_away(folder: Path) -> None:
    (folder / "base.yaml").write_text(WAYS["attach"]("../../outside/secret"))
    path = folder / "s.yaml"
    path.write_text("title: T\nlike: base.yaml\n")
    with pytest.raises(ScenarioError, match="leads out of"):
        load(path)


def test_the_text_of_another_scenario_moves_nothing(folder: Path) -> None:
    """Its text may stand behind the scenario's own, with any name."""
    path = folder / "s.yaml"
    other = folder.parent.parent / "outside" / "x.yaml"
    path.write_text(f"title: T\nlike: {other}\n--- # like: {other}\n{WAYS['attach']('secret')}")
    with pytest.raises(ScenarioError, match="leads out of"):
        load(path)


def test_a_scenario_that_is_a_link_out_of_its_folder(folder: Path) -> None:
    (folder / "s.yaml").symlink_to(folder / "../../outside/base.yaml")
    with pytest.raises(ScenarioError, match="leads out of"):
        load_all(discover([folder]).files, Reach.given([folder]))


def test_a_link_to_what_is_no_scenario(folder: Path) -> None:
    (folder / "s.yaml").symlink_to(folder / "../../outside/secret")
    for named in ([folder], [folder / "s.yaml"]):
        with pytest.raises(UsageError) as caught:
            load_all(discover(named).files, Reach.given(named))
        assert "s3cret" not in str(caught.value)


FOREIGN = {
    "passwords": SECRET,
    "JSON": '{"auths": {"registry.example.com": {"auth": "s3cret"}}}\n',
    "variables": "TOKEN=s3cret\nPASSWORD: [s3cret\n",
    "a key": "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n",
    "YAML that is none": "password: 's3cret\n",
    "YAML with a tab": "password:\n\ts3cret: 1\n",
    "an unknown alias": "password: *s3cret\n",
    "a tag": "password: !s3cret x\n",
    "twice": "s3cret: 1\ns3cret: 2\n",
    "steps of another kind": "jobs:\n  build:\n    steps:\n      - s3cret: [\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_is_no_scenario_is_not_told(name: str, folder: Path) -> None:
    (folder / "foreign").write_text(FOREIGN[name])
    (folder / "s.yaml").write_text("title: T\nlike: foreign\n")
    for path in (folder / "foreign", folder / "s.yaml"):
        with pytest.raises(ScenarioError, match="this is not a scenario") as caught:
            load(path)
        assert "s3cret" not in str(caught.value)


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "own" / "odd")


def _device(folder: Path) -> None:
    (folder / "own" / "odd").symlink_to("/dev/zero")


def _folder(folder: Path) -> None:
    (folder / "own" / "odd").mkdir()
    for number in range(3):
        (folder / "own" / "odd" / str(number)).symlink_to("..")


@pytest.mark.cpu_seconds(30)
@pytest.mark.parametrize("odd", [_pipe, _device, _folder])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_regular_file_is_refused_not_waited_for(way: str, odd: Callable[[Path], None], folder: Path) -> None:
    (folder / "own").mkdir()
    odd(folder)
    path = folder / "s.yaml"
    path.write_text(WAYS[way]("own/odd"))
    said = refused(path, Reach(anywhere=True))
    assert any(words in said for words in ("not a regular file", "is a directory", "holds more than", "cannot be"))


@pytest.mark.parametrize("command", ["check", "run", "serve", "shell"])
def test_every_command_has_the_bound_and_the_option(command: str, folder: Path) -> None:
    path = folder / "s.yaml"
    path.write_text("title: T\nlike: ../../outside/secret\n")
    ended = testbed(command, path)
    assert (ended.returncode, "leads out of" in ended.stderr) == (2, True)
    ended = testbed(command, "--allow-outside", path)
    assert (ended.returncode, "this is not a scenario" in ended.stderr) == (2, True)
    assert "s3cret" not in ended.stdout + ended.stderr

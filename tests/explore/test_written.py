"""Names, promises and places of what was found: the file says what happened, and nobody's file is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from testbed.explore.candidate import FaultData
from testbed.explore.cause import cause
from testbed.explore.first_run import Explored, explored
from testbed.explore.naming import file_name, title
from testbed.explore.promises import PROMISES, promise
from testbed.explore.ran import Breach, Came, Order, Ran
from testbed.explore.rebased import rebased, schema_line
from testbed.explore.shrink import Shrunk
from testbed.explore.variant import variant_of
from testbed.explore.written import write
from testbed.scenario.casting import cast_all
from testbed.scenario.load import load, load_cases, parse
from testbed.scenario.problems import ScenarioError
from testbed.scenario.reach import Reach
from testbed.scenario.rewritten import data_of, rewritten
from tests.conftest import PROJECT

LOST = "no mail is lost (RFC 5321 §6.1)"
BREACH = Breach(LOST, "crepes.fr answered 250 for <1@x> to bob@someschool.edu; it is neither \n", (22, 47))
PUT_OFF = {"at": "someschool.edu", "on": "RCPT", "reply": ["451-Not now", "451 Later"], "times": 1}
NAMES: list[tuple[list[FaultData], str]] = [
    ([], "lost-message"),
    ([PUT_OFF], "lost-message-someschool-rcpt-451"),
    (
        [{"at": "mx1.a.b", "on": "message", "then": "reset", "after": "act"}],
        "lost-message-mx1-message-reset-done-always",
    ),
    (
        [{"host": "crepes.fr", "is": "crashed", "when": "it has answered message", "times": 1, "for": "2s"}],
        "lost-message-crepes-answered-message-crashed",
    ),
    (
        [{"zone": "someschool.edu", "kind": "MX", "answer": "NXDOMAIN", "times": 1}],
        "lost-message-someschool-mx-nxdomain",
    ),
    ([{"between": ["a.b", "c.d"], "packets": "third ACK", "lose": 1}], "lost-message-a-c-third-ack-lose"),
    ([PUT_OFF, {"host": "a.b", "is": "silent"}], "lost-message-someschool-rcpt-451-and-a-silent"),
]
WITH_FILES = """# yaml-language-server: $schema=../docs/scenario.schema.json
title: A relay of one's own
hosts:
  crepes.fr: {role: relay, command: "python3 relay.py --config=relay.conf {directory}/x no-file", files: conf}
steps:
  - send: {to: bob@someschool.edu, attach: {file: menu.pdf}}
  - run: {command: [./check, menu.pdf], on: alice.crepes.fr}
expect:
  - delivered: {to: bob@someschool.edu}
"""


@pytest.mark.parametrize(("faults", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_file_is_named_after_what_happens(faults: list[FaultData], name: str) -> None:
    assert file_name(promise(LOST), faults) == name


def test_a_title_says_what_happens_when() -> None:
    scenario = rewritten(load(PROJECT / "scenarios" / "delivered.yaml"), with_faults([PUT_OFF]))
    assert title(promise(LOST), scenario.faults) == (
        "Mail is lost when someschool.edu answers RCPT with 451-Not now / 451 Later once"
    )
    assert title(promise(LOST), ()) == "Mail is lost"
    assert title(promise(LOST), scenario.faults * 4) == "Mail is lost after 4 faults"


def with_faults(faults: list[FaultData]) -> dict[str, object]:
    return {**data_of(load(PROJECT / "scenarios" / "delivered.yaml")), "faults": list(faults)}


def test_every_promise_is_one_that_is_judged() -> None:
    rooms = (PROJECT / "testbed" / "expect", PROJECT / "testbed" / "explore" / "oracles")
    sources = "\n".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    assert [what for what in PROMISES if f'"{what}"' not in sources] == []


def test_a_promise_that_no_row_knows_is_told_in_its_own_words() -> None:
    told = promise("flags stay as they were stored (RFC 9051 §2.3.2)")
    assert (told.kept, told.rfc) == ("Flags stay as they were stored.", "RFC 9051 §2.3.2")


def test_files_are_found_from_another_folder(tmp_path: Path) -> None:
    for folder in ("here/conf", "found/deep"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("relay.py", "relay.conf", "menu.pdf", "check"):
        (tmp_path / "here" / file).write_text("")
    (tmp_path / "here" / "scenario.yaml").write_text(WITH_FILES)
    scenario = load(tmp_path / "here" / "scenario.yaml")
    folder = tmp_path / "found" / "deep"
    data = rebased(scenario, data_of(scenario), folder)
    back = "../../here"
    assert data["hosts"] == {
        "crepes.fr": {
            "role": "relay",
            "command": f"python3 {back}/relay.py --config={back}/relay.conf '{{directory}}/x' no-file",
            "files": f"{back}/conf",
        }
    }
    assert data["steps"] == [
        {"send": {"to": "bob@someschool.edu", "attach": [{"file": f"{back}/menu.pdf"}]}},
        {"run": {"command": [f"{back}/check", f"{back}/menu.pdf"], "on": "alice.crepes.fr"}},
    ]
    assert schema_line(scenario, folder) == "# yaml-language-server: $schema=../../docs/scenario.schema.json"


SUBJECT = explored(load(PROJECT / "scenarios" / "delivered.yaml"))


def shrunk_with(faults: list[FaultData], subject: Explored = SUBJECT) -> Shrunk:
    return Shrunk(cause(BREACH), variant_of(subject, faults), Ran(0, Came.RED, breaches=(BREACH,)), 9, all_tried=True)


def never_again(orders: Iterable[Order]) -> Iterator[Ran]:
    """Plays that all go well."""
    return (Ran(order.number, Came.DELIVERED) for order in orders)


def test_a_file_that_says_something_else_stays_and_one_that_says_the_same_is_written_anew(tmp_path: Path) -> None:
    names = []
    for reply in ("451 Later", "451 Never", "451 Later"):
        shrunk = shrunk_with([{**PUT_OFF, "reply": reply}])
        written = write(SUBJECT, shrunk, never_again, tmp_path, tmp_path / "found", f"testbed explore {len(names)}")
        assert written is not None
        assert (written.confirmed.red, written.trace, written.in_run) == (0, None, False)
        names.append(written.scenario.name)
    name = "lost-message-someschool-rcpt-451"
    assert names == [f"{name}.yaml", f"{name}-2.yaml", f"{name}.yaml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found"]
    assert "testbed explore 2" in (tmp_path / "found" / f"{name}.yaml").read_text()


def test_a_trace_that_belongs_to_nothing_known_stays(tmp_path: Path) -> None:
    (tmp_path / "lost-message.pcapng").write_bytes(b"somebody's")
    written = write(SUBJECT, shrunk_with([]), never_again, tmp_path, tmp_path, "x")
    assert written is not None
    assert written.scenario.name == "lost-message-2.yaml"


def test_who_was_cast_is_in_what_is_written(tmp_path: Path) -> None:
    [one] = cast_all([PROJECT / "scenarios" / "delivered.yaml"], {"relay": "exim"})
    subject = explored(one.scenario)
    shrunk = Shrunk(
        cause(BREACH), variant_of(subject, [PUT_OFF]), Ran(0, Came.RED, breaches=(BREACH,)), 9, all_tried=True
    )
    written = write(subject, shrunk, never_again, tmp_path, tmp_path / "found", "x")
    assert written is not None
    relay = load(written.scenario).hosts["crepes.fr"]
    assert relay.program == "exim"


def test_what_names_files_out_of_reach_says_how_it_is_run(tmp_path: Path) -> None:
    (tmp_path / "here" / "conf").mkdir(parents=True)
    (tmp_path / "here" / "menu.pdf").write_text("")
    (tmp_path / "here" / "scenario.yaml").write_text(WITH_FILES)
    subject = explored(load(tmp_path / "here" / "scenario.yaml"))
    written = write(subject, shrunk_with([], subject), never_again, tmp_path, tmp_path / "found", "x")
    assert written is not None
    assert " --allow-outside lost-message.yaml\n" in written.scenario.read_text()
    [scenario] = load_cases(written.scenario, Reach(anywhere=True))
    found = scenario.folder_of_files("crepes.fr") / str(scenario.hosts["crepes.fr"].files)
    assert found.resolve() == (tmp_path / "here" / "conf").resolve()


def test_what_was_red_only_once_is_not_written(tmp_path: Path) -> None:
    subject = explored(load(PROJECT / "scenarios" / "delivered.yaml"))
    shrunk = Shrunk(cause(BREACH), variant_of(subject, []), None, 3, all_tried=True)
    assert write(subject, shrunk, never_again, tmp_path, tmp_path / "found", "x") is None
    assert not (tmp_path / "found").exists()


def test_what_programs_say_stays_in_the_comments(tmp_path: Path) -> None:
    """Whatever is quoted of them."""
    subject = explored(load(PROJECT / "scenarios" / "delivered.yaml"))
    breach = Breach("no mail is altered", "it said\n'\x1b[1m' # \ntitle: Nothing\x85\u2028 " + "x" * 200, (1,))
    ran = Ran(0, Came.RED, breaches=(breach,))
    shrunk = Shrunk(cause(breach), variant_of(subject, [PUT_OFF]), ran, 9, all_tried=False)
    written = write(subject, shrunk, never_again, tmp_path, tmp_path, "testbed explore\nrm")
    assert written is not None
    text = written.scenario.read_text()
    try:
        assert parse(text).title == "Mail is altered when someschool.edu answers RCPT with 451-Not now / 451 Later once"
    except ScenarioError as error:
        pytest.fail(str(error))

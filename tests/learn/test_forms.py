"""Machines as files, diagrams and pictures."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given

from testbed.errors import UsageError
from testbed.learn.json_form import learnt_json
from testbed.learn.layout import lay_out
from testbed.learn.learnt import Learnt
from testbed.learn.machine import CLOSED, NOT_SENT, Machine, Step
from testbed.learn.machine_file import machine_text, parse_machine, read_machine
from testbed.learn.mermaid import mermaid
from testbed.learn.portrait import Portrait, pairs
from testbed.learn.svg import svg
from tests.learn.machines import ANSWERS, machines

SMALL = Machine(
    "220",
    ("MAIL", "DATA", "message", "RSET", "QUIT"),
    (
        (Step("250", 1), Step("503", 0), Step(NOT_SENT, 0), Step("250", 0), Step("221", 3)),
        (Step("503", 1), Step("354", 2), Step(NOT_SENT, 1), Step("250", 0), Step("221", 3)),
        (Step(NOT_SENT, 2), Step(NOT_SENT, 2), Step("250", 0), Step(NOT_SENT, 2), Step(NOT_SENT, 2)),
        (Step(CLOSED, 3), Step(CLOSED, 3), Step(NOT_SENT, 3), Step(CLOSED, 3), Step(CLOSED, 3)),
    ),
)


def portrait(machine: Machine, title: str = "A server 1.0") -> Portrait:
    return Portrait("example.com", "smtp", "server", title, Learnt(machine, 1, True, 10, 20), 0.5)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_text(machine_text("smtp", SMALL))
    assert SMALL.canonical() == SMALL
    assert read_machine(file) == ("smtp", SMALL)
    assert '        "DATA": ["354", 2],\n' in file.read_text()


_GOOD = {"schema": 1, "protocol": "smtp", "greeting": "220", "inputs": ["A"], "states": [{"answers": {"A": ["2", 0]}}]}
HOSTILE = {
    "not JSON": b"\xff\xfe",
    "nothing": b"",
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "another schema": json.dumps({**_GOOD, "schema": 2}).encode(),
    "no protocol": json.dumps({**_GOOD, "protocol": None}).encode(),
    "a greeting with a line end": json.dumps({**_GOOD, "greeting": "220\n"}).encode(),
    "no states": json.dumps({**_GOOD, "states": []}).encode(),
    "states that are none": json.dumps({**_GOOD, "states": [1]}).encode(),
    "inputs twice": json.dumps({**_GOOD, "inputs": ["A", "A"]}).encode(),
    "an input that is none": json.dumps({**_GOOD, "inputs": [1]}).encode(),
    "an unknown input": json.dumps({**_GOOD, "states": [{"answers": {"B": ["2", 0]}}]}).encode(),
    "a state that is not there": json.dumps({**_GOOD, "states": [{"answers": {"A": ["2", 1]}}]}).encode(),
    "a state before the first": json.dumps({**_GOOD, "states": [{"answers": {"A": ["2", -1]}}]}).encode(),
    "an answer that is none": json.dumps({**_GOOD, "states": [{"answers": {"A": [2, 0]}}]}).encode(),
    "an answer with a line end": json.dumps({**_GOOD, "states": [{"answers": {"A": ["2\n::error::", 0]}}]}).encode(),
}


@pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_machine_is_said_to_be_none(octets: bytes, tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_bytes(octets)
    with pytest.raises(UsageError, match="is not a state machine that 'testbed learn' has written: "):
        read_machine(file)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_machine(tmp_path)


@given(machines(answers=ANSWERS))
def test_any_canonical_machine_is_read_as_it_was_written(machine: Machine) -> None:
    canonical = machine.canonical()
    stays = all(
        step.to == state for state, row in enumerate(canonical.steps) for step in row if step.answer == NOT_SENT
    )
    assert not stays or parse_machine(machine_text("smtp", canonical).encode()) == ("smtp", canonical)


def test_mermaid_has_a_line_for_each_pair_of_states() -> None:
    assert mermaid([portrait(SMALL)]) == (
        "stateDiagram-v2\n"
        "  direction LR\n"
        '  state "0: start" as s0\n'
        '  state "1: after MAIL" as s1\n'
        '  state "2: after MAIL, DATA" as s2\n'
        "  [*] --> s0 : 220\n"
        "  s0 : DATA / 503\n"
        "  s0 : RSET / 250\n"
        "  s0 --> s1 : MAIL / 250\n"
        "  s0 --> [*] : QUIT / 221\n"
        "  s1 : MAIL / 503\n"
        "  s1 --> s0 : RSET / 250\n"
        "  s1 --> s2 : DATA / 354\n"
        "  s1 --> [*] : QUIT / 221\n"
        "  s2 --> s0 : message / 250\n"
    )


def test_two_machines_of_one_diagram_have_states_of_their_own() -> None:
    text = mermaid([portrait(SMALL, "one"), portrait(SMALL, 'other "}; x')])
    assert '  state "one" as server0 {\n' in text
    assert "  state \"other ''' x\" as server1 {\n" in text
    assert text.count("-->") == 2 * mermaid([portrait(SMALL)]).count("-->")


@given(machines(6, answers=ANSWERS))
def test_nothing_of_a_picture_lies_upon_another(machine: Machine) -> None:
    layout = lay_out(machine.canonical())
    for above, below in pairwise(layout.boxes):
        assert above.y + above.height < below.y
    heights = [row.y for box in layout.boxes for row in box.rows] + [box.head for box in layout.boxes]
    assert len(set(heights)) == len(heights)
    assert len({rail.x for rail in layout.rails}) == len(layout.rails)
    assert all(layout.box_width < rail.x < layout.width for rail in layout.rails)
    ways_out = sum(row.edge.to != box.state for box in layout.boxes for row in box.rows)
    assert sum(len(rail.joins) for rail in layout.rails) == ways_out


@pytest.mark.parametrize("answer", [CLOSED, NOT_SENT])
def test_a_server_with_one_state_has_a_picture(answer: str) -> None:
    machine = Machine("421", ("EHLO",), ((Step(answer, 0),),))
    assert "0  start" in svg([portrait(machine)])
    assert "0: start" in mermaid([portrait(machine)])


def test_a_picture_tells_of_both_and_of_what_tells_them_apart() -> None:
    rude = Machine("220", SMALL.inputs, (*SMALL.steps[:1], (Step("250", 1), *SMALL.steps[1][1:]), *SMALL.steps[2:]))
    both = portrait(SMALL, "Ours <&>"), portrait(rude, "Theirs")
    root = ET.fromstring(svg(both, pairs(both)))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "example.com, SMTP, Ours <&>: 3 states" in texts
    assert "The shortest dialogue that tells Ours <&> (left) and Theirs (right) apart:" in texts
    assert [text.split() for text in texts[-2:]] == [["MAIL", "250", "250"], ["MAIL", "503", "250"]]
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert float(text.attrib["x"]) < width
        assert float(text.attrib["y"]) < height


def test_json_says_all_of_it() -> None:
    both = portrait(SMALL, "ours"), portrait(SMALL, "theirs")
    said = json.loads(learnt_json(both, pairs(both), None))
    assert [server["states"] for server in said["servers"]] == [4, 4]
    assert said["servers"][0]["machine"] == json.loads(machine_text("smtp", SMALL))
    assert said["pairs"] == [{"one": "server", "other": "server", "same": True, "differences": []}]
    assert said["baseline"] is None
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", said["testbed"])

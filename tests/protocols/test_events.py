"""Events and the journal entries they are written as."""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, fields
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.pcap.read import read_capture
from testbed.protocols import events
from testbed.trace.compare.fingerprint import ABOUT, CODES
from testbed.trace.compare.rules import RULES
from testbed.trace.compare.sentences import _DEEDS
from testbed.trace.model.log import log_entry
from tests.conftest import PROJECT

KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and getattr(kind, "word", "")]
OF_EVERY_ENTRY = {"event", "time_ns", "real_ms"}

_LOCAL = st.from_regex(r'[a-z.\\%]{1,9}|"([a-z @]|\\["\\ ]){0,9}"', fullmatch=True)
_ITEMS = st.lists(st.builds("{}@{}".format, _LOCAL, st.sampled_from(("b.example", "[192.0.2.1]"))), max_size=3)
_SCRAPS = st.text(alphabet='a" \\@') | st.sampled_from(("1", "nan", "1_0", "-0"))
_INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES: dict[object, st.SearchStrategy[object]] = {
    str: st.text(),
    int: _INTEGERS,
    int | None: st.none() | _INTEGERS,
    float: st.floats(allow_nan=False, allow_infinity=False),
    tuple[str, ...]: _ITEMS.map(tuple),
}


def any_event(kind: type[events.LogEvent]) -> st.SearchStrategy[events.LogEvent]:
    return st.builds(kind, **{name: VALUES[hint] for name, hint in get_type_hints(kind).items() if name != "word"})


@given(event=st.one_of([any_event(kind) for kind in KINDS]))
def test_to_the_journal_and_back(event: events.LogEvent) -> None:
    assert events.event_of(event.word, event.fields()) == event


def test_an_event_is_a_frozen_value() -> None:
    event = events.Fault(line=4)
    assert (event, hash(event)) == (events.Fault(line=4, at_frame=None), hash(events.Fault(line=4)))
    assert event != events.Fault(line=4, at_frame=7)
    assert events.Crashed() != events.Restarted()
    assert repr(event) == "Fault(line=4, at_frame=None, vain='', said='')"
    with pytest.raises(FrozenInstanceError):
        event.line = 5
    with pytest.raises(TypeError, match="Fault needs line"):
        events.Fault()
    with pytest.raises(TypeError, match="Fault has no frame"):
        events.Fault(line=4, frame=7)


def test_every_event_has_a_word_of_its_own() -> None:
    assert len({kind.word for kind in KINDS}) == len(KINDS) > 40


def test_what_is_said_of_changed_deeds_is_said_of_declared_words() -> None:
    ruled = {rule.kind.removeprefix("deed ") for rule in RULES if rule.kind.startswith("deed ")}
    assert ruled | _DEEDS.keys() <= {kind.word for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_an_entry_without_what_it_must_have_is_no_event(kind: type[events.LogEvent]) -> None:
    whole = {field.name: "1" for field in fields(kind)}
    assert isinstance(events.event_of(kind.word, whole), kind)
    for field in fields(kind):
        found = events.event_of(kind.word, {name: text for name, text in whole.items() if name != field.name})
        assert (found is None) == (field.default is MISSING)


@given(word=st.sampled_from([kind.word for kind in KINDS]) | st.text(), data=st.data())
def test_whatever_a_journal_says_is_an_event_or_none(word: str, data: st.DataObject) -> None:
    names = [field.name for kind in KINDS if kind.word == word for field in fields(kind)]
    written = data.draw(st.fixed_dictionaries(dict.fromkeys(names, st.text() | _SCRAPS)))
    event = events.event_of(word, written)
    assert event is None or events.event_of(word, event.fields()) == event


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("pondered", {}),
        ("", {}),
        ("step", {}),
        ("step", {"line": "four"}),
        ("step", {"line": "4.0"}),
        ("step", {"line": " 4"}),
        ("step", {"line": "٤"}),
        ("step", {"line": "9" * 5_000}),
        ("fault", {"line": "4", "at_frame": ""}),
        ("lab-ended", {"scenario_seconds": "inf", "real_seconds": "1", "reason": "x"}),
        ("for-recipient", {"recipient": "a@b", "message_id": "<1@a>"}),
    ],
)
def test_what_fits_no_event_is_none(word: str, written: dict[str, str]) -> None:
    assert events.event_of(word, written) is None


@pytest.mark.parametrize(
    ("written", "items"),
    [
        ("", ()),
        ("a@b", ("a@b",)),
        (" a@b  c@d ", ("a@b", "c@d")),
        ('"a b"@c d@e', ('"a b"@c', "d@e")),
        (r'"a\" b"@c "d\\"@e f@g', (r'"a\" b"@c', r'"d\\"@e', "f@g")),
        ('a"b c@d e@f', ('a"b', "c@d", "e@f")),
    ],
)
def test_a_space_in_quotes_parts_no_address(written: str, items: tuple[str, ...]) -> None:
    event = events.event_of("started", {"command": "postfix", "takes": written})
    assert event == events.Started(command="postfix", takes=items)


def test_what_traces_are_compared_by_is_declared() -> None:
    declared = {field.name for kind in KINDS for field in fields(kind)}
    assert {*ABOUT, CODES} <= declared


def test_every_entry_of_the_reference_traces_is_an_event_with_declared_fields() -> None:
    seen = set()
    for trace in sorted((PROJECT / "captures").glob("*.pcapng")):
        for entry in read_capture(trace).journal:
            event = log_entry(entry).event
            assert event is not None, (trace.name, entry)
            names = {name.removeprefix("TESTBED_").lower() for name in entry.fields if name.startswith("TESTBED_")}
            assert names - OF_EVERY_ENTRY <= {field.name for field in fields(event)}, (trace.name, entry)
            seen.add(type(event))
    assert len(seen) >= 40

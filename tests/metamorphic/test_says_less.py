"""What a capture does not hold is unknown, never "no": an account of less may say less, and never otherwise.

A capture whose truth is known is changed as captures are changed by accident (:mod:`tests.metamorphic.changes`).  Then
nothing may be told that its whole account contradicts (:mod:`tests.metamorphic.truth`).
"""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import PROJECT
from tests.metamorphic.changes import CHANGES, NAMED, Step, changed
from tests.metamorphic.healthy import HEALTHY
from tests.metamorphic.packets import Whole, inspected, whole_of
from tests.metamorphic.truth import Account, account, contradictions

BY_NAME = {whole.name: whole for whole in HEALTHY}
MENDED = [name for name in BY_NAME if name.startswith("smtp-")]
PLAIN = [name for name in MENDED if not name.endswith("-acknowledged")]
REFERENCES = sorted(path.stem for path in (PROJECT / "captures").glob("*.pcapng"))
# Found by the search below, and mended.
FOUND: tuple[tuple[str, tuple[Step, ...]], ...] = (
    ("smtp-terse-acknowledged", (("drop_run", 14, 3),)),  # a command and the reply before it
    ("smtp-mail", (("drop_run", 12, 84),)),  # a whole message and its reply, told behind each other's holes
    ("smtp-refusals", (("drop_one", 9, 0),)),  # a recipient's refusal, and the message's
    ("smtp-refusals", (("drop_run", 20, 2),)),  # MAIL and RCPT behind a refused MAIL
    ("smtp-two", (("drop_run", 10, 4),)),  # from one transaction into the next
    ("smtp-odds-acknowledged", (("drop_run", 28, 4),)),  # a message and the command behind it
    ("smtp-login", (("drop_one", 18, 0), ("swap", 18, 0))),  # a hole told behind what was said before it
    ("smtp-plain-apart", (("drop_one", 9, 0), ("swap", 8, 0))),
    ("smtp-mail-acknowledged", (("drop_one", 21, 0), ("one_direction", 5, 0))),
    ("smtp-refusals", (("drop_one", 21, 0), ("drop_before", 20, 0))),
    ("smtp-starttls", (("drop_one", 6, 0),)),  # STARTTLS, and TLS behind it
    ("smtp-starttls", (("drop_before", 7, 0),)),
    ("smtp-login", (("drop_after", 0, 0),)),  # a SYN, and nothing more
    ("smtp-mail", (("drop_run", 1, 4),)),  # the server's SYN and its greeting
)


@cache
def capture(name: str) -> Whole:
    return BY_NAME.get(name) or whole_of(PROJECT / "captures" / f"{name}.pcapng")


@cache
def truth(name: str) -> Account:
    whole = capture(name)
    return account(inspected(whole.frames, whole.names), whole.frames)


def otherwise(name: str, *steps: Step) -> list[str]:
    """What is said otherwise once a capture was changed."""
    whole = capture(name)
    frames = changed(whole.frames, steps)
    return contradictions(truth(name), account(inspected(frames, whole.names), frames)) if frames else []


@pytest.mark.parametrize("name", PLAIN)
def test_any_one_packet_is_missing(name: str) -> None:
    found = {at: otherwise(name, ("drop_one", at, 0)) for at in range(len(capture(name).frames))}
    assert not {at: texts for at, texts in found.items() if texts}


@pytest.mark.parametrize("change", [change.__name__ for change in CHANGES])
@given(name=st.sampled_from(PLAIN), at=st.integers(0, 99), many=st.integers(0, 9))
@settings(max_examples=25, derandomize=True)
def test_a_change(change: str, name: str, at: int, many: int) -> None:
    assert not otherwise(name, (change, at, many))


@pytest.mark.parametrize(("name", "steps"), FOUND)
def test_what_was_found(name: str, steps: tuple[Step, ...]) -> None:
    assert not otherwise(name, *steps)


ONCE = sorted(name for name in NAMED if not name.startswith("twice"))
STEPS = st.lists(st.tuples(st.sampled_from(ONCE), st.integers(0, 99), st.integers(0, 9)), min_size=2, max_size=2)


@given(name=st.sampled_from(sorted(MENDED)), steps=STEPS)
@settings(max_examples=200, derandomize=True)
def test_two_changes(name: str, steps: list[Step]) -> None:
    assert not otherwise(name, *steps)

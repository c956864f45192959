"""Captures by name, and what is said otherwise once they were changed."""

from __future__ import annotations

from functools import cache

from tests.conftest import PROJECT
from tests.metamorphic.changes import Step, changed
from tests.metamorphic.healthy import HEALTHY
from tests.metamorphic.packets import Whole, inspected, whole_of
from tests.metamorphic.truth import Account, account, contradictions

BY_NAME = {whole.name: whole for whole in HEALTHY}
MENDED = list(BY_NAME)
"""Those for which it holds: all of them.  Of the reference traces it is not known yet."""


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

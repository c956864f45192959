"""What servers' words mean: measured on refusals as servers give them, and on words nobody has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.refusals import PHRASES, cause_of
from testbed.protocols.status import explain

REAL = Path(__file__).with_name("real_refusals.tsv")
"""A line each: reply code, enhanced code, text, cause, and the public documentation or program it is from."""
INSPECTING = Path(__file__).parents[2] / "docs" / "inspecting.md"


def named(code: str, enhanced: str, text: str) -> str:
    cause = cause_of(code, enhanced, text)
    return cause.name if cause is not None else ""


def test_real_refusals() -> None:
    """None is named wrongly, and docs/inspecting.md gives the figures that are measured here."""
    rows = [line.split("\t") for line in REAL.read_text().splitlines()[1:]]
    told = [(named(code, enhanced, text), wanted, text) for code, enhanced, text, wanted, _ in rows]
    assert [row for row in told if row[0] != row[1]] == []
    assert len(told) > 150
    page = INSPECTING.read_text()
    assert f"Of {len(told)} replies of servers" in page
    assert f"more than {len(PHRASES) // 100 * 100} phrases" in page


def test_phrases_can_be_found() -> None:
    """A phrase is in lower case, with single spaces, said once for the codes it needs, and documented."""
    assert [p for p in PHRASES if p.words.strip() != " ".join(p.words.lower().split()) or not p.source] == []
    assert [row for row, times in Counter((p.words, p.needs) for p in PHRASES).items() if times > 1] == []


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "words"),
    [
        ("550", "5.7.606", "no", "refused by policy (permanent)"),  # no registry has this detail
        ("421", "4.7.777", "", "refused by policy (temporary)"),
        ("550", "5.9.9", "", "mailbox unavailable (permanent)"),  # nor this subject
        ("550", "2.1.5", "Ok", "mailbox unavailable (permanent)"),
        ("550", "4.2.2", "", "mailbox full (permanent)"),  # the reply code decides
        (
            "450",
            "",
            "<greylisted@example.org>: no",
            "mailbox unavailable for now (temporary)",
        ),
        ("450", "4.2.0", "GREYLISTED,\ttry later", "greylisted: a later retry gets through (temporary)"),
    ],
)
def test_words(code: str, enhanced: str, text: str, words: str) -> None:
    assert explain(code, enhanced, text) == words


@given(st.text(max_size=3_000))
@pytest.mark.cpu_seconds(20)
def test_any_text(text: str) -> None:
    cause_of("550", "", text)

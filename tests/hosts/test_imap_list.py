"""LIST patterns: what they mean, and that no pattern takes long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pymap")

from testbed.hosts.mailboxes.imap_list import FolderTree, Pattern
from tests.patience import cpu_seconds


def meant(pattern: str, *names: str) -> list[str]:
    return [entry.name for entry in FolderTree().update(*names).list_matching("", pattern)]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", ["INBOX", "Work", "Work/2026", "Work/2026/May"]),
        ("%", ["INBOX", "Work"]),
        ("Work/%", ["Work/2026"]),
        ("Work*", ["Work", "Work/2026", "Work/2026/May"]),
        ("%/%", ["Work/2026"]),
        ("*May", ["Work/2026/May"]),
        ("inbox", ["INBOX"]),
        ("i%x", ["INBOX"]),
        ("work", []),
        ("", []),
        ("%*%", ["INBOX", "Work", "Work/2026", "Work/2026/May"]),
    ],
)
def test_what_a_pattern_means(pattern: str, names: list[str]) -> None:
    assert meant(pattern, "INBOX", "Work", "Work/2026", "Work/2026/May") == names


@given(st.text("a/*%", max_size=8), st.text("a/b", max_size=10))
def test_it_means_what_the_regular_expression_means(pattern: str, name: str) -> None:
    words = {"*": ".*", "%": "[^/]*"}
    expected = re.fullmatch("".join(words.get(c, re.escape(c)) for c in pattern), name) is not None
    assert Pattern(pattern).matches(name) == expected


@pytest.mark.parametrize("wildcard", ["*", "%", "*%", "a*", "%a"])
def test_no_pattern_takes_long(wildcard: str) -> None:
    with cpu_seconds(1.0):
        assert not Pattern(wildcard * 5_000 + "b").matches("a" * 200)

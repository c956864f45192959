"""What docs/architecture.md names is there."""

from __future__ import annotations

import re

import pytest

from tests.conftest import PROJECT

_PAGE = (PROJECT / "docs" / "architecture.md").read_text()
_NAMED = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|md))?|[a-z_]+\.py)`")
_WITHIN = (
    "",
    "testbed",
    "testbed/expect/conservation",
    "testbed/expect/mailboxes",
    "testbed/trace/compare",
)  # the last three, where it tells of them


@pytest.mark.parametrize("path", sorted(set(_NAMED.findall(_PAGE))))
def test_every_file_and_folder_it_names_is_there(path: str) -> None:
    assert any((PROJECT / room / path).exists() for room in _WITHIN), path

"""The page on the catalogue says what the reference traces hold."""

from __future__ import annotations

from tests.conftest import PROJECT
from tests.lab.catalogue.page import page


def test_the_page_says_what_the_reference_traces_hold() -> None:
    assert (PROJECT / "docs" / "catalogue.md").read_text() == page(), "run 'make docs'"

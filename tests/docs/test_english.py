"""Phrases that are no English, or not plain: what to write instead is beside each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import PROJECT

INSTEAD = {
    r"when unsaid": "(default: X), or 'by default'",
    r"masked else": "otherwise masked",
    r"[Nn]ot recorded is": "X is not recorded",
    r"\b(in|on) the contrary to\b": "unlike",
    r"informations\b": "information",
    r"\bthe both\b": "both",
    r"\bsince \d+ (seconds|minutes|hours|days)\b": "for …",
    r"\bin case of\b": "if there is, or where there is",
    r"\bdepending of\b": "depending on",
    r"\bdifferent than\b": "different from",
    r"\butili[sz]e": "use",
    r"\bin order to\b": "to",
    r"\bplease note\b": "leave it out",
}
# Pages that are written by hand for users: the rest has texts that reference traces repeat.
FOR_USERS = {
    r"\bare tried anew\b": "are tried again",
    r"\brecord(ed)? (it|them) anew\b": "record it again",
    r"\bnobody is told\b": "nobody is notified",
    r"[Tt]he sender is told\b": "the sender is notified",
    r"\bwithout being said\b": "by default",
    r"\bis said besides\b": "is also said",
    r"\bas ever\b": "as usual",
    r"(?<!they )\b(is|are) told\b": "say who says it: 'the report says', 'is reported'; or 'gets' for a reply",
    r"; else\b": "otherwise, or (default: X)",
    r"\bbesides\b[.;:|]": "also, in addition",
    r"\bwhosever\b": "of any",
}
WRITTEN_BY_HAND = [
    PROJECT / "README.md",
    *(
        page
        for page in sorted((PROJECT / "docs").glob("*.md"))
        if page.stem not in ("architecture", "catalogue", "faults", "personas", "relays-compared", "spoofing-compared")
    ),
]
TEXTS = [
    PROJECT / "README.md",
    *sorted((PROJECT / "docs").glob("*.md")),
    *sorted((PROJECT / "testbed").rglob("*.py")),
    *sorted((PROJECT / "scenarios").rglob("*.yaml")),
]


@pytest.mark.parametrize("phrase", INSTEAD)
def test_a_phrase_is_not_used(phrase: str) -> None:
    found = [f"{path.relative_to(PROJECT)}:{number}" for path in TEXTS for number in _lines(path, phrase)]
    assert found == [], f"write instead: {INSTEAD[phrase]}"


@pytest.mark.parametrize("phrase", FOR_USERS)
def test_a_phrase_is_not_used_in_pages_for_users(phrase: str) -> None:
    found = [f"{path.name}:{number}" for path in WRITTEN_BY_HAND for number in _lines(path, phrase)]
    assert found == [], f"write instead: {FOR_USERS[phrase]}"


def _lines(path: Path, phrase: str) -> list[int]:
    text = path.read_text("utf-8")
    return [text.count("\n", 0, match.start()) + 1 for match in re.finditer(phrase, text)]

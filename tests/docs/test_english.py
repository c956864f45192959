"""Phrases that are no English, or not plain: what to write instead is beside each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
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
# In what the program says: findings, verdicts, errors, and the descriptions of fields.
SAID = {
    r"\bfor ever\b": "forever",
    r"\banew\b": "again, or re-…",
    r"\bthis is no (?!longer)": "this is not a …",
    r"' is no [a-z]": "' is not a …",
    r"\b[Aa] RST\b": "an RST",
    r"; without (it|them), ": "(default: X)",
    r"\blies? in it\b": "it holds …",
    r"\bso (many|long) (at most|captured?)\b": "this many, at most",
    r"\b(is|are) told\b": "is notified, is reported, gets",
    r"\bcame another way\b": "took another route",
    r"\bwhether .* cannot be seen\b": "nobody can see whether …",
    r"\brefusal for now\b": "temporary refusal",
    r"\bdid its work\b": "took effect",
    r"\bdoubled without\b": "duplicated without",
    r"; else\b": "otherwise",
    r"\btells them all\b": "shows, lists",
    r"\bthe last it said\b": "its last output was",
}
HOSTS_OWN = ("hosts", "lab", "protocols", "authentication")  # logs and replies, which reference traces repeat
WRITTEN_BY_HAND = [
    PROJECT / "README.md",
    *(
        page
        for page in sorted((PROJECT / "docs").glob("*.md"))
        if page.stem not in ("architecture", "catalogue", "relays-compared")
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


@pytest.mark.parametrize("phrase", SAID)
def test_a_phrase_is_not_used_in_what_the_program_says(phrase: str) -> None:
    found = [place for place, text in _SENTENCES if re.search(phrase, text)]
    assert found == [], f"write instead: {SAID[phrase]}"


def _said() -> Iterator[tuple[str, str]]:
    """The texts in the code that are no docstrings, each with its place; what stands in an f-string is left open."""
    for path in sorted((PROJECT / "testbed").rglob("*.py")):
        if path.relative_to(PROJECT / "testbed").parts[0] in HOSTS_OWN:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield f"{path.relative_to(PROJECT)}:{node.lineno}", node.value


_SENTENCES = list(_said())


def _lines(path: Path, phrase: str) -> list[int]:
    text = path.read_text("utf-8")
    return [text.count("\n", 0, match.start()) + 1 for match in re.finditer(phrase, text)]

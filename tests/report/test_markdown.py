"""The summary in Markdown, rendered and looked at."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from testbed.protocols.text import printable
from testbed.report.markdown import MOST_OCTETS, markdown
from tests.report.runs import broken, every_kind, failed, held, hostile, inspected, run, scenarios

OURS = re.compile(r"<details><summary>(All )?\d+ \w+( of the inspector)?</summary>|</details>")


def tokens(document: str) -> list[Token]:
    """All tokens of the rendered page, those within lines too."""
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(document)
    return [inner for token in page for inner in (token, *(token.children or ()))]


def shown(document: str) -> str:
    """What a reader sees, without markup."""
    return "\n".join(token.content for token in tokens(document) if token.type in ("text", "code_inline", "fence"))


def test_what_failed_comes_first_and_everything_is_below() -> None:
    bob, carol = scenarios()
    document = markdown(run(held(bob), failed(carol, "nothing", Path("my traces/one.pcapng"))))
    page = shown(document)
    for words in (
        "Mail Testbed: 1 of 2 scenarios did not hold",
        "✅ 1 held · ❌ 1 failed · 12.3 s",
        "❌ Mail is delivered [who=carol]",
        "bounced nothing",
        "Seen: seen nothing (frames 31, 58)",
        "scenarios/one.yaml:5",
        "- bounced: {to: alice@crepes.fr}",
        "my traces/one.pcapng",
        "testbed inspect 'my traces/one.pcapng'",
    ):
        assert words in page
    rows = [token for token in tokens(document) if token.type == "tr_open"]
    assert len(rows) == 1 + 2
    assert page.index("did not hold") < page.index("Seen:") < page.index("✅ held")


def test_a_green_run_is_short() -> None:
    page = markdown(run(held(scenarios()[0]), shard="2/5"))
    assert page.startswith("## ✅ Mail Testbed: 1 of 1 scenario held\n\n✅ 1 held · 12.3 s · shard 2/5\n")
    assert page.count("\n") < 14


def test_an_interrupted_run_says_so() -> None:
    assert "**The run was interrupted.**" in markdown(run(interrupted=True))


def test_findings_are_folded() -> None:
    document = markdown(run(inspected(scenarios()[0], "x")))
    assert "3 findings of the inspector" in document
    assert "mailbox full (temporary)" in shown(document)


def test_a_traceback_is_shown_whole() -> None:
    traceback = "Traceback (most recent call last):\n  File x\nOSError: ouch"
    page = shown(markdown(run(broken(scenarios()[0], traceback, "OSError: ouch"))))
    assert "Seen: OSError: ouch" in page
    assert "Traceback (most recent call last):\n  File x\nOSError: ouch\n" in page


def test_it_never_grows_beyond_what_github_takes() -> None:
    long = "a reply that goes on and on " * 40
    document = markdown(run(*(failed(scenarios()[0], long) for _ in range(1000))))
    assert len(document.encode()) <= MOST_OCTETS + 100
    assert re.search(r"\n… and \d+ scenarios more that failed\.\n$", document)


@settings(max_examples=80)
@given(hostile)
def test_whatever_strangers_say_it_is_text(text: str) -> None:
    red = every_kind(text)
    found = tokens(markdown(red))
    kinds = [token.type for token in found]
    assert not {"link_open", "image", "hr", "s_open", "em_open", "blockquote_open"} & set(kinds)
    assert kinds.count("heading_open") == 1 + 3
    assert kinds.count("tr_open") == 1 + len(red.outcomes)
    assert kinds.count("td_open") == 4 * len(red.outcomes)
    for token in found:
        if token.type in ("html_block", "html_inline"):
            assert OURS.fullmatch(token.content.strip()), token.content
    title = printable(" ".join(red.outcomes[0].scenario.title.split()))
    assert f"❌ {title}" in "".join(token.content for token in found if token.type == "text")

"""Runs to make outputs of: real scenarios, verdicts as judges give them, and text as strangers send it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import strategies as st
from msgspec.structs import replace

from testbed.expect import Judgement, Verdict
from testbed.outcome import Inspected, Outcome
from testbed.played import Played
from testbed.report.run import Run
from testbed.scenario.load import parse_cases
from testbed.scenario.scenario import Scenario
from testbed.trace.compare.difference import Difference
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT

TEXTS = [
    "plain words",
    "two\nlines\r\nof three",
    "::error file=x,line=1::owned",
    "\n::stop-commands::x\n",
    "##[error]owned",
    "%0A::error::%0D%25,a:b",
    "ok 99 - not a test # SKIP really",
    "\nok 99\nBail out! # TODO\n1..0\n",
    "\\# \\\\# \\",
    "  ...\n  ---\n",
    "<script>alert(1)</script>&amp;<!--]]>",
    "]]></failure></testcase><testcase name='x'/>",
    "[[ATTACHMENT|/etc/passwd]]",
    "| a | b |\n| --- | --- |\n</td></details>",
    "# heading\n\n* list\n\n---\n> quote",
    "[click](javascript:alert(1)) ![x](http://evil/x.png) <http://evil> www.evil.example `code` ``` ~~~ $x$ @you #1",
    "```\nend of the fence\n````",
    "\x00\x01\x08\x0b\x1b[31mred\x1b]0;title\x07\x7f\x80\x9b",
    "\ufffe\uffff\U0001ffff\ud800 lone \udcff \u202egnp.exe\u2028\u2029\x85",
    "ünïcödé ✓ 💌",
]

hostile = st.one_of(st.sampled_from(TEXTS), st.text(max_size=60), st.text("`|\\*_[]<>#:%\n\r &", max_size=30))

SCENARIO = """\
title: {title}
matrix: {{who: [bob, carol]}}
steps: [{{send: {{to: $who@someschool.edu}}}}]
expect:
  - bounced: {{to: alice@crepes.fr}}
  - delivered: {{to: bob@someschool.edu,
      copies: 2}}

  # the next
  - queued: {{at: crepes.fr}}
"""


def scenarios(title: str = "Mail is delivered", file: str = "scenarios/one.yaml") -> list[Scenario]:
    """The two cases of a file; a title may hold no control characters."""
    shown = "".join(c for c in title if c.isprintable())[:150].strip() or "x"
    return parse_cases(SCENARIO.format(title=json.dumps(shown, ensure_ascii=False)), file)


def held(scenario: Scenario, trace: Path | None = None) -> Outcome:
    verdict = Verdict("delivered to bob@someschool.edu", True, "it is there", (21, 52), 6)
    return Outcome(Played(scenario, trace, 0.25), None, Judgement((verdict,), ()))


def failed(scenario: Scenario, text: str, trace: Path | None = Path("traces/one.pcapng")) -> Outcome:
    """Red in an expectation with a line, and in what is always checked."""
    expectation = Verdict(f"bounced {text}", False, f"seen {text}", (31, 58), 5, scenario.file)
    kept = Verdict("no mail is lost", False, text, (), 0)
    return Outcome(Played(scenario, trace, 1.5), None, Judgement((expectation,), (kept,)))


def changed(scenario: Scenario, text: str, number: int = 1) -> Outcome:
    """Its expectations held, but not all went as in the reference trace."""
    as_before = held(scenario, Path("traces/one.pcapng"))
    changes = tuple(Difference("reply-changed", f"{text} {n}", (40 + n,), (50 + n, 60)) for n in range(number))
    return replace(as_before, reference=Path("references/one.pcapng"), changes=changes)


def broken(scenario: Scenario, error: str, cause: str = "", line: int = 0) -> Outcome:
    return Outcome(Played(scenario, None, 0.1, error=error, cause=cause or error, line=line), None, None)


def skipped(scenario: Scenario, why: str) -> Outcome:
    return Outcome(Played(scenario, None, 0.0, skipped=why), None, None)


def inspected(scenario: Scenario, why: str) -> Outcome:
    """A red one whose trace there is, with its findings."""
    trace = PROJECT / "captures" / "mailbox-full.pcapng"
    red = failed(scenario, why, trace)
    return Outcome(red.played, Inspected(inspect(trace)), red.judgement)


def run(*outcomes: Outcome, interrupted: bool = False, shard: str = "") -> Run:
    return Run(outcomes, datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC), 12.3456, interrupted, shard)


def every_kind(text: str) -> Run:
    """One of each verdict, the text wherever a stranger's text may come to stand."""
    bob, carol = scenarios(text)
    other, last = scenarios(file=f"scenarios/{text}.yaml".replace("\0", "").replace("/..", ""))
    return run(
        failed(bob, text),
        broken(carol, f"died {text}"),
        skipped(other, f"it needs {text}"),
        held(last),
        changed(scenarios(file="scenarios/changed.yaml")[0], text),
        interrupted=True,
    )

"""A run as Markdown: what failed first, then every scenario, folded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from testbed.outcome import Outcome, Result
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.failures import Failure, failures
from testbed.report.run import Run, inspect_command, names, remedy, why_skipped
from testbed.report.words import frames

MOST_OCTETS = 900_000
"""GitHub refuses a job's summary of more than 1 MiB, as a whole."""

_MARKS = {Result.HELD: "✅", Result.FAILED: "❌", Result.SKIPPED: "⏭️", Result.ERROR: "💥"}
_PARTLY = "❔"
_SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")
_TICKS = re.compile("`+")
_HARMLESS = "/,.'\"()=+%-?;!"  # means nothing inside a line


def markdown(run: Run) -> str:
    """GitHub's and GitLab's Markdown, of at most :data:`MOST_OCTETS` octets."""
    named = list(zip(run.outcomes, names(run.outcomes), strict=True))
    text = "\n".join([*_head(run), ""])
    red = [(outcome, name) for outcome, name in named if outcome.result in (Result.FAILED, Result.ERROR)]
    for number, (outcome, name) in enumerate(red):
        section = "\n".join([*_section(outcome, name), ""])
        if len((text + section).encode()) > MOST_OCTETS:
            return f"{text}\n… and {count(len(red) - number, 'scenario')} more that failed.\n"
        text += section
    table = "\n".join([*_table(named), ""]) if named else ""
    return text + table if len((text + table).encode()) <= MOST_OCTETS else text


def _head(run: Run) -> Iterator[str]:
    counts = run.counts
    red = counts[Result.FAILED] + counts[Result.ERROR]
    total = count(len(run.outcomes), "scenario")
    yield f"## {_MARKS[Result.FAILED if red else Result.HELD]} Mail Testbed: " + (
        f"{red} of {total} did not hold" if red else f"{counts[Result.HELD]} of {total} held"
    )
    yield ""
    told = [f"{_MARKS[kind]} {counts[kind]} {kind}" for kind in Result if counts[kind]]
    if partly := len(run.not_judged):
        told.append(f"{_PARTLY} {partly} not judged in full")
    yield " · ".join([*told, f"{run.seconds:.1f} s", *([f"shard {_plain(run.shard)}"] if run.shard else [])])
    if missing := remedy(run.outcomes):
        yield f"\n{_plain(missing)}"
    if run.interrupted:
        yield "\n**The run was interrupted.**"
    elif run.why_no_lab:
        yield f"\n**No lab can be run here:** {_plain(run.why_no_lab)}"


def _section(outcome: Outcome, name: str) -> Iterator[str]:
    yield ""
    yield f"### {_MARKS[outcome.result]} {_plain(name)}"
    yield ""
    yield f"{_code(outcome.scenario.file)}, {outcome.played.seconds:.2f} s"
    for failure in failures(outcome):
        yield from _failure(failure)
    if outcome.analysis is not None and outcome.analysis.findings:
        yield ""
        yield f"<details><summary>{count(len(outcome.analysis.findings), 'finding')} of the inspector</summary>"
        yield ""
        for finding in outcome.analysis.findings:
            yield f"- {finding.severity}: {_plain(finding.text)}{_cited(finding.frames)}"
        yield ""
        yield "</details>"
    if outcome.played.trace:
        yield ""
        yield f"Trace: {_code(str(outcome.played.trace))}"
        yield ""
        yield from _block([inspect_command(outcome)], "sh")


def _failure(failure: Failure) -> Iterator[str]:
    yield ""
    yield f"Expected: **{_plain(failure.what)}**  "
    yield f"Seen: {_plain(failure.why)}{_cited(failure.frames)}  "
    yield f"At: {_code(failure.place)}" + ("  " if failure.remedy else "")
    if failure.remedy:
        yield f"Remedy: {_plain(failure.remedy)}"
    if failure.written:
        yield ""
        yield from _block(failure.written, "yaml")
    if failure.detail:
        yield ""
        yield from _block(failure.detail, "")


def _table(named: Sequence[tuple[Outcome, str]]) -> Iterator[str]:
    yield ""
    yield f"<details><summary>All {count(len(named), 'scenario')}</summary>"
    yield ""
    yield "| | scenario | file | s |"
    yield "| --- | --- | --- | ---: |"
    for outcome, name in named:
        why = f": {_plain(why_skipped(outcome))}" if outcome.result is Result.SKIPPED else ""
        mark = f"{_MARKS[outcome.result]} {outcome.result}"
        if outcome.not_judged:
            mark = f"{_PARTLY} {outcome.result}, {len(outcome.not_judged)} not judged"
        file = _plain(outcome.scenario.file)  # in a table, code may hold no |
        yield f"| {mark} | {_plain(name)}{why} | {file} | {outcome.played.seconds:.2f} |"
    yield ""
    yield "</details>"


def _cited(numbers: Sequence[int]) -> str:
    return f" ({frames(numbers)})" if numbers else ""


def _plain(text: str) -> str:
    """Text that is nothing but text: no markup, no HTML, no cell of a table ends in it, and no address is a link."""
    shown = _SPECIAL.sub(lambda found: _shown(found[0]), printable(" ".join(text.split())))
    return shown.replace("www.", "www\\.")


def _shown(character: str) -> str:
    if character in _HARMLESS:
        return character
    return "&#124;" if character == "|" else f"\\{character}"


def _code(text: str) -> str:
    """Text in the middle of a line, as code."""
    text = printable(text)
    ticks = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{padding}{text}{padding}{ticks}"


def _block(lines: Sequence[str], language: str) -> Iterator[str]:
    """Lines as code, behind a fence longer than any within them."""
    shown = [printable(line) for line in lines]
    fence = "`" * max(3, *(1 + len(run) for line in shown for run in _TICKS.findall(line)), 3)
    yield f"{fence}{language}"
    yield from shown
    yield fence

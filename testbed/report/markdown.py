"""A run as Markdown: what failed first, then every scenario, folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.outcome import Outcome, Result
from testbed.plural import count
from testbed.report.failures import Failure, failures
from testbed.report.markdown_text import block, code, plain
from testbed.report.run import Run, inspect_command, names, remedy, why_skipped
from testbed.report.words import frames

MOST_OCTETS = 900_000
"""GitHub refuses a job's summary of more than 1 MiB, as a whole."""

_MARKS = {Result.HELD: "✅", Result.FAILED: "❌", Result.SKIPPED: "⏭️", Result.ERROR: "💥"}
_PARTLY = "❔"


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
    yield " · ".join([*told, f"{run.seconds:.1f} s", *([f"shard {plain(run.shard)}"] if run.shard else [])])
    if missing := remedy(run.outcomes):
        yield f"\n{plain(missing)}"
    if run.interrupted:
        yield "\n**The run was interrupted.**"
    elif run.why_no_lab:
        yield f"\n**No lab can be run here:** {plain(run.why_no_lab)}"


def _section(outcome: Outcome, name: str) -> Iterator[str]:
    yield ""
    yield f"### {_MARKS[outcome.result]} {plain(name)}"
    yield ""
    yield f"{code(outcome.scenario.file)}, {outcome.played.seconds:.2f} s"
    for failure in failures(outcome):
        yield from _failure(failure)
    if outcome.findings:
        yield ""
        yield f"<details><summary>{count(len(outcome.findings), 'finding')} of the inspector</summary>"
        yield ""
        for finding in outcome.findings:
            yield f"- {finding.severity}: {plain(finding.text)}{_cited(finding.frames)}"
        yield ""
        yield "</details>"
    if outcome.played.trace:
        yield ""
        yield f"Trace: {code(str(outcome.played.trace))}"
        yield ""
        yield from block([inspect_command(outcome)], "sh")


def _failure(failure: Failure) -> Iterator[str]:
    yield ""
    yield f"Expected: **{plain(failure.what)}**  "
    yield f"Seen: {plain(failure.why)}{_cited(failure.frames)}  "
    yield f"At: {code(failure.place)}" + ("  " if failure.remedy else "")
    if failure.remedy:
        yield f"Remedy: {plain(failure.remedy)}"
    if failure.written:
        yield ""
        yield from block(failure.written, "yaml")
    if failure.detail:
        yield ""
        yield from block(failure.detail, "")


def _table(named: Sequence[tuple[Outcome, str]]) -> Iterator[str]:
    yield ""
    yield f"<details><summary>All {count(len(named), 'scenario')}</summary>"
    yield ""
    yield "| | scenario | file | s |"
    yield "| --- | --- | --- | ---: |"
    for outcome, name in named:
        why = f": {plain(why_skipped(outcome))}" if outcome.result is Result.SKIPPED else ""
        mark = f"{_MARKS[outcome.result]} {outcome.result}"
        if outcome.not_judged:
            mark = f"{_PARTLY} {outcome.result}, {len(outcome.not_judged)} not judged"
        file = plain(outcome.scenario.file)  # in a table, code may hold no |
        yield f"| {mark} | {plain(name)}{why} | {file} | {outcome.played.seconds:.2f} |"
    yield ""
    yield "</details>"


def _cited(numbers: Sequence[int]) -> str:
    return f" ({frames(numbers)})" if numbers else ""

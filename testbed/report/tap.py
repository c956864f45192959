"""A run in the Test Anything Protocol, version 14: a line per scenario, with a YAML block below one that is red."""

from __future__ import annotations

import json
from collections.abc import Iterator

from testbed.outcome import Outcome, Result
from testbed.protocols.text import printable
from testbed.report.failures import Failure, failures, unjudged
from testbed.report.run import Run, inspect_command, names, why_skipped


def tap(run: Run) -> str:
    """The document: version, plan, test points; ``Bail out!`` at its end where the run could not go on."""
    return "\n".join([*_lines(run), ""])


def _lines(run: Run) -> Iterator[str]:
    yield "TAP version 14"
    if not run.outcomes:
        yield f"1..0 # no scenario in shard {run.shard}" if run.shard else "1..0"
        return
    yield f"1..{len(run.outcomes)}"
    for number, (outcome, name) in enumerate(zip(run.outcomes, names(run.outcomes), strict=True), 1):
        yield _point(number, outcome, name)
        yield from _diagnosis(outcome)
        yield from (f"# {_escaped(line)}" for line in unjudged(outcome))
    if run.interrupted:
        yield "Bail out! interrupted"
    elif run.why_no_lab:
        yield f"Bail out! {_escaped(run.why_no_lab)}"


def _point(number: int, outcome: Outcome, name: str) -> str:
    red = outcome.result in (Result.FAILED, Result.ERROR)
    line = f"{'not ok' if red else 'ok'} {number} - {_escaped(f'{name} ({outcome.scenario.file})')}"
    return f"{line} # SKIP {_escaped(why_skipped(outcome))}" if outcome.result is Result.SKIPPED else line


def _diagnosis(outcome: Outcome) -> Iterator[str]:
    found = failures(outcome)
    if not found:
        return
    first = found[0]
    yield "  ---"
    yield f"  message: {_quoted(f'{first.what}: {first.why}')}"
    yield f"  severity: {'error' if outcome.result is Result.ERROR else 'fail'}"
    yield f"  duration_ms: {outcome.played.seconds * 1000:.0f}"
    yield "  at:"
    yield from _place(first, "    ")
    if outcome.played.trace:
        yield f"  trace: {_quoted(str(outcome.played.trace))}"
        yield f"  look: {_quoted(inspect_command(outcome))}"
    yield "  failures:"
    for failure in found:
        yield f"    - expected: {_quoted(failure.what)}"
        yield f"      seen: {_quoted(failure.why)}"
        yield from _place(failure, "      ")
        yield f"      frames: {json.dumps(failure.frames)}"
        if failure.written:
            yield f"      written: {_quoted(chr(10).join(failure.written))}"
        if failure.detail:
            yield f"      detail: {_quoted(chr(10).join(failure.detail))}"
    yield "  ..."


def _place(failure: Failure, indent: str) -> Iterator[str]:
    yield f"{indent}file: {_quoted(failure.file)}"
    if failure.line:
        yield f"{indent}line: {failure.line}"


def _escaped(text: str) -> str:
    r"""Text of a description or a reason: ``#`` would begin a directive, and ``\`` escapes it."""
    return printable(" ".join(text.split())).replace("\\", "\\\\").replace("#", "\\#")


def _quoted(text: str) -> str:
    """A string of YAML on one line; all its lines are kept.  GitHub would obey ``##[``."""
    lines = "\n".join(map(printable, text.split("\n")))
    return json.dumps(lines, ensure_ascii=False).replace("##[", "\\u0023#[")

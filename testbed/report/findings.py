"""Findings for people: each with its frames and its reference, and nothing told over and over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from rich.table import Table
from rich.text import Text

from testbed.report.words import frames
from testbed.trace.model.finding import Finding, Severity

MARKS = {Severity.INFO: ("•", "info"), Severity.WARNING: ("▲", "warning"), Severity.ERROR: ("✗", "error")}
_MOST_ALIKE = {Severity.INFO: 2, Severity.WARNING: 10, Severity.ERROR: 10}
_MOST_NAMED = 10  # connections of those that are not told one by one


@dataclass(slots=True)
class Told:
    """What is said once, however many findings say it."""

    finding: Finding
    frames: dict[int, None] = field(default_factory=dict)
    times: int = 0
    seen: int = 0  # as often as its findings count

    def text(self) -> str:
        return self.finding.text + (f" ({self.times} times)" if self.times > 1 else "")


def findings(found: Sequence[Finding], *, whole: bool = False) -> Table:
    """The findings.  Same words are said once with all frames; of one kind, the harmless above all, a few are told.

    ``whole`` tells all of a kind.
    """
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    said = list(once(found))
    alike: dict[tuple[str, Severity], list[Told]] = {}
    for told in said:
        alike.setdefault((told.finding.code, told.finding.severity), []).append(told)
    for told in said:
        kind, severity = alike[told.finding.code, told.finding.severity], told.finding.severity
        most = len(kind) if whole or len(kind) <= _MOST_ALIKE[severity] + 1 else _MOST_ALIKE[severity]
        if any(told is one for one in islice(kind, most)):
            _add(table, severity, told.text(), list(told.frames), told.finding.reference)
        elif told is kind[most]:
            _add(table, severity, _others(kind[most:]), [], "")
    return table


def once(found: Iterable[Finding]) -> Iterator[Told]:
    """The findings in their order, those with the same words together."""
    by_words: dict[tuple[str, Severity, str], Told] = {}
    for finding in found:
        told = by_words.setdefault((finding.code, finding.severity, finding.text), Told(finding))
        told.frames |= dict.fromkeys(finding.frames)
        told.times += 1
        told.seen += finding.times
    yield from by_words.values()


def _others(kind: Sequence[Told]) -> str:
    """So many more of one kind, and where they are."""
    numbers = list(dict.fromkeys(number for told in kind for number in told.finding.connections))
    named = ", ".join(f"#{number}" for number in numbers[:_MOST_NAMED])
    more = f" and {len(numbers) - _MOST_NAMED:,} more" if len(numbers) > _MOST_NAMED else ""
    where = f" on {named}{more}" if numbers else ""
    seen, whole = sum(told.seen for told in kind), all(told.seen == told.times for told in kind)
    verbose = "-v shows them all" if whole else "-v shows more of them"
    return f"… {seen:,} more of the kind ({kind[0].finding.code}){where}; {verbose}"


def _add(table: Table, severity: Severity, text: str, cited: Sequence[int], reference: str) -> None:
    table.add_row(Text(*MARKS[severity]), _with_evidence(text, cited, reference))


def in_a_line(finding: Finding) -> Text:
    """One finding with its mark, frames and reference."""
    sentence = _with_evidence(finding.text, finding.frames, finding.reference)
    return Text.assemble(MARKS[finding.severity], " ", sentence)


def _with_evidence(text: str, cited: Sequence[int], reference: str) -> Text:
    told = Text(text)
    evidence = ", ".join(part for part in (frames(cited), reference) if part)
    if evidence:
        told.append(f"  [{evidence}]", "quiet")
    return told

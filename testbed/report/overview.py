"""A large capture at a glance: what happened how often, and where to look."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.protocols.text import printable
from testbed.report.trace import MARKS, account, findings
from testbed.report.words import count, octets, span
from testbed.trace.analysis import Analysis
from testbed.trace.kinds.kind import Kind
from testbed.trace.kinds.summary import Summary
from testbed.trace.model import Severity

_MOST_ROWS = 20
_MOST_FINDINGS = 10
_EXAMPLES = 3


@dataclass(slots=True)
class _Row:
    """Connections with the same fate, whatever their packets looked like in detail."""

    kind: Kind
    connections: int = 0
    numbers: list[int] = field(default_factory=list)


def overview(console: Console, analysis: Analysis, summary: Summary) -> None:
    """Print it."""
    console.print(Rule(Text(printable(Path(analysis.path).name), "bold"), align="left", style="quiet"))
    console.print(Text(account(analysis), "quiet"))
    console.print(Text(_totals(summary), "quiet"))
    for problem in analysis.problems:
        console.print(Text(f"▲ {problem}", "warning"))
    if analysis.account:
        console.print()
        console.print(findings(analysis.account[:_MOST_FINDINGS]))
        if len(analysis.account) > _MOST_FINDINGS:
            console.print(Text(f"… and {len(analysis.account) - _MOST_FINDINGS} more such accounts", "quiet"))
    console.print()
    console.print(_findings(summary))
    console.print()
    console.print(_fates(summary))
    text = "--filter finding=CODE, host=… or state=… shows those connections whole; --csv gives a row for each, -v all"
    console.print(Text(text, "quiet"))


def _totals(summary: Summary) -> str:
    rtt = summary.rtt_ns[summary.rtt_ns >= 0]
    parts = [f"{octets(int(summary.client_octets.sum()))} → ← {octets(int(summary.server_octets.sum()))}"]
    parts.append(count(int(summary.retransmissions.sum()), "retransmission"))
    parts.append(count(int(summary.gaps.sum()), "gap"))
    if len(rtt):
        parts.append(f"handshakes {span(int(np.median(rtt)))} (median), {span(int(np.quantile(rtt, 0.99)))} (99 %)")
    return " · ".join(parts)


def _findings(summary: Summary) -> Table:
    """Findings by code, with the connections that have them."""
    connections = np.bincount(summary.kind, minlength=len(summary.kinds))
    total: Counter[tuple[str, Severity]] = Counter()
    kinds: dict[tuple[str, Severity], list[int]] = defaultdict(list)
    for number, kind in enumerate(summary.kinds):
        for finding in dict.fromkeys(kind.findings):
            total[finding] += int(connections[number])
            kinds[finding].append(number)
    table = Table("", "connections", "finding", "for example", box=None, padding=(0, 2, 0, 0), header_style="quiet")
    table.columns[1].justify = "right"
    for finding, times in sorted(total.items(), key=lambda item: (-list(Severity).index(item[0][1]), -item[1])):
        mark, style = MARKS[finding[1]]
        examples = np.flatnonzero(np.isin(summary.kind, kinds[finding]))[:_EXAMPLES] + 1
        table.add_row(Text(mark, style), f"{times:,}", finding[0], _numbers(examples.tolist()))
    if not total:
        table.add_row("", "0", "none: nothing remarkable was found", "")
    return table


def _fates(summary: Summary) -> Table:
    """What happened, the most frequent first."""
    connections = np.bincount(summary.kind, minlength=len(summary.kinds))
    _, first = np.unique(summary.kind, return_index=True)
    rows: dict[tuple[str, str, str, str], _Row] = {}
    for kind, times, number in zip(summary.kinds, connections.tolist(), first.tolist(), strict=True):
        what = " ".join(_shortened(kind.dialogue)) or str(kind.handshake)
        row = rows.setdefault((kind.service or kind.transport, kind.conn_state, kind.closed_by, what), _Row(kind))
        row.connections += times
        row.numbers.append(number + 1)
    table = Table("connections", "service", "state", "what was said", "for example", box=None, padding=(0, 2, 0, 0))
    table.header_style = "quiet"
    table.columns[0].justify = "right"
    table.columns[3].overflow = "fold"
    ordered = sorted(rows.items(), key=lambda item: -item[1].connections)
    for (service, state, _, what), row in ordered[:_MOST_ROWS]:
        worst = max((severity for _, severity in row.kind.findings), key=list(Severity).index, default=None)
        style = MARKS[worst][1] if worst else ""
        table.add_row(f"{row.connections:,}", service, state, Text(what, style), _numbers(sorted(row.numbers)[:1]))
    if len(ordered) > _MOST_ROWS:
        rest = sum(row.connections for _, row in ordered[_MOST_ROWS:])
        table.add_row(f"{rest:,}", "", "", Text(f"in {len(ordered) - _MOST_ROWS} other ways", "quiet"), "")
    return table


def _shortened(dialogue: str) -> Iterator[str]:
    """``RCPT 250 RCPT 250`` as ``RCPT 250 ×2``."""
    words = dialogue.split()
    pairs: list[str] = []
    for word in words:
        if pairs and not word[0].isalpha():
            pairs[-1] += f" {word}"
        else:
            pairs.append(word)
    for pair, times in groupby(pairs):
        number = sum(1 for _ in times)
        yield f"{pair} ×{number}" if number > 1 else pair


def _numbers(numbers: list[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers)

"""A large capture at a glance: what happened how often, and where to look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.durations import span
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.clock import LOCAL, Clock
from testbed.report.findings import MARKS, findings
from testbed.report.trace import head
from testbed.report.words import octets
from testbed.trace.glance.kind import Turn
from testbed.trace.model.finding import Severity
from testbed.trace.totals import EXAMPLES, Tally, Totals

_MOST_ROWS = 20
_MOST_FINDINGS = 10
_LONGEST = 500  # letters of a dialogue shown
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def overview(console: Console, path: str, totals: Totals, clock: Clock = LOCAL) -> None:
    """Print it."""
    console.print(Rule(Text(printable(Path(path).name), "bold"), align="left", style="quiet"))
    head(console, (totals.start_ns, totals.end_ns), clock, _extent(totals))
    console.print(Text(_sums(totals), "quiet"))
    for problem in totals.problems:
        console.print(Text(f"▲ {problem}", "warning"))
    if totals.account:
        console.print()
        console.print(findings(tuple(totals.account[:_MOST_FINDINGS])))
        if more := sum(finding.times for finding in totals.account[_MOST_FINDINGS:]):
            console.print(Text(f"… and {more:,} more such accounts", "quiet"))
    console.print()
    console.print(_findings(totals))
    console.print()
    console.print(_fates(totals))
    text = "--filter finding=CODE, host=… or state=… shows those connections whole, with who sent their mail;"
    text += " --csv gives a row for each, -v all"
    console.print(Text(text, "quiet"))


def _extent(totals: Totals) -> str:
    parts = [span(totals.end_ns - totals.start_ns), count(totals.frames, "frame"), count(totals.tcp, "TCP connection")]
    return " · ".join([*parts, *([count(totals.udp, "UDP flow")] if totals.udp else [])])


def _sums(totals: Totals) -> str:
    parts = [f"{octets(totals.client_octets)} → ← {octets(totals.server_octets)}"]
    parts += [count(totals.retransmissions, "retransmission"), count(totals.gaps, "gap")]
    median, most = totals.round_trip_ns(0.5), totals.round_trip_ns(0.99)
    if median is not None and most is not None:
        parts.append(f"handshakes {span(median)} (median), {span(most)} (99 %)")
    return " · ".join(parts)


def _findings(totals: Totals) -> Table:
    """Findings by code, with the connections that have them."""
    found: dict[tuple[str, Severity], Tally] = {}
    for kind, tally in totals.kinds.items():
        for finding in dict.fromkeys(kind.findings):
            _gather(found.setdefault(finding, Tally()), tally)
    table = Table("", "connections", "finding", "for example", box=None, padding=(0, 2, 0, 0), header_style="quiet")
    table.columns[1].justify = "right"
    worst_first = sorted(found.items(), key=lambda item: (-_RANK[item[0][1]], -item[1].connections))
    for (code, severity), tally in worst_first:
        mark, style = MARKS[severity]
        table.add_row(Text(mark, style), f"{tally.connections:,}", code, _numbers(tally.examples))
    if not found:
        table.add_row("", "0", "none: nothing remarkable was found", "")
    return table


def _fates(totals: Totals) -> Table:
    """What happened, the most frequent first; how the packets looked in detail makes no difference."""
    fates: dict[tuple[str, str, str, str], Tally] = {}
    styles: dict[tuple[str, str, str, str], str] = {}
    for kind, tally in totals.kinds.items():
        what = " ".join(_shortened(kind.dialogue)) or str(kind.handshake)
        fate = (kind.service or kind.transport, kind.conn_state, kind.closed_by, what)
        _gather(fates.setdefault(fate, Tally()), tally)
        worst = max((severity for _, severity in kind.findings), key=_RANK.__getitem__, default=None)
        styles.setdefault(fate, MARKS[worst][1] if worst else "")
    table = Table("connections", "service", "state", "what was said", "for example", box=None, padding=(0, 2, 0, 0))
    table.header_style = "quiet"
    table.columns[0].justify = "right"
    table.columns[3].overflow = "fold"
    ordered = sorted(fates.items(), key=lambda item: -item[1].connections)
    for fate, tally in ordered[:_MOST_ROWS]:
        service, state, _, what = fate
        words = printable(what[:_LONGEST]) + ("…" if len(what) > _LONGEST else "")
        row = (f"{tally.connections:,}", service, state, Text(words, styles[fate]), _numbers(tally.examples[:1]))
        table.add_row(*row)
    if len(ordered) > _MOST_ROWS:
        rest = sum(tally.connections for _, tally in ordered[_MOST_ROWS:])
        ways = count(len(ordered) - _MOST_ROWS, "other way")
        table.add_row(f"{rest:,}", "", "", Text(f"in {ways}", "quiet"), "")
    return table


def _gather(into: Tally, tally: Tally) -> None:
    into.connections += tally.connections
    into.examples = sorted([*into.examples, *tally.examples])[:EXAMPLES]


def _shortened(dialogue: Iterable[Turn]) -> Iterator[str]:
    """``RCPT 250 RCPT 250`` as ``RCPT 250 ×2``."""
    for turn, times in groupby(dialogue):
        number = sum(1 for _ in times)
        yield f"{turn} ×{number}" if number > 1 else str(turn)


def _numbers(numbers: list[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers)

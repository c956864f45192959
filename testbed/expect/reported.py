"""The expectation about reports: who was told what of mail, of one message, of TLS."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.expect.reports import Arrived, distinct, posted, reports
from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.verdict import Verdict
from testbed.plural import count, times
from testbed.protocols import events
from testbed.scenario.reported import ReportedExpected, ReportKind
from testbed.trace.analysis import Analysis
from testbed.trace.model.exchange import Transaction
from testbed.trace.model.log import of

_NOUNS: dict[ReportKind, str] = {
    "aggregate": "aggregate report",
    "failure": "failure report",
    "tls": "TLS report",
}
_SENT: dict[ReportKind, type[events.DmarcReported | events.FailureReported | events.TlsReported]] = {
    "aggregate": events.DmarcReported,
    "failure": events.FailureReported,
    "tls": events.TlsReported,
}


def judge_reported(expected: ReportedExpected, analysis: Analysis) -> Verdict:
    """So many reports with such rows were taken for the mailbox, as the packets carry them."""
    brought = posted(analysis) if expected.uri is not None else reports(analysis, expected.report)
    arrived = [one for one in distinct(list(brought)) if one.reached(expected.reader)]
    of_whom = [one for one in arrived if _is_about(expected, one)]
    fitting = [one for one in of_whom if _fits(expected, one)]
    held = len(fitting) == expected.reports if expected.reports is not None else bool(fitting)
    if fitting or of_whom or arrived:
        shown = fitting or of_whom or arrived
        why = "; ".join(dict.fromkeys(str(one.told) for one in shown))
        why = why if held or not fitting else f"{count(len(fitting), 'such report')}: {why}"
        frames = tuple(one.frames[-1] for one in shown)
    else:
        why = f"no {_NOUNS[expected.report]} arrived"
        frames = tuple(_occasions(expected, analysis))
    verdict = Verdict(_what(expected), held, why, frames, expected.line)
    enough = held and expected.reports is None  # more of them would turn nothing
    too_many = expected.reports is not None and len(fitting) > expected.reports
    if enough or too_many:
        return verdict
    kept = _unseen(expected, analysis)
    if kept:
        return Verdict(_what(expected), True, kept, frames, expected.line, judged=False)
    return unless_sealed(verdict, sealed(analysis))


def _what(expected: ReportedExpected) -> str:
    words = [f"{name} {value}" for name, value in expected.wanted.items()]
    words += [f"count {expected.count}"] if expected.count is not None else []
    what = f"{expected.reader} gets {'an' if expected.report == 'aggregate' else 'a'} {_NOUNS[expected.report]}"
    what += f" on {expected.domain}" if expected.domain else ""
    what += f" from {expected.sender}" if expected.sender else ""
    what += f" with {', '.join(words)}" if words else ""
    return what + (f", {times(expected.reports)}" if expected.reports is not None else "")


def _is_about(expected: ReportedExpected, one: Arrived) -> bool:
    about = expected.domain is None or one.told.domain.lower() == expected.domain.lower()
    return about and expected.sender in (None, one.sender)


def _fits(expected: ReportedExpected, one: Arrived) -> bool:
    if one.told.problem:
        return False
    times = one.told.times(expected.wanted)
    return times > 0 if expected.count is None else times == expected.count


def _unseen(expected: ReportedExpected, analysis: Analysis) -> str:
    """Why a report that was sent crossed no wire: its reader is on the host that sent it."""
    for entry in of(analysis.log, _SENT[expected.report]):
        address = expected.to.lower()
        if address not in map(str.lower, entry.event.recipients):
            continue
        stored = [one for one in of(analysis.log, events.Stored) if one.event.message_id == entry.event.message_id]
        if any(one.host == entry.host and one.event.recipient.lower() == address for one in stored):
            return f"no packet shows the report: {expected.to} is on {entry.host}, which sent it"
    return ""


def _occasions(expected: ReportedExpected, analysis: Analysis) -> Iterator[int]:
    """The messages that a report might have told of."""
    for connection in analysis.connections:
        for one in connection.transactions:
            if expected.domain is None or expected.domain.lower() in _domains(one):
                yield one.frames[-1]


def _domains(transaction: Transaction) -> list[str]:
    addresses = [transaction.sender, *(one.address for one in transaction.recipients)]
    return [address.rpartition("@")[2].lower() for address in addresses]

"""The expectation about notifications: who was told what, and in which form."""

from __future__ import annotations

from testbed.expect.notices import faults, fits, nearest, notices, without_original
from testbed.expect.observed import entries, programs
from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.verdict import Verdict
from testbed.plural import count, times, were
from testbed.protocols import events
from testbed.protocols.report import StatusReport
from testbed.scenario.expectations import Notified
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import LogEntry, of

_UNSEEN = "no packet shows the notification: its reader is on the host that sent it"


def judge_notified(expected: Notified, analysis: Analysis) -> Verdict:
    """The sender was told so often; what went over the wire must be a notification by RFC 3464, from the null path."""
    what = f"{expected.to} gets a '{expected.action}' notification"
    what += f" for {expected.recipient}" if expected.recipient else ""
    what += f" with {expected.status}" if expected.status else ""
    what += f", {times(expected.count)}" if expected.count is not None else ""
    told = [entry for entry in _notifications(analysis, expected) if fits(entry.event.status, expected.status)]
    ids = {entry.event.dsn_id for entry in told}
    arrived = [entry for entry in entries(analysis, events.Stored) if entry.event.message_id in ids]
    frames = tuple(e.frame for e in (*told, *arrived)) or tuple(e.frame for e in _occasions(analysis, expected))
    found = {entry.event.message_id for entry in arrived}
    problems = _problems(expected, analysis, ids)
    if problems:
        red = Verdict(what, False, "; ".join(problems), frames, expected.line)
        return unless_sealed(red, sealed(analysis) if problems == [_UNSEEN] else [])
    held = len(found) == expected.count if expected.count is not None else bool(found)
    why = f"{count(len(found), 'such notification')} arrived"
    why += f", {were(len(ids), 'such notification')} sent" if len(ids) != len(found) else ""
    if held:
        why += without_original(next((notice for notice in notices(analysis) if notice.message_id in ids), None))
    elif not told:
        other, where = nearest(expected, analysis)
        why, frames = other or why, where or frames
    verdict = Verdict(what, held, why, frames, expected.line)
    return verdict if held else unless_sealed(verdict, sealed(analysis, programs(analysis)))


def _notifications(analysis: Analysis, expected: Notified) -> list[LogEntry[events.Fate]]:
    return [
        entry
        for entry in (*entries(analysis, events.Bounced), *entries(analysis, events.Notified))
        if entry.event.sender == expected.to
        and entry.event.action == expected.action
        and expected.recipient in (None, entry.event.recipient)
    ]


_OCCASIONS: dict[str, tuple[type[events.ForRecipient], ...]] = {
    "failed": (events.Bounced, events.Discarded),
    "delayed": (events.Deferred,),
    "delivered": (events.Stored,),
    "relayed": (events.Relayed,),
}


def _occasions(analysis: Analysis, expected: Notified) -> list[LogEntry[events.ForRecipient]]:
    """What somebody might have been told of."""
    return [
        entry
        for kind in _OCCASIONS[expected.action]
        for entry in entries(analysis, kind)
        if expected.recipient in (None, entry.event.recipient)
    ]


def _problems(expected: Notified, analysis: Analysis, ids: set[str]) -> list[str]:
    """What is wrong with these notifications where packets show them; one delivered on its own host shows none."""
    problems = [
        f"{entry.event.message_id}: {entry.event.problems}"
        for entry in of(analysis.log, events.Misreported)
        if entry.event.message_id in ids
    ]
    seen = False
    for notice in notices(analysis) if ids else ():
        if notice.message_id in ids:
            seen = True
            wrong = [*faults(notice, expected.to), *_wrong(expected, notice.report)]
            problems += [one if notice.message_id in one else f"{notice.message_id}: {one}" for one in wrong]
    if ids and not seen and not problems and (expected.envelope_id or expected.original_recipient):
        problems.append(_UNSEEN)
    return problems


def _wrong(expected: Notified, report: StatusReport) -> list[str]:
    matching = [
        fate
        for fate in report.fates
        if fate.action == expected.action
        and fits(fate.status, expected.status)
        and expected.recipient in (None, fate.recipient)
        and expected.original_recipient in (None, fate.original)
    ]
    problems = []
    if not matching and not report.problems:
        said = ", ".join(f"{f.recipient} {f.action} {f.status} {f.original}".strip() for f in report.fates[:5])
        problems.append(f"it says {said or 'nothing'} instead")
    if expected.envelope_id not in (None, report.envelope_id):
        problems.append(f"Original-Envelope-Id is '{report.envelope_id}', not '{expected.envelope_id}'")
    return problems

"""Expectations about messages: delivered, queued, bounced."""

from __future__ import annotations

from collections import Counter
from email import policy
from email.parser import BytesParser

from msgspec.structs import replace

from testbed.durations import format_duration
from testbed.expect.conservation.ended_in_silence import EndedInSilence
from testbed.expect.conservation.listings import Listings
from testbed.expect.conservation.passages import passages
from testbed.expect.conservation.stored import known_again
from testbed.expect.notices import faults, fits, nearest, notices, without_original
from testbed.expect.observed import accepted_by_programs, entries, owed, programs
from testbed.expect.programs_awaited import KEPT_WAITING, ended_badly, starved_ns
from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.verdict import Verdict
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.attachments import attachments
from testbed.protocols.header import named
from testbed.protocols.srs import written_for
from testbed.scenario.expectations import Bounced, Delivered, Queued
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.log import LogEntry, of

_Copies = dict[str, list[LogEntry[events.Stored]]]  # by Message-ID


def judge_delivered(expected: Delivered, analysis: Analysis) -> Verdict:
    """Every matching message sent to the address lies in its mailbox as often as expected, and in time."""
    within = f" within {format_duration(expected.within)}" if expected.within is not None else ""
    copies = "" if expected.copies == 1 else f", {count(expected.copies, 'copy', 'copies')}"
    about = f", with '{expected.subject}' in the subject" if expected.subject is not None else ""
    what = f"delivered to {expected.to}{within}{copies}{about}"

    sent = {
        entry.event.message_id: entry
        for entry in sorted(
            [*of(analysis.log, events.Submitted, events.Accepted), *accepted_by_programs(analysis)],
            key=lambda entry: entry.time_ns,
            reverse=True,  # whoever took it first counts
        )
        if expected.to in entry.event.recipients and expected.sender in (None, entry.event.sender)
    }
    stored: _Copies = {message_id: [] for message_id in sent}
    for copy in entries(_known_again(analysis), events.Stored):
        if expected.to in (copy.event.recipient, copy.event.alias) and expected.sender in (None, copy.event.sender):
            stored.setdefault(copy.event.message_id, []).append(copy)
    if expected.subject is not None:
        stored = _about(expected.subject, stored, analysis)

    frames: list[int] = []
    notes: list[str] = []
    held, in_doubt = bool(stored), False
    if expected.text is not None:
        what += f", with '{expected.text}' in the text"
        without = _without_text(expected.text, {m for m, found in stored.items() if found}, analysis)
        held = held and not without
        notes += [f"'{expected.text}' is not in the text of {message_id}" for message_id in without]
    if expected.attached:
        what += f", with {', '.join(expected.attached)} attached"
        other = _other_attachments(expected.attached, {m for m, found in stored.items() if found}, analysis)
        held = held and not other
        notes += other
    for message_id, found in stored.items():
        frames += [entry.frame for entry in (*([sent[message_id]] if message_id in sent else []), *found)]
        # Mails without a Message-ID are told apart by nothing: so many of them must have arrived together.
        wanted = expected.copies * (1 if message_id else _sent_without_id(expected, analysis))
        if len(found) != wanted:
            held = False
            notes.append(f"{count(len(found), 'copy', 'copies')} of {named(message_id)} arrived, expected {wanted}")
            continue
        for entry in found:
            took = entry.time_ns - sent[message_id].time_ns if message_id in sent else None
            late_ns = (took or 0) - expected.within if expected.within is not None else 0
            late, excused = late_ns > 0, 0 < late_ns <= starved_ns(analysis)
            held, in_doubt = held and (excused or not late), in_doubt or excused
            after = f" after {format_duration(took)}" if took is not None else ""
            notes.append(f"{named(message_id)} arrived{after}" + (", too late" if late else ""))
    nobody = f"nobody sent {'such ' if about else ''}mail to {expected.to}"
    if not stored:
        ended, cited = ended_badly(analysis)
        nobody, frames = nobody + ended, [*frames, *cited]
    why = "; ".join(notes) or ("none arrived, as expected" if stored else nobody)
    if held and in_doubt:
        return Verdict(what, True, why + KEPT_WAITING, tuple(sorted(frames)), expected.line, judged=False)
    verdict = Verdict(what, held, why, tuple(sorted(frames)), expected.line)
    inside = expected.text is not None or expected.attached
    return verdict if held else unless_sealed(verdict, sealed(analysis, None if inside else programs(analysis)))


def _known_again(analysis: Analysis) -> Analysis:
    """The trace, in which what programs have stored is known by its body where they have taken its Message-ID away."""
    if not programs(analysis):
        return analysis
    return replace(analysis, log=known_again(analysis, passages(analysis)))


def _sent_without_id(expected: Delivered, analysis: Analysis) -> int:
    """How many messages without a Message-ID were sent to the address, as the host says that took most of them."""
    taken = Counter(
        (entry.host, type(entry.event))
        for entry in entries(analysis, events.ForRecipients)
        if not entry.event.message_id
        and expected.to in entry.event.recipients
        and expected.sender in (None, entry.event.sender)
        and isinstance(entry.event, events.Submitted | events.Accepted)
    )
    return max(taken.values(), default=1)


def _about(subject: str, stored: _Copies, analysis: Analysis) -> _Copies:
    """The messages with these words in their subject, as a mailbox or else packets have it, or in one unknown."""
    carried = {t.message_id: t.subject for c in analysis.connections for t in c.transactions if t.subject}

    def fits(message_id: str, found: list[LogEntry[events.Stored]]) -> bool:
        subjects = [entry.event.subject for entry in found] or [carried.get(message_id, subject)]
        return any(subject in one for one in subjects)

    return {message_id: found for message_id, found in stored.items() if fits(message_id, found)}


def _without_text(text: str, message_ids: set[str], analysis: Analysis) -> list[str]:
    """The messages whose text, where packets carried them last, does not hold these words."""
    last = _last_carried(analysis)
    return sorted(message_id for message_id in message_ids if text not in _text_of(last.get(message_id, b"")))


def _other_attachments(names: tuple[str, ...], message_ids: set[str], analysis: Analysis) -> list[str]:
    """A sentence for each message that has other attachments where packets carried it last."""
    last, found = _last_carried(analysis), []
    for message_id in sorted(message_ids):
        carried = tuple(file.name for file in attachments(last.get(message_id, b"")))
        if carried != names:
            found.append(f"{message_id} has {', '.join(carried) or 'nothing'} attached")
    return found


def _last_carried(analysis: Analysis) -> dict[str, bytes]:
    """Every message as the packets carried it last on its way to a server, by its Message-ID."""
    opened = analysis.understanding.decrypted.flows
    return {mail.message_id: mail.octets for mail in mail_objects(analysis, opened) if mail.direction == "to server"}


def _text_of(octets: bytes) -> str:
    body = BytesParser(policy=policy.default).parsebytes(octets).get_body(("plain",))
    try:
        return str(body.get_content()) if body is not None else ""
    except (LookupError, UnicodeError):
        return ""


def judge_queued(expected: Queued, analysis: Analysis) -> Verdict:
    """The queue of a host still holds the recipient when the scenario ends."""
    whom = f" for {expected.to}" if expected.to else ""
    many = f": {count(expected.count, 'recipient')}" if expected.count is not None else ""
    what = f"queued at {expected.at}{whom}{many}"
    if expected.at in programs(analysis):
        return _owed_by_program(expected, analysis, what)
    held = [
        entry
        for entry in entries(analysis, events.HoldsQueue, expected.at)
        if expected.to in (None, entry.event.recipient)
    ]
    taken = [
        entry
        for entry in entries(analysis, events.Accepted, expected.at)
        if expected.to is None or expected.to in entry.event.recipients
    ]
    right = len(held) == expected.count if expected.count is not None else bool(held)
    why = f"the queue of {expected.at} holds mail for {count(len(held), 'recipient')}"
    return Verdict(what, right, why, tuple(entry.frame for entry in held or taken), expected.line)


def _owed_by_program(expected: Queued, analysis: Analysis, what: str) -> Verdict:
    """What a program took and has not got rid of is in its queue, or lost; unless it lists all it has, and not that."""
    carried = passages(analysis)
    silence = EndedInSilence(analysis, carried)
    ended = {
        (promise.message_id, promise.recipient)
        for promise in carried
        if promise.server == expected.at and (silence.silent(promise) or silence.notices(promise))
    }
    mine = [
        one
        for one in owed(analysis, expected.at)
        if (expected.to is None or one[1] == expected.to.lower()) and one[:2] not in ended
    ]
    says = f"as its packets show, {expected.at}, a program, still owes mail to"
    if Listings(analysis.log).is_complete(expected.at):
        says = f"of the mail that {expected.at}, a program, still owes as its packets show, its queue lists"
        listed = {e.event.recipient.lower() for e in of(analysis.log, events.HoldsListed) if e.host == expected.at}
        mine = [one for one in mine if one[1] in listed]
    right = len(mine) == expected.count if expected.count is not None else bool(mine)
    why = f"{says} {count(len(mine), 'recipient')}"
    taken = [
        transaction.message.frames[-1]
        for connection in analysis.connections
        if connection.server.label == expected.at
        for transaction in connection.transactions
        if transaction.message is not None
        and any(r.accepted and expected.to in (None, r.address) for r in transaction.recipients)
    ]
    verdict = Verdict(what, right, why, tuple(frame for *_, frame in mine) or tuple(taken), expected.line)
    return unless_sealed(verdict, sealed(analysis, [expected.at]))


def judge_bounced(expected: Bounced, analysis: Analysis) -> Verdict:
    """A delivery status notification went back to the sender, and arrived."""
    status = f" with {expected.status}" if expected.status else ""
    whom = f" for {expected.recipient}" if expected.recipient else ""
    what = f"bounced to {expected.to}{whom}{status}"
    bounces = [
        entry
        for entry in entries(analysis, events.Bounced)
        if written_for(entry.event.sender) == expected.to and expected.recipient in (None, entry.event.recipient)
    ]
    matching = [e for e in bounces if fits(e.event.status, expected.status)]
    if not matching:
        other, frames = nearest(expected, analysis)
        none = Verdict(what, False, other or f"no notification was sent to {expected.to}", frames, expected.line)
        return none if frames else unless_sealed(none, sealed(analysis, programs(analysis)))
    dsn_ids = {entry.event.dsn_id for entry in matching}
    arrived = [entry for entry in entries(analysis, events.Stored) if entry.event.message_id in dsn_ids]
    frames = tuple(entry.frame for entry in (*matching, *arrived))
    if not arrived:
        return Verdict(what, False, "the notification was sent but did not arrive", frames, expected.line)
    sent = next((notice for notice in notices(analysis) if notice.message_id in dsn_ids), None)
    if sent is not None and sent.sender:
        return Verdict(what, False, faults(sent, expected.to)[0], frames, expected.line)
    form = [entry.event.problems for entry in of(analysis.log, events.Misreported) if entry.event.message_id in dsn_ids]
    form += faults(sent, expected.to) if sent is not None else []
    why = f"{arrived[0].event.message_id} arrived" + (f", but it is malformed: {'; '.join(form)}" if form else "")
    return Verdict(what, True, why + without_original(sent), frames, expected.line)

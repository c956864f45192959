"""The expectation about what lies in a mailbox at the end."""

from __future__ import annotations

from hashlib import sha256

from testbed.expect.mail import entries
from testbed.expect.verdict import Verdict
from testbed.protocols.events import Event
from testbed.scenario.expectations import MailboxExpected
from testbed.scenario.talk import octets_of
from testbed.trace.analysis import Analysis


def judge_mailbox(expected: MailboxExpected, analysis: Analysis) -> Verdict:
    """So many messages lie in the mailbox, and the body of each came through octet by octet.

    What somebody asked to have put in is evidence too: so a mailbox that stays empty shows something.
    """
    parts = [f"{expected.messages} messages"] if expected.messages is not None else []
    parts += ["their bodies as written"] if expected.body is not None else []
    where = "mailbox" if expected.folder == "INBOX" else f"folder {expected.folder}"
    what = f"{where} of {expected.of}: {', '.join(parts)}"
    held = entries(analysis, Event.HOLDS_MAIL, recipient=expected.of, folder=expected.folder)
    stored = entries(analysis, Event.STORED, recipient=expected.of)
    asked = tuple(
        frame
        for connection in analysis.connections
        for transaction in connection.transactions
        if any(recipient.address.lower() == expected.of.lower() for recipient in transaction.recipients)
        for frame in transaction.frames[-1:]
    )
    differences = []
    if expected.messages is not None and len(held) != expected.messages:
        differences.append(f"{len(held)} lie in it")
    if expected.body is not None:
        digest = sha256(octets_of(expected.body)).hexdigest()
        others = [entry for entry in stored if entry.fields.get("body_sha256") != digest]
        differences += [f"the body of {entry.fields.get('message_id') or 'one'} differs" for entry in others]
        differences += [] if stored else ["nothing was put into it"]
    why = "; ".join(differences) or f"{len(held)} lie in it, as expected"
    by_readers = [e for event in (Event.FILED, Event.DELETED) for e in entries(analysis, event, recipient=expected.of)]
    tried = entries(analysis, Event.SUBMISSION_FAILED, recipients=expected.of)
    told = tuple(entry.frame for entry in (*stored, *held, *by_readers, *tried))
    return Verdict(what, not differences, why, (*asked, *told), expected.line)

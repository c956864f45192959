"""The expectation about what lies in a mailbox at the end."""

from __future__ import annotations

from hashlib import sha256

from testbed.expect.observed import entries
from testbed.expect.verdict import Verdict
from testbed.plural import count
from testbed.protocols import events
from testbed.scenario.expectations import MailboxExpected
from testbed.scenario.octets import octets_of
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of


def judge_mailbox(expected: MailboxExpected, analysis: Analysis) -> Verdict:
    """So many messages lie in the mailbox, and the body of each came through octet by octet.

    What somebody asked to have put in is evidence too: so a mailbox that stays empty shows something.
    """
    parts = [count(expected.messages, "message")] if expected.messages is not None else []
    parts += ["bodies as written"] if expected.body is not None else []
    where = "mailbox" if expected.folder == "INBOX" else f"folder {expected.folder}"
    what = f"{where} of {expected.of}: {', '.join(parts)}"
    mine = [entry for entry in of(analysis.log, events.ForRecipient) if entry.event.recipient == expected.of]
    held = [entry for entry in of(mine, events.HoldsMail) if entry.event.folder == expected.folder]
    stored = [entry for entry in entries(analysis, events.Stored) if entry.event.recipient == expected.of]
    asked = tuple(
        frame
        for connection in analysis.connections
        for transaction in connection.transactions
        if any(recipient.address.lower() == expected.of.lower() for recipient in transaction.recipients)
        for frame in transaction.frames[-1:]
    )
    holds = f"it holds {count(len(held), 'message')}"
    differences = []
    if expected.messages is not None and len(held) != expected.messages:
        differences.append(holds)
    if expected.body is not None:
        digest = sha256(octets_of(expected.body)).hexdigest()
        others = [entry for entry in stored if entry.event.body_sha256 != digest]
        differences += [f"the body of {entry.event.message_id or 'one'} differs" for entry in others]
        differences += [] if stored else ["nothing was put into it"]
    why = "; ".join(differences) or f"{holds}, as expected"
    by_readers = [*of(mine, events.Filed), *of(mine, events.Deleted)]
    tried = [entry for entry in of(analysis.log, events.SubmissionFailed) if expected.of in entry.event.recipients]
    told = tuple(entry.frame for entry in (*stored, *held, *by_readers, *tried))
    return Verdict(what, not differences, why, (*asked, *told), expected.line)

"""Mail put where the owner of a mailbox wants it: what Sieve does (RFC 5228; 5429 reject, 5230 vacation).

The first rule that matches decides, as if Sieve's ``stop`` stood behind it; only ``vacation`` lets the next ones
decide.  Where none does, the message is kept.
"""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses, parseaddr

from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.mailboxes.mailbox import INBOX
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.queue.dsn import Report
from testbed.hosts.queue.notifications import Subject
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.header import header_field
from testbed.scenario.rules import Rule

JUNK = "Junk"  # as mail programs call it (RFC 6154 §2)
_PAUSE_S = 7 * 86_400.0  # between two answers to one sender (RFC 5230 §4.1)
_NO_PERSONS = re.compile(
    r"(mailer-daemon|listserv|majordomo|noreply|no-reply)@|owner-[^@]*@|[^@]*-(request|owner)@", re.I
)


class Sorter:
    """Delivers to the mailboxes of one host by their owners' rules."""

    def __init__(self, site: Site, post_office: PostOffice, runner: QueueRunner) -> None:
        self._site = site
        self._post_office = post_office
        self._runner = runner
        self._answered: dict[tuple[str, str], float] = {}
        self._taken = 0

    def deliver(self, recipient: EnvelopeRecipient, message: bytes, subject: Subject, *, junk: bool = False) -> bool:
        """Do with a message what the recipient wants; whether it lies in the mailbox now.

        Where no rule decides, ``junk`` goes into the folder of that name, if there is one.
        """
        self._taken += 1
        for rule in self._post_office.rules(recipient.address):
            if not _matches(rule, recipient.address, message):
                continue
            if rule.action == "vacation":
                self._answer(rule, recipient.address, message, subject.sender)
                continue
            self._log(rule, recipient.address, subject)
            match rule.action:
                case "discard":
                    return False
                case "redirect":
                    self._redirect(rule, recipient, message, subject)
                    return False
                case "reject":
                    self._reject(rule, recipient, subject)
                    return False
                case _:
                    folder = rule.fileinto or INBOX
                    self._post_office.store(recipient.address, message, sender=subject.sender, folder=folder)
                    return True
        folder = JUNK if junk and self._post_office.has_folder(recipient.address, JUNK) else INBOX
        self._post_office.store(recipient.address, message, sender=subject.sender, folder=folder)
        return True

    def _redirect(self, rule: Rule, recipient: EnvelopeRecipient, message: bytes, subject: Subject) -> None:
        """The reverse-path stays (RFC 5228 §4.2); a loop ends where Received fields are too many."""
        target = rule.redirect or ""
        queued = self._runner.enqueue(Envelope(subject.sender, (EnvelopeRecipient(target),)), message)
        self._site.log(
            events.Forwarded(
                queue_id=queued.queue_id, message_id=subject.message_id, recipient=recipient.address, target=target
            ),
            f"{queued.queue_id}: mail for <{recipient.address}> goes on to <{target}>",
        )

    def _reject(self, rule: Rule, recipient: EnvelopeRecipient, subject: Subject) -> None:
        """Told in a notification, unless the message is one itself (RFC 5429 §2.1.1)."""
        reason = rule.reject or ""
        report = Report(recipient.address, "5.7.1", reason, orcpt=recipient.parameters.orcpt)
        told = [report] if recipient.parameters.wants("FAILURE") else []
        dsn_id = self._runner.notifier.tell("failed", subject, told, self._taken)
        self._site.log(
            (events.Bounced if dsn_id else events.Discarded)(
                message_id=subject.message_id,
                recipient=recipient.address,
                status=report.status,
                dsn_id=dsn_id,
                sender=subject.sender,
            ),
            f"mail for <{recipient.address}> is rejected: {reason}",
        )

    def _answer(self, rule: Rule, recipient: str, message: bytes, sender: str) -> None:
        now, key = self._site.now(), (recipient.lower(), sender.lower())
        if not wants_answer(sender, recipient, message) or now - self._answered.get(key, -_PAUSE_S) < _PAUSE_S:
            return
        self._answered[key] = now
        message_id = f"<vacation-{self._taken}@{self._site.name}>"
        answer = vacation(rule.vacation or "", recipient, sender, message, message_id, self._site.date())
        self._runner.send(Envelope("", (EnvelopeRecipient(sender),)), answer)
        self._site.log(
            events.AnsweredFor(
                message_id=header_field(message, "Message-ID"), recipient=recipient, sender=sender, answer_id=message_id
            ),
            f"{sender} gets {message_id}, which says that <{recipient}> is away",
        )

    def _log(self, rule: Rule, recipient: str, subject: Subject) -> None:
        self._site.log(
            events.Sorted(message_id=subject.message_id, recipient=recipient, action=rule.action),
            f"a rule of <{recipient}> says {rule.action} of {subject.message_id}",
        )


def wants_answer(sender: str, recipient: str, message: bytes) -> bool:
    """Whether an automatic answer may be sent: to a person who has written to the recipient.

    Never to the null path, to mailing lists and other programs, or to what is an automatic answer itself (RFC 3834 §2,
    RFC 5230 §4.5, §4.6).
    """
    if not sender or _NO_PERSONS.match(sender):
        return False
    if header_field(message, "Auto-Submitted").lower() not in ("", "no"):
        return False
    if header_field(message, "Precedence").lower() in ("bulk", "list", "junk"):
        return False
    if any(header_field(message, name) for name in ("List-Id", "List-Unsubscribe", "List-Post", "X-Loop")):
        return False
    named = getaddresses([header_field(message, "To"), header_field(message, "Cc")])
    return recipient.lower() in (address.lower() for _, address in named)


def vacation(text: str, recipient: str, sender: str, message: bytes, message_id: str, date: str) -> bytes:
    """The answer (RFC 5230 §5)."""
    answer = EmailMessage(policy=SMTP)
    answer["From"] = recipient
    answer["To"] = sender
    answer["Subject"] = f"Auto: {header_field(message, 'Subject')}"[:200]
    answer["Date"] = date
    answer["Message-ID"] = message_id
    if about := header_field(message, "Message-ID"):
        answer["In-Reply-To"] = about
        answer["References"] = about
    answer["Auto-Submitted"] = "auto-replied"
    answer.set_content(text + "\n")
    return answer.as_bytes()


def _matches(rule: Rule, recipient: str, message: bytes) -> bool:
    tests = (
        (rule.from_, parseaddr(header_field(message, "From"))[1]),
        (rule.to, recipient),
        (rule.subject, header_field(message, "Subject")),
    )
    return all(pattern is None or fits_pattern(pattern, value) for pattern, value in tests)


def fits_pattern(pattern: str, text: str) -> bool:
    """Sieve's ``:matches`` (RFC 5228 §2.7.1), in steps that grow with pattern times text and no faster."""
    pattern, text = pattern.lower(), text.lower()
    at = place = begun = 0
    star = -1
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, begun = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at, place = at + 1, place + 1
        elif star >= 0:  # the last star takes one character more
            begun += 1
            at, place = star + 1, begun
        else:
            return False
    return not pattern[at:].strip("*")

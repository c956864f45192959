"""What should have happened, for each thing that always holds: a row a verdict, with the RFC that says so."""

from __future__ import annotations

import re

from msgspec import Struct

_RFC = re.compile(r" \((RFC [^()]*)\)$")


class Promise(Struct, frozen=True):
    """``name`` begins a file's name, ``broken`` is the beginning of a title, ``kept`` what should have happened."""

    name: str
    broken: str
    kept: str
    rfc: str


def promise(what: str) -> Promise:
    """What was promised by what always holds; in the verdict's own words where no row knows better."""
    if (row := PROMISES.get(what)) is not None:
        return Promise(*row)
    rfc = _RFC.search(what)
    words = _RFC.sub("", what)
    return Promise("broken", "A rule is broken", words[:1].upper() + words[1:] + ".", rfc[1] if rfc else "")


_SENT_AGAIN = (
    "sent-again",
    "Mail is sent again after its 250",
    "A client that got a 250 to the final dot has handed the message over, and forgets it.",
    "RFC 5321 §6.1, §4.2.5",
)

PROMISES: dict[str, tuple[str, str, str, str]] = {
    "no mail is lost (RFC 5321 §6.1)": (
        "lost-message",
        "Mail is lost",
        "A server that answered 250 is responsible for the message: it arrives, or its sender gets a notification.",
        "RFC 5321 §6.1, §4.2.5",
    ),
    "no mail is duplicated without cause (RFC 1047)": (
        "doubled-message",
        "Mail comes twice",
        "A message lies in its mailbox once. A second copy is right only where the reply to the final dot was lost.",
        "RFC 1047, RFC 5321 §4.5.3.2.6",
    ),
    "no mail is sent again by who did not wait for its 250 (RFC 5321 §4.5.3.2.6)": (
        "sent-again-unanswered",
        "Mail is sent again by who did not wait",
        "A client waits ten minutes for the reply to the final dot. One that leaves sooner sends accepted mail again.",
        "RFC 5321 §4.5.3.2.6",
    ),
    "no relay sends again what it has heard the 250 for (RFC 5321 §6.1)": _SENT_AGAIN,
    "no client sends again what it has heard the 250 for (RFC 5321 §6.1)": _SENT_AGAIN,
    "no mail is kept that was refused (RFC 5321 §4.2.1)": (
        "kept-though-refused",
        "Mail is kept that was refused",
        "After a 4yz or 5yz the server has not taken the message. Its client tries again, or tells the sender.",
        "RFC 5321 §4.2.1, §4.2.5",
    ),
    "mail goes to nobody whom it was not sent to": (
        "astray",
        "Mail goes to somebody it was not sent to",
        "A message goes to the recipients of its envelope, and to nobody else.",
        "RFC 5321 §3.3",
    ),
    "no mail is altered": (
        "altered",
        "Mail is altered",
        "A message arrives as it was sent. Servers add trace fields on top, and change nothing else.",
        "RFC 5321 §2.3.1, §4.4",
    ),
    "only CRLF.CRLF ends mail data": (
        "data-ended-early",
        "Mail data end before their end",
        "Only a line with nothing but a dot ends mail data, and lines end with CRLF. All else is part of the message.",
        "RFC 5321 §4.1.1.4, §2.3.8",
    ),
    "no mail is given up after a first temporary refusal (RFC 5321 §4.5.4.1)": (
        "given-up-at-once",
        "Mail is given up after one temporary refusal",
        "Mail that is refused for now stays in the queue and is tried again, for four to five days.",
        "RFC 5321 §4.5.4.1, §4.2.1",
    ),
    "no mail is given up before its time (RFC 5321 §4.5.4.1)": (
        "given-up-too-soon",
        "Mail is given up before its time",
        "Mail that is refused for now is tried again for as long as its server is set to, usually four to five days.",
        "RFC 5321 §4.5.4.1",
    ),
    "letters are sent as they were written (RFC 5321 §4.5.2)": (
        "letter-changed",
        "A letter is not sent as it was written",
        "A client doubles the dot at the beginning of a line, so that the server can take it away again.",
        "RFC 5321 §4.5.2",
    ),
    "no message is sent to recipients who were all refused (RFC 5321 §3.3)": (
        "sent-to-nobody",
        "A message is sent although all its recipients were refused",
        "A client whose recipients were all refused sends no DATA, or nothing in it.",
        "RFC 5321 §3.3, RFC 2920 §3.1",
    ),
    "mail does not go in circles forever (RFC 5321 §6.3)": (
        "loop",
        "Mail goes in circles",
        "A server counts Received fields, and refuses a message that has too many.",
        "RFC 5321 §6.3",
    ),
    "mail from the null path is neither bounced nor answered (RFC 5321 §6.1, RFC 3834 §2)": (
        "null-path-answered",
        "A notification is answered",
        "Nobody gets a notification about mail from the null path, and no program answers it.",
        "RFC 5321 §6.1, §4.5.5, RFC 3834 §2",
    ),
    "no mail server passes on strangers' mail to other domains (RFC 2505 §2.1)": (
        "open-relay",
        "Strangers' mail is passed on",
        "A mail server takes mail for its own domain, and from its own users.",
        "RFC 2505 §2.1, RFC 5321 §7.9",
    ),
    "no mail goes in clear where TLS is required": (
        "sent-in-clear",
        "Mail goes in clear",
        "Where TLS is required and cannot be had, mail waits and passwords are not said.",
        "RFC 8314 §3, RFC 8689 §4.2.1",
    ),
    "no mail is tried again after a permanent refusal (RFC 5321 §4.2.1)": (
        "tried-after-5yz",
        "Mail is tried again after a permanent refusal",
        "After a 5yz reply a client does not repeat the request. It tells the sender.",
        "RFC 5321 §4.2.1",
    ),
    "mail that is refused for now is not tried again at once (RFC 5321 §4.5.4.1)": (
        "tried-at-once",
        "Mail is tried again at once",
        "A client that got a temporary refusal waits before the next try, as a rule at least half an hour.",
        "RFC 5321 §4.5.4.1",
    ),
    "a client's exit status tells whether its mail was taken": (
        "status-misleads",
        "A client's exit status misleads",
        "A client without a queue ends with 0 when all its mail was taken, and otherwise with another status.",
        "",
    ),
    "programs that play servers listen": (
        "never-listens",
        "A server does not listen",
        "A mail server listens on its port until it is asked to end.",
        "",
    ),
    "programs that play servers answer": (
        "no-answer",
        "A server gives no answer",
        "A server answers in the time for which its client must wait, five minutes or ten after the final dot.",
        "RFC 5321 §4.5.3.2",
    ),
    "programs that play servers keep running": (
        "server-ends",
        "A server ends by itself",
        "A mail server runs until it is asked to end, whatever its clients and peers do.",
        "RFC 5321 §6.1",
    ),
    "programs end when asked to": (
        "heeds-no-sigterm",
        "A server does not end when asked to",
        "A server that is sent SIGTERM ends, with all it has promised on disk.",
        "",
    ),
    "programs take no more than they may": (
        "takes-too-much",
        "A server takes more memory than it may",
        "A server keeps within bounds, whatever it is sent.",
        "",
    ),
    "mailboxes keep what nobody has deleted (RFC 1939 §6, RFC 9051 §6.4.3)": (
        "mailbox-loses",
        "A mailbox loses mail",
        "A message stays in its mailbox until its owner has deleted it.",
        "RFC 1939 §6, RFC 9051 §6.4.3",
    ),
    "readers get what was sent to them (RFC 1939 §5, RFC 9051 §2.3)": (
        "reader-given-other",
        "A reader gets something other than what was sent",
        "A reader gets each message as it was delivered, at every look.",
        "RFC 1939 §5, RFC 9051 §2.3",
    ),
}
"""By what a verdict says must hold."""

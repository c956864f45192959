"""Programs of the user's as user agents, relay, mailbox server and name server."""

from __future__ import annotations

import contextlib

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.lab import program_step
from tests.lab.catalogue.breaks import never_gives_up, stores_nothing
from tests.lab.catalogue.group import Break
from tests.lab.catalogue.tls_breaks import lets_nobody_in


def programs_speak_from_nowhere(patch: pytest.MonkeyPatch) -> None:
    """Programs whose packets do not come from the host they run on."""
    patch.setattr(program_step, "speaking_as", lambda addresses, rto_min_ms: contextlib.nullcontext())


def servers_never_fail(patch: pytest.MonkeyPatch) -> None:
    """Servers that do not do what a fault says."""
    patch.setattr(DialogueScript, "take", lambda self, stage, recipient="", connection=1, sender="": None)


def knows_everybody(patch: pytest.MonkeyPatch) -> None:
    """A receiver that puts off mail for users it does not have."""
    patch.setattr(PostOffice, "refusal", lambda self, recipient: "450 4.2.1 Later")


FINDINGS = {
    "dovecot-reads-our-maildirs-imap": "credentials-in-clear",
    "dovecot-reads-our-maildirs-pop3": "credentials-in-clear",
    "msmtp-is-put-off": "delivery-retried no-quit refused-for-now",
    "msmtp-submits": "",
    "swaks-against-postfix": "delivery-retried refused-for-now",
    "own-name-server": "domain-unknown",
    "own-relay": "delivery-retried refused-for-now",
    "curl-tries-again": "delivery-retried refused-for-now",
    "program-is-refused": "user-unknown",
    "program-out-of-time": "no-reply",
    "python-submits": "",
    "swaks-submits-25": "",
    "swaks-submits-587": "",
}

GUARDS: dict[str, Break] = {
    "dovecot-reads-our-maildirs": stores_nothing,
    "msmtp-is-put-off": servers_never_fail,
    "msmtp-submits": lets_nobody_in,
    "swaks-against-postfix": servers_never_fail,
    "own-name-server": never_gives_up,
    "own-relay": servers_never_fail,
    "curl-tries-again": servers_never_fail,
    "program-is-refused": knows_everybody,
    "program-out-of-time": servers_never_fail,
    "python-submits": programs_speak_from_nowhere,
    "swaks-submits": programs_speak_from_nowhere,
}

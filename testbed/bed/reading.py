"""The mail in a lab's mailboxes, read as anybody would who has the password."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from testbed.errors import LabError, UsageError
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.problems import did_you_mean
from testbed.scenario.readers import mailbox_hosts
from testbed.scenario.scenario import Scenario

_TIMEOUT_S = 30.0

Where = Callable[[str, int | str], tuple[str, int]]


def read_mailbox(scenario: Scenario, mailbox: str, folder: str, where: Where) -> list[bytes]:
    """The octets of every message, oldest first; by POP3, and by IMAP what lies in a folder.

    Raises UsageError and LabError.  ``where`` tells the address and port of a host's service.
    """
    owned = mailbox_hosts(scenario)
    if mailbox not in owned:
        raise UsageError(f"no host has the mailbox {mailbox[:100]}{did_you_mean(mailbox, owned)}")
    name = owned[mailbox]
    host, user = scenario.hosts[name], mailbox.partition("@")[0]
    assert isinstance(host, MailHostSpec)
    password = host.mailboxes[user].password_to_read
    by_pop3 = folder == "INBOX" and (host.serves is None or "pop3" in host.serves)
    try:
        found = _by_pop3(where(name, "pop3"), user, password) if by_pop3 else None
        return _by_imap(where(name, "imap"), user, password, folder) if found is None else found
    except (OSError, EOFError, poplib.error_proto, imaplib.IMAP4.error) as error:
        raise LabError(f"the mailbox {mailbox} cannot be read: {_words(error)}") from error


def _by_pop3(address: tuple[str, int], user: str, password: str) -> list[bytes]:
    client = poplib.POP3(*address, timeout=_TIMEOUT_S)
    try:
        client.user(user)
        client.pass_(password)
        count = client.stat()[0]
        return [b"\r\n".join(client.retr(number)[1]) + b"\r\n" for number in range(1, count + 1)]
    finally:
        with contextlib.suppress(OSError, EOFError, poplib.error_proto):
            client.quit()


def _by_imap(address: tuple[str, int], user: str, password: str, folder: str) -> list[bytes]:
    with imaplib.IMAP4(*address, timeout=_TIMEOUT_S) as client:
        client.login(user, password)
        quoted = folder.replace("\\", "\\\\").replace('"', '\\"')
        status, said = client.select(f'"{quoted}"', readonly=True)
        if status != "OK":
            raise imaplib.IMAP4.error(said[0] or b"there is no such folder")
        _, parts = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return [part[1] for part in parts if isinstance(part, tuple)]


def parsed(octets: bytes) -> EmailMessage:
    """A message, as the email package has it."""
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(octets)


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else type(error).__name__
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)

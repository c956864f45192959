"""Which dialogue reads which service."""

from __future__ import annotations

from collections.abc import Callable

from testbed.redact.dialogues.dialogue import Dialogue, Tools
from testbed.redact.dialogues.http import Http
from testbed.redact.dialogues.imap import Imap, ManageSieve
from testbed.redact.dialogues.pop3 import Pop3
from testbed.redact.dialogues.smtp import Smtp
from testbed.redact.dialogues.unknown import Unknown

_DIALOGUES: dict[str, Callable[[Tools], Dialogue]] = {
    "smtp": Smtp,
    "lmtp": Smtp,
    "pop3": Pop3,
    "imap": Imap,
    "managesieve": ManageSieve,
    "http": Http,
}


def dialogue_of(service: str, tools: Tools) -> Dialogue:
    """A new dialogue of a service by its first name; one that replaces everything for any other."""
    return _DIALOGUES.get(service, Unknown)(tools)

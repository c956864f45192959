"""Entries of hosts' logs: times and hosts, and sentences in which nobody is named; all other fields are left out.

Of a lab's own entries the fields are known, so each is replaced as what it is; the scenario's text is left out.
"""

from __future__ import annotations

from testbed.pcap.capture import JournalEntry
from testbed.redact.texts import Texts

_KEPT = frozenset(
    ("__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "PRIORITY", "TESTBED_TIME_NS", "TESTBED_EVENT", "SYSLOG_FACILITY",
     "TESTBED_VERSION", "TESTBED_SEED")
)  # fmt: skip
_OURS = "TESTBED_"
_NAMES = frozenset(
    ("_HOSTNAME", "TESTBED_SUBJECT", "TESTBED_MAILBOX", "TESTBED_MAILBOXES", "TESTBED_RECIPIENT", "TESTBED_RECIPIENTS",
     "TESTBED_SENDER", "TESTBED_MESSAGE_ID", "TESTBED_FILE", "TESTBED_FOLDER")
)  # fmt: skip
_SENTENCES = frozenset(("MESSAGE", "SYSLOG_IDENTIFIER"))
_LEFT_OUT = frozenset(("TESTBED_SCENARIO", "TESTBED_PACKET", "TESTBED_COMMAND", "TESTBED_FAULT"))


def journal(entry: JournalEntry, texts: Texts) -> JournalEntry:
    """The entry without what identifies anybody."""
    fields = ((name, _value(name, value, texts)) for name, value in entry.fields.items())
    return JournalEntry(entry.frame, {name: value for name, value in fields if value is not None})


def _value(name: str, value: str, texts: Texts) -> str | None:
    if name in _KEPT:
        return value
    if name in _LEFT_OUT:
        return ""
    octets = value.encode("utf-8", "surrogatepass")
    if name in _NAMES:
        return texts.names(octets).decode("utf-8", "replace")
    if name in _SENTENCES or name.startswith(_OURS):
        return texts.sentence(octets).decode("utf-8", "replace")
    return None

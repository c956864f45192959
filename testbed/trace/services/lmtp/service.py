"""LMTP as a service (RFC 2033): SMTP begun with LHLO, whose messages are answered once for each recipient."""

from __future__ import annotations

import re
from functools import partial

from msgspec.structs import replace

from testbed.trace.services.lmtp.findings import unanswered_recipients
from testbed.trace.services.service import Port
from testbed.trace.services.smtp.resumed import ResumedDialogue
from testbed.trace.services.smtp.service import SMTP

_COMMAND = re.compile(rb"(?i)LHLO[ \t]*[^\r\n]")
_OF_SMTP = re.compile(rb"(?i)(?:EHLO|HELO)[ \t]*[^\r\n]")
_GREETING = re.compile(rb"(?i)220[ -][^\r\n]*\bLMTP\b")


def _recognises(client: bytes, server: bytes) -> bool:
    if _COMMAND.match(client) is not None:
        return not server or server[:1] in b"245"
    return _GREETING.match(server) is not None and _OF_SMTP.match(client) is None


def _contradicted(client: bytes, server: bytes) -> bool:
    return _OF_SMTP.match(client) is not None


LMTP = replace(
    SMTP,
    names=("lmtp",),
    ports=(Port(24, "lmtp"), Port(2003, "lmtp")),
    openings=(b"LHLO",),
    recognises=_recognises,
    contradicted=_contradicted,
    port_decides=True,
    stream=partial(ResumedDialogue, each=True),
    findings=(*SMTP.findings, unanswered_recipients),
    in_columns=False,
)

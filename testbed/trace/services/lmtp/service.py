"""LMTP as a service (RFC 2033): SMTP begun with LHLO, whose messages are answered once for each recipient."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from testbed.trace.services.lmtp.findings import unanswered_recipients
from testbed.trace.services.service import Port
from testbed.trace.services.smtp.resumed import ResumedDialogue
from testbed.trace.services.smtp.service import SMTP

_COMMAND = re.compile(rb"(?i)LHLO[ \t]*[^\r\n]")


def _recognises(client: bytes, server: bytes) -> bool:
    return _COMMAND.match(client) is not None and (not server or server[:1] in b"245")


LMTP = replace(
    SMTP,
    names=("lmtp",),
    ports=(Port(24, "lmtp"),),
    openings=(b"LHLO",),
    recognises=_recognises,
    contradicted=lambda client, server: False,
    port_decides=False,
    stream=partial(ResumedDialogue, each=True),
    findings=(*SMTP.findings, unanswered_recipients),
    in_columns=False,
)

"""SMTP as a service: ports, greeting, and everything that is known of it."""

from __future__ import annotations

import re
from functools import partial

from testbed.trace.services.behind_tls import unfinished_handshake
from testbed.trace.services.service import Mail, Port, Service
from testbed.trace.services.smtp.account import account_of_messages, duplicates
from testbed.trace.services.smtp.between import rewritten_dialogue, speaks_for_another
from testbed.trace.services.smtp.broken import cut_dialogue, slow_replies, stalled_client
from testbed.trace.services.smtp.extensions import lone_dots
from testbed.trace.services.smtp.leaving import late_greeting, left_without_goodbye, talked_to_nobody
from testbed.trace.services.smtp.loops import mail_loops
from testbed.trace.services.smtp.outcome import outcome_of_mail
from testbed.trace.services.smtp.patience import drawn_out, impatient_clients
from testbed.trace.services.smtp.refusals import refused_recipients, refused_sessions
from testbed.trace.services.smtp.resumed import ResumedDialogue
from testbed.trace.services.smtp.sentences import smtp_remarks
from testbed.trace.services.smtp.starttls import fallbacks, gave_up_without_tls, lost_starttls

_COMMAND = re.compile(rb"(?i)(?:EHLO|HELO|MAIL FROM:)[ \t]*[^\r\n]")


def _recognises(client: bytes, server: bytes) -> bool:
    return _COMMAND.match(client) is not None and (not server or server[:1] in b"245")


SMTP = Service(
    names=("smtp", "submission"),
    ports=(
        Port(25, "smtp"),
        Port(2525, "smtp"),
        Port(587, "submission"),
        Port(465, "submissions", inside="submission"),
    ),
    openings=(b"EHLO", b"HELO", b"MAIL"),
    recognises=_recognises,
    contradicted=lambda client, server: client[:4].upper() == b"LHLO",
    port_decides=True,
    stream=ResumedDialogue,
    mail=Mail.PUSHED,
    telling=("4", "5"),
    outcome=outcome_of_mail,
    findings=(
        rewritten_dialogue,
        speaks_for_another,
        refused_sessions,
        refused_recipients,
        lone_dots,
        drawn_out,
        cut_dialogue,
        stalled_client,
        slow_replies,
        impatient_clients,
        talked_to_nobody,
        late_greeting,
        left_without_goodbye,
        partial(unfinished_handshake, reference="RFC 3207 §4.1"),
        gave_up_without_tls,
    ),
    across=(account_of_messages, duplicates, mail_loops, lost_starttls, fallbacks),
    remarks=smtp_remarks,
    in_columns=True,
)

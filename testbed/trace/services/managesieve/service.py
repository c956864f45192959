"""ManageSieve as a service (RFC 5804): its port, its greeting, and everything that is known of it."""

from __future__ import annotations

import re
from functools import partial

from testbed.trace.services.behind_tls import unfinished_handshake, went_on_in_clear
from testbed.trace.services.managesieve.dialogue import ManageSieveDialogue
from testbed.trace.services.managesieve.findings import refused_scripts
from testbed.trace.services.managesieve.outcome import outcome_of_scripts
from testbed.trace.services.reading.findings import cut_reading
from testbed.trace.services.sentences import in_clear, injected, told_as
from testbed.trace.services.service import Port, Service

# A server begins with its capabilities (RFC 5804 §1.7), in any order.
_CAPABILITY = re.compile(rb'(?i)"(?:IMPLEMENTATION|SIEVE|SASL|STARTTLS|VERSION)"(?:[ \r]|\Z)')
_SAID = re.compile(rb'(?i)["{]|(?:OK|NO|BYE)\b')


def _contradicted(client: bytes, server: bytes) -> bool:
    return bool(server) and _SAID.match(server) is None


MANAGESIEVE = Service(
    names=("managesieve",),
    ports=(Port(4190, "managesieve"),),
    openings=(b'"IMPLEME', b'"SIEVE"', b'"SASL"', b'"STARTTL', b'"VERSION'),
    recognises=lambda client, server: _CAPABILITY.match(server) is not None,
    contradicted=_contradicted,
    stream=ManageSieveDialogue,
    telling=("NO", "BYE"),
    outcome=outcome_of_scripts,
    findings=(
        refused_scripts,
        partial(cut_reading, reference="RFC 5804 §1.2"),
        partial(unfinished_handshake, reference="RFC 5804 §2.2"),
    ),
    remarks=told_as(
        injected("STARTTLS", "RFC 5804 §2.2")
        | went_on_in_clear("STARTTLS", "RFC 5804 §2.2")
        | in_clear("RFC 5804 §2.1")
    ),
)

"""IMAP as a service: ports, greeting, and everything that is known of it."""

from __future__ import annotations

from functools import partial

from testbed.trace.services.behind_tls import unfinished_handshake, went_on_in_clear
from testbed.trace.services.imap.dialogue import ImapDialogue
from testbed.trace.services.imap.moves import interrupted_moves
from testbed.trace.services.reading.findings import cut_reading, refused_readers
from testbed.trace.services.reading.outcome import outcome_of_reading
from testbed.trace.services.reading.results import reading_result
from testbed.trace.services.sentences import in_clear, injected, told_as
from testbed.trace.services.service import Mail, Port, Service

_GREETINGS = (b"* OK", b"* PREAUTH", b"* BYE")


def _recognises(client: bytes, server: bytes) -> bool:
    return server.startswith(_GREETINGS)


def _contradicted(client: bytes, server: bytes) -> bool:
    return bool(server) and not server.startswith((b"* ", b"+ "))


IMAP = Service(
    names=("imap",),
    ports=(Port(143, "imap"), Port(993, "imaps", inside="imap")),
    openings=(b"* ",),
    recognises=_recognises,
    contradicted=_contradicted,
    stream=ImapDialogue,
    mail=Mail.PULLED,
    pulled=lambda exchange: reading_result(exchange).fetched,
    word="IMAP",
    telling=("NO", "BAD"),
    outcome=outcome_of_reading,
    findings=(
        partial(refused_readers, login="RFC 3501 §6.2.3"),
        partial(cut_reading, reference="RFC 3501 §3"),
        partial(unfinished_handshake, reference="RFC 3501 §6.2.1"),
    ),
    across=(interrupted_moves,),
    remarks=told_as(
        injected("STARTTLS", "RFC 3501 §6.2.1")
        | went_on_in_clear("STARTTLS", "RFC 3501 §6.2.1")
        | in_clear("RFC 8314 §4.1")
    ),
)

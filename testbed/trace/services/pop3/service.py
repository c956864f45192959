"""POP3 as a service: ports, greeting, and everything that is known of it."""

from __future__ import annotations

from functools import partial

from testbed.trace.model.finding import Severity
from testbed.trace.model.sentence import Sentence
from testbed.trace.services.behind_tls import unfinished_handshake, went_on_in_clear
from testbed.trace.services.pop3.deletions import undone_deletions
from testbed.trace.services.pop3.dialogue import Pop3Dialogue
from testbed.trace.services.reading.findings import cut_reading, refused_readers
from testbed.trace.services.reading.outcome import outcome_of_reading
from testbed.trace.services.reading.results import reading_result
from testbed.trace.services.sentences import in_clear, injected, told_as
from testbed.trace.services.service import Mail, Port, Service

_GREETINGS = (b"+OK", b"-ERR", b"+ ")


def _recognises(client: bytes, server: bytes) -> bool:
    return server.startswith(b"+OK") and not client.startswith(b"*")


def _contradicted(client: bytes, server: bytes) -> bool:
    return bool(server) and not server.startswith(_GREETINGS)


_SENTENCES = {
    "dot-not-doubled": Sentence(
        Severity.ERROR,
        "{server} did not double the dot of a line in a message: {client} takes it for the end of {detail}",
        "RFC 1939 §3",
    ),
}

POP3 = Service(
    names=("pop3",),
    ports=(Port(110, "pop3"), Port(995, "pop3s", inside="pop3")),
    openings=(b"+OK",),
    recognises=_recognises,
    contradicted=_contradicted,
    stream=Pop3Dialogue,
    mail=Mail.PULLED,
    pulled=lambda exchange: reading_result(exchange).fetched,
    word="POP3",
    telling=("-ERR",),
    outcome=outcome_of_reading,
    findings=(
        partial(refused_readers, login="RFC 1939 §7"),
        undone_deletions,
        partial(cut_reading, reference="RFC 1939 §3"),
        partial(unfinished_handshake, reference="RFC 2595 §4"),
    ),
    remarks=told_as(
        _SENTENCES
        | injected("STLS", "RFC 2595 §4")
        | went_on_in_clear("STLS", "RFC 2595 §4")
        | in_clear("RFC 8314 §4.1")
    ),
)

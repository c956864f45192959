"""What went wrong with TLS, and what clients wanted of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from testbed.durations import SECOND
from testbed.reproduce.draft import Data, Part
from testbed.reproduce.runs import runs, windows
from testbed.reproduce.spans import written
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_within
from testbed.transport_security.certificates import NotProven, covers, names_in, read_chain

FLAWED = frozenset({"expired", "wrong-name", "self-signed", "handshake-failure", "stalled", "stripped"})
_BY_ALERT = {45: "expired", 42: "wrong-name", 48: "self-signed"}  # what a client complains of (RFC 8446 §6.2)
_HANDSHAKE_FAILURE = 40
_IMPLICIT = frozenset({465, 993, 995})
_STALLED_NS = 20 * SECOND


class Secured(Struct, frozen=True):
    """A connection to a server that has TLS, and what was wrong: ``""`` for nothing, None where there was none of it.

    ``went_on`` tells that the client spoke on behind that.
    """

    server: str
    service: str  # smtp, pop3 or imap
    flaw: str | None
    went_on: bool
    start_ns: int
    frames: tuple[int, ...]


def secured(connection: Connection, server: str, start_ns: int, *, offers: bool) -> Secured | None:
    """What became of TLS on a connection; ``offers`` tells that the server offers it on others."""
    if connection.opening.handshake not in (Handshake.COMPLETE, Handshake.UNSEEN):
        return None
    service = "smtp" if service_within(connection.service).mail is Mail.PUSHED else connection.service[:4]
    verbs = [e.command.verb for e in connection.exchanges if e.command is not None]
    flaw = flaw_of(connection)
    if connection.tls is None and offers and service == "smtp" and "EHLO" in verbs and not _offered(connection):
        flaw = "stripped"
    if connection.tls is None and _waits_for_tls(connection, verbs):
        flaw = "stalled"
    behind = verbs[verbs.index("STARTTLS") + 1 :] if "STARTTLS" in verbs else verbs
    went_on = any(verb in ("EHLO", "MAIL", "USER", "LOGIN", "AUTH") for verb in behind)
    if flaw == "stripped":
        went_on = "MAIL" in verbs
    return Secured(server, service.strip(), flaw, went_on, start_ns, (connection.first_frame,))


def _waits_for_tls(connection: Connection, verbs: Sequence[str]) -> bool:
    """Whether a client began TLS, and nothing came for long."""
    begins = connection.server.port in _IMPLICIT if not verbs else verbs[-1] in ("STARTTLS", "STLS")
    agreed = not verbs or any(e.reply is not None for e in connection.exchanges[-1:])
    return begins and agreed and connection.end_ns - connection.start_ns > _STALLED_NS


def flaw_of(connection: Connection) -> str | None:
    """What was wrong with the TLS of a connection: ``""`` for nothing, None where there was none."""
    session = connection.tls
    if session is None:
        return None
    if any(remark.code == "commands-behind-starttls" for remark in connection.remarks):
        return "injected"
    by_client = [alert.code for alert in session.alerts if alert.fatal and alert.side == CLIENT]
    by_server = [alert.code for alert in session.alerts if alert.fatal and alert.side == SERVER]
    if session.certificate and (flaw := _of_certificate(session.certificate, connection, session.server_name)):
        return flaw
    for code in by_client:
        if code in _BY_ALERT:
            return _BY_ALERT[code]
    if _HANDSHAKE_FAILURE in by_server:
        return "handshake-failure"
    if not session.version and not session.plain_answer:
        long = connection.end_ns - connection.start_ns > _STALLED_NS
        return "stalled" if long else ""
    return ""


def _of_certificate(octets: bytes, connection: Connection, asked: str) -> str:
    try:
        [certificate] = read_chain([octets])
    except (NotProven, ValueError):
        return ""
    at = datetime.fromtimestamp(connection.start_ns / SECOND, UTC)
    if certificate.not_valid_after_utc < at:
        return "expired"
    if certificate.issuer == certificate.subject:
        return "self-signed"
    host = asked or connection.server.name
    if host and not any(covers(name, host) for name in names_in(certificate)):
        return "wrong-name"
    return ""


def _offered(connection: Connection) -> bool:
    return any(
        e.command is not None
        and e.command.verb == "EHLO"
        and e.reply is not None
        and any(line.upper().startswith("STARTTLS") for line in e.reply.lines)
        for e in connection.exchanges
    )


def offers_tls(connections: Sequence[Connection]) -> bool:
    """Whether a server has TLS, as some of these connections to it show."""
    return any(c.tls is not None or _offered(c) or c.server.port in (465, 993, 995) for c in connections)


def flaws(found: Sequence[Secured]) -> Iterator[Part]:
    """Faults of the TLS of servers, with their times."""
    rows: dict[tuple[str, str], list[Secured]] = defaultdict(list)
    for one in found:
        if one.flaw is not None:
            rows[one.server, one.service].append(one)
    services = {server: {service for at, service in rows if at == server} for server, _ in rows}
    for (server, service), tried in rows.items():
        events = [(one.start_ns, one.flaw or "", one.frames) for one in tried]
        for window, run in zip(windows(events), runs(events, lambda event: event[1]), strict=True):
            if window.value:
                when: Data = {} if window.from_ns is None else {"from": written(window.from_ns)}
                when |= {} if run.last else {"times": len(run.events)}
                data: Data = {"tls": server, "is": window.value}
                if len(services[server]) > 1 and window.value not in ("stripped", "injected"):
                    data["service"] = service
                yield Part({**data, **when}, window.frames, window.from_ns or 0)

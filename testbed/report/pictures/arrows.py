"""One connection as an arrow of the way: who it led to, and what became of the mail on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from testbed.report.pictures.carrying import Carrying
from testbed.report.pictures.lanes import Lanes
from testbed.report.pictures.values import Arrow, Mood, Said
from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.exchange import UNSEEN, Exchange, Recipient, Transaction
from testbed.trace.model.finding import Severity
from testbed.trace.services.smtp.outcome import fate_of
from testbed.trace.services.table import service_within

_WORST = (Mood.FAILED, Mood.LOST, Mood.REPEATED, Mood.TEMPORARY, Mood.UNKNOWN, Mood.OK, Mood.QUIET)
_UNOPENED = (Handshake.REFUSED, Handshake.UNANSWERED, Handshake.UNREACHABLE, Handshake.INCOMPLETE)
_FOR_GOOD = frozenset(("NXDOMAIN", "NOERROR"))


def arrow(one: Carrying, lanes: Lanes, faults: Sequence[str] = ()) -> Arrow:
    """The arrow of a connection."""
    connection = one.connection
    client, server = lanes.of(connection)
    said = _said(one)
    fetched = one.pulls and _fetched(connection)
    return Arrow(
        time_ns=connection.start_ns,
        end_ns=connection.end_ns,
        source=server if fetched else client,
        target=client if fetched else server,
        said=said,
        mood=worst(part.mood for part in said),
        by="HTTPS" if one.policy_of else _by(connection),
        secured=connection.tls is not None,
        capture=one.capture,
        connection=connection.number,
        frames=(connection.first_frame, connection.last_frame),
        arrives=connection.opening.handshake not in _UNOPENED,
        faults=tuple(faults),
    )


def _by(connection: Connection) -> str:
    """What was spoken, and at which port where it is another than one expects."""
    service = service_within(connection.service)
    name = (service.names[0] if service.names else connection.service).upper()
    usual = any(port.name == service.names[0] and port.number == connection.server.port for port in service.ports)
    return name if usual else f"{name} :{connection.server.port}"


def worst(moods: Iterable[Mood]) -> Mood:
    """The one that matters most to somebody whose mail did not arrive."""
    return min(moods, key=_WORST.index, default=Mood.QUIET)


def mood_of(recipient: Recipient) -> Mood:
    """How a transaction went for a recipient."""
    decisive = recipient.decisive
    if recipient.accepted:
        return Mood.OK
    if decisive is not None and decisive.whole and decisive.code[:1] in ("4", "5"):
        return Mood.TEMPORARY if decisive.code.startswith("4") else Mood.FAILED
    return Mood.UNKNOWN if recipient.unseen else Mood.LOST


def _said(one: Carrying) -> tuple[Said, ...]:
    connection = one.connection
    if one.asks:
        return (Said((), _answer(connection), _mood_of_answer(connection)),)
    if one.policy_of:
        return (_of_policy(one),)
    if connection.transactions:
        return tuple(_of_mail(connection))
    return (Said((), connection.outcome or str(connection.ending), _mood(connection, pulls=one.pulls)),)


def _of_policy(one: Carrying) -> Said:
    """Whether the policy of a domain came (RFC 8461 §3.3: nothing but 200 brings one)."""
    connection = one.connection
    codes = [exchange.reply.code for exchange in connection.exchanges if exchange.reply is not None]
    if "200" in codes:
        came, mood = "fetched", Mood.QUIET
    elif codes:
        came, mood = codes[-1], Mood.FAILED
    else:
        came, mood = connection.outcome or str(connection.ending), Mood.UNKNOWN
        if connection.opening.handshake in _UNOPENED or connection.ending.closure is Closure.RESET:
            mood = Mood.LOST
        elif connection.tls is not None and connection.tls.sealed:
            came = "hidden by TLS"
        elif connection.tls is not None and connection.tls.alerts:
            mood = Mood.FAILED
    return Said((), f"MTA-STS policy of {one.policy_of}: {came}", mood)


def _of_mail(connection: Connection) -> Iterator[Said]:
    """Those for whom mail went alike, together; what is none of their business goes without a name."""
    alike: dict[tuple[str, Mood], list[str]] = {}
    subjects: dict[tuple[str, Mood], list[str]] = defaultdict(list)
    to_end = connection.ending.closure in (Closure.NORMAL, Closure.RESET)
    for transaction in connection.transactions:
        for recipient in transaction.recipients:
            notice = "" if transaction.sender else "notification: "
            key = notice + fate_of(recipient, transaction, seen_to_end=to_end), mood_of(recipient)
            alike.setdefault(key, []).append(recipient.address)
            subjects[key] += [transaction.subject] if transaction.subject else []
        if not transaction.recipients:
            alike.setdefault(_of_nobody(connection, transaction), [])
    for key, who in alike.items():
        known = dict.fromkeys(address for address in who if address != UNSEEN)
        yield Said(tuple(known), *key, tuple(dict.fromkeys(subjects[key])))


def _of_nobody(connection: Connection, transaction: Transaction) -> tuple[str, Mood]:
    """A transaction that came to no recipient: why, where a reply tells."""
    replies = [e.reply for e in connection.exchanges if e.command is not None and e.command.verb == "MAIL"]
    for reply in replies:
        if reply is not None and reply.code[:1] in ("4", "5"):
            return f"{reply.status} {reply.text}", Mood.TEMPORARY if reply.code.startswith("4") else Mood.FAILED
    return ("no recipient in the capture" if transaction.sender == UNSEEN else "no recipient"), Mood.UNKNOWN


def _mood(connection: Connection, *, pulls: bool) -> Mood:
    """Of a connection without a mail transaction."""
    if connection.opening.cut_off:
        return Mood.UNKNOWN
    if connection.opening.handshake in _UNOPENED:
        return Mood.LOST
    if connection.tls is not None and connection.tls.sealed:
        return Mood.UNKNOWN
    codes = [exchange.reply.code for exchange in connection.exchanges if exchange.reply is not None]
    refusals = [code for code in codes if code[:1] in ("4", "5")]
    if pulls and codes:
        refused = any(finding.code == "login-refused" for finding in connection.findings)
        return Mood.FAILED if refused else _of_a_visit(connection)
    if refusals:
        return Mood.TEMPORARY if refusals[0].startswith("4") else Mood.FAILED
    if any(exchange.unseen for exchange in connection.exchanges):
        return Mood.UNKNOWN
    if connection.exchanges and any(finding.severity is not Severity.INFO for finding in connection.findings):
        return Mood.LOST
    return _of_a_visit(connection) if connection.exchanges else Mood.UNKNOWN


def _of_a_visit(connection: Connection) -> Mood:
    """Of one who was not turned away: whether he was left without an answer, and else whether he fetched anything."""
    missing = any(exchange.reply is None and not exchange.unseen for exchange in connection.exchanges)
    if missing or connection.ending.closure is Closure.RESET:
        return Mood.LOST
    if _fetched(connection):
        return Mood.OK
    return Mood.UNKNOWN if connection.ending.closure is Closure.OPEN else Mood.QUIET


def _fetched(connection: Connection) -> bool:
    """Whether a whole message, or a page, came with it."""
    codes = {exchange.reply.code for exchange in connection.exchanges if exchange.reply is not None}
    return any(message.whole for message in connection.messages) or "200" in codes


def _answer(connection: Connection) -> str:
    return "; ".join(dict.fromkeys(map(_answered, connection.exchanges))) or connection.outcome


def _answered(exchange: Exchange) -> str:
    question = f"{exchange.command.verb} {exchange.command.argument}" if exchange.command is not None else "?"
    if exchange.reply is None:
        return f"{question}: {exchange.note or 'no answer'}"
    if exchange.reply.code != "NOERROR":
        return f"{question}: {exchange.reply.code}"
    return f"{question}: {', '.join(exchange.reply.lines[:4]) or exchange.note}"


def _mood_of_answer(connection: Connection) -> Mood:
    severities = {finding.severity for finding in connection.findings}
    codes = {exchange.reply.code for exchange in connection.exchanges if exchange.reply is not None}
    if not codes:
        return Mood.LOST if Severity.WARNING in severities else Mood.UNKNOWN
    if codes <= {"NOERROR"} and not severities - {Severity.INFO}:
        return Mood.QUIET
    return Mood.FAILED if codes <= _FOR_GOOD else Mood.TEMPORARY

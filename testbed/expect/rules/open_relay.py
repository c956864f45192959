"""RFC 2505 §2.1, RFC 5321 §7.9: a mail server passes on nobody's mail but that of its own domain and its own users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.verdict import Verdict
from testbed.protocols.address import domain_of
from testbed.scenario.client import ClientSpec
from testbed.scenario.expectations import Delivered
from testbed.scenario.faults import ZoneFault
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.reply_expected import ReplyExpected
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection

_READERS = ("PASS", "APOP", "LOGIN", "AUTHENTICATE", "AUTH")
_WHAT = "no mail server passes on strangers' mail to other domains (RFC 2505 §2.1)"


def open_relay(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A server passes on what a ``client`` gave it, who had not logged in, for a domain that is not the server's.

    It may refuse at any time, and bounce; what it drops is a promise broken, and counted there.
    """
    passed_on = {(p.client, p.known_as, p.recipient): p for p in reversed(carried)}
    known = _logged_in(analysis)
    for passage in carried:
        host = scenario.hosts.get(passage.server)
        stranger = isinstance(scenario.hosts.get(passage.client), ClientSpec) and passage.connection not in known
        if not stranger or not passage.promised or not isinstance(host, MailHostSpec):
            continue
        target = _target(passage.recipient, host.domain.lower())
        onward = passed_on.get((passage.server, passage.message_id, target))
        if onward is not None and not _allowed(scenario, passage.server, (passage.recipient, target)):
            why = f"{passage.server} took mail of {passage.client}, who had not logged in, for {passage.recipient}, "
            why += f"and passed it on to {onward.server}"
            yield Verdict(_WHAT, False, why, (*passage.frames, *onward.frames))


def _target(recipient: str, own: str) -> str:
    """Where mail for an address is to go that is not of the server's own domain; ``""`` where it is.

    ``bob%elsewhere@own`` asks to be passed on to ``bob@elsewhere`` (RFC 5321 appendix F.2 on source routes).
    """
    local, _, domain = recipient.rpartition("@")
    if domain_of(recipient) != own and not domain_of(recipient).endswith(f".{own}"):
        return recipient if domain and not domain.startswith("[") else ""
    user, percent, elsewhere = local.rpartition("%")
    return f"{user}@{elsewhere}" if percent and user and elsewhere else ""


def _logged_in(analysis: Analysis) -> set[int]:
    """The connections of clients that have logged in, on them or to read mail at the same server before."""
    logins = [(connection, time_ns) for connection in analysis.connections for time_ns in _logins(connection)]
    return {
        connection.number
        for connection in analysis.connections
        for other, time_ns in logins
        if other is connection or (_ends(other) == _ends(connection) and time_ns <= connection.end_ns)
    }


def _logins(connection: Connection) -> list[int]:
    """When a client logged in: by AUTH of SMTP, or as POP3 and IMAP have it, which counts for SMTP after it."""
    return [
        exchange.reply.time_ns
        for exchange in connection.exchanges
        if exchange.command is not None and exchange.reply is not None
        if (exchange.command.verb == "AUTH" and any(reply.code == "235" for reply in exchange.replies))
        or (exchange.command.verb in _READERS and exchange.reply.code in ("+OK", "OK"))
    ]


def _ends(connection: Connection) -> tuple[str, str]:
    return connection.client.label, connection.server.label


def _allowed(scenario: Scenario, server: str, addresses: tuple[str, ...]) -> bool:
    """Whether the scenario says that it is right: it expects so, or makes the server an MX of the domain."""
    domains = {domain_of(address) for address in addresses}
    expected = any(
        (isinstance(one, Delivered) and one.to.lower() in addresses and one.copies)
        or (
            isinstance(one, ReplyExpected)
            and (one.sender, one.code[:1]) == (server, "2")
            and one.command in ("RCPT", "message")
            and one.count != 0
        )
        for one in scenario.foreseen
    )
    return expected or any(
        isinstance(fault, ZoneFault)
        and fault.zone.lower() in domains
        and any(text.split()[-1].rstrip(".").lower() == server.lower() for text in fault.records or ())
        for fault in scenario.faults
    )

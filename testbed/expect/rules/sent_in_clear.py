"""Mail and passwords do not go in clear where TLS is required (RFC 8314 §3, RFC 8689 §4.2.1, 8461 §5, 7672 §2.2).

Who goes by what domains publish (``dane``, ``mta-sts``, ``published``) is held to what it was told by the time it
connected, as the packets show it: also to whom it sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.rules.settings import meddled_with, settings
from testbed.expect.verdict import Verdict
from testbed.protocols.address import domain_of
from testbed.protocols.header import tls_is_optional
from testbed.protocols.smtp import MASK
from testbed.scenario.scenario import Scenario
from testbed.scenario.security import TlsPolicies, TlsPolicy, policy_for
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Transaction
from testbed.trace.services.kept_promises import Broken, policy_broken, tlsa_broken
from testbed.trace.services.promised_tls import Told, told_of_tls

_WHAT = "no mail goes in clear where TLS is required"
_KEPT = "mail goes as its recipients' domains demand"
_BY_TLSA, _BY_POLICY = ("dane", "dane-only", "published"), ("mta-sts", "published")
_SECRET = ("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")  # mechanisms that send what opens the account


def sent_in_clear(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """The octets of a message, or what it logs in with, as a client sends them that is to use TLS."""
    asked = _asked_for_tls(analysis)
    told = told_of_tls(analysis.connections) if _goes_by_domains(scenario) else {}
    for connection in analysis.connections:
        client, server = connection.client.label, connection.server.label
        if meddled_with(scenario, client) or client == server:  # a filter of its own, say
            continue
        policies = settings(scenario, client).tls
        client_told = told.get(connection.client.address, Told())
        for transaction in connection.transactions:
            yield from _promises(connection, transaction, policies, client_told)
            required = [to.address for to in transaction.recipients if _required(policies, to.address)]
            wanted = _transaction_key(client, transaction) in asked
            sent = transaction.message.command if transaction.message is not None else None
            if (required or wanted) and sent is not None and sent.octets and _in_clear(connection, sent.frames):
                reason = "its sender required TLS (RFC 8689)" if wanted else f"TLS is required for {required[0]}"
                why = f"{client} sent {transaction.message_id or 'a message'} to {server} in clear, although {reason}"
                yield Verdict(_WHAT, False, why, sent.frames[-1:])
        frames = _password(connection) if _required(policies, "") else ()
        if frames and _in_clear(connection, frames):
            why = f"{client} logged in to {server} in clear, although TLS is required"
            yield Verdict(_WHAT, False, why, frames[:1])


def _required(policies: TlsPolicies, address: str) -> bool:
    return policy_for(policies, domain_of(address)) == "required"


def _goes_by_domains(scenario: Scenario) -> bool:
    wishes = (wish for host in scenario.hosts for wish in settings(scenario, host).tls.values())
    return any(wish in (*_BY_TLSA, *_BY_POLICY) for wish in wishes)


def _promises(connection: Connection, transaction: Transaction, policies: TlsPolicies, told: Told) -> Iterator[Verdict]:
    """Mail sent where what its recipients' domains say, as the client was told, forbids it."""
    sent = transaction.message.command if transaction.message is not None else None
    if sent is None or not sent.octets or tls_is_optional(transaction.letter.header):
        return
    for domain in dict.fromkeys(domain_of(to.address).lower() for to in transaction.recipients):
        why = _forbidden(connection, domain, policy_for(policies, domain), told, sent.frames)
        if why is not None:
            client, message = connection.client.label, transaction.message_id or "a message"
            text = f"{client} sent {message} to {connection.server.label} although {why.text}"
            yield Verdict(_KEPT, False, text, (*why.frames, sent.frames[-1]))


def _forbidden(connection: Connection, domain: str, wish: TlsPolicy, told: Told, sent: Sequence[int]) -> Broken | None:
    """Why the client may not send there; None where it may, or nobody can tell."""
    host, at, clear = told.host_at(connection.server.address, domain), connection.start_ns, _in_clear(connection, sent)
    if not host:
        return None
    tlsa = told.tlsa_of(host, at) if wish in _BY_TLSA else None
    if tlsa is not None and tlsa.records:
        broken = tlsa_broken(connection, host, told.domains_of(host), tlsa)
        return Broken(f"this went in clear and {host} has TLSA records", tlsa.frames, ()) if clear else broken
    if wish == "dane-only":
        return Broken(f"it was not seen to get TLSA records of {host}, without which it may send nothing", (), ())
    policy = told.policy(domain, at) if wish in _BY_POLICY else None
    if policy is None or policy.policy.mode != "enforce":
        return None
    if clear:
        return Broken(f"this went in clear and the MTA-STS policy of {domain} demands TLS", policy.frames, ())
    return policy_broken(connection, host, domain, policy)


def _asked_for_tls(analysis: Analysis) -> set[tuple[str, str, str]]:
    """Messages a server took with REQUIRETLS, by the server."""
    return {
        _transaction_key(connection.server.label, transaction)
        for connection in analysis.connections
        for transaction in connection.transactions
        if "REQUIRETLS" in transaction.parameters.upper().split() and any(to.accepted for to in transaction.recipients)
    }


def _transaction_key(host: str, transaction: Transaction) -> tuple[str, str, str]:
    return host, transaction.message_id, transaction.sender.lower()


def _password(connection: Connection) -> tuple[int, ...]:
    """The frames of the first secret that AUTH sends."""
    mechanism = ""
    for exchange in connection.exchanges:
        command = exchange.command
        if command is not None and command.verb == "AUTH":
            named, _, initial = command.argument.partition(" ")
            mechanism = mechanism if named == MASK else named.upper()
            if mechanism in _SECRET and (initial or named == MASK) and command.octets:
                return command.frames
    return ()


def _in_clear(connection: Connection, frames: Sequence[int]) -> bool:
    """Whether what these frames carry went before TLS, or without it."""
    tls = connection.tls
    return tls is None or not tls.version or (not tls.implicit and frames[-1] < tls.hello_frame)

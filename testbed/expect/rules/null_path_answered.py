"""RFC 5321 §6.1 and §4.5.5, RFC 3834 §2: nobody is told of what became of mail from the null path, nor answers it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from msgspec.structs import replace

from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import entries
from testbed.expect.rules.settings import meddled_with
from testbed.expect.sealed import ends, sealed
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.protocols.address import domain_of
from testbed.protocols.header import header_field
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects

_WHAT = "mail from the null path is neither bounced nor answered (RFC 5321 §6.1, RFC 3834 §2)"
# Who is responsible for a host, under names in use (RFC 2142): it is theirs to know what is broken there.
_POSTMASTERS = frozenset(("postmaster", "root", "mailer-daemon", "hostmaster", "abuse", "admin", "administrator"))


def null_path_answered(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A server sends a notification about mail it was given from the null path alone, or an automatic reply to it."""
    hidden = ends(sealed(analysis))
    senders: dict[tuple[str, str], set[str]] = {}
    for passage in carried:
        senders.setdefault((passage.server, passage.message_id), set()).add(passage.sender)
    from_nobody = {
        (host, message_id)
        for (host, message_id), by in senders.items()
        if by == {""} and message_id and host not in hidden and not meddled_with(scenario, host)
    }
    told = set()
    for entry in (*entries(analysis, events.Bounced), *entries(analysis, events.Notified)):
        event = entry.event
        if (entry.host, event.message_id) in from_nobody and not _is_its_postmaster(scenario, entry.host, event.sender):
            told.add(event.dsn_id)
            why = f"{entry.host} told {event.sender or 'somebody'} of {event.message_id}, which came from the null path"
            yield Verdict(_WHAT, False, why, (entry.frame,))
    yield from _answers(analysis, from_nobody, {*senders}, told) if from_nobody else ()


def _is_its_postmaster(scenario: Scenario, host: str, address: str) -> bool:
    spec = scenario.hosts.get(host)
    own = {host, spec.domain.lower()} if isinstance(spec, MailHostSpec) else {host}
    return address.partition("@")[0].lower() in _POSTMASTERS and domain_of(address) in own


def _answers(
    analysis: Analysis, from_nobody: set[tuple[str, str]], given: Container[tuple[str, str]], told: Container[str]
) -> Iterator[Verdict]:
    """Messages that say of themselves that a program answers: by the null path, or Auto-Submitted (RFC 3834 §5)."""
    hosts = {host for host, _ in from_nobody}
    sending = {c.number: c for c in analysis.connections if c.client.label in hosts and c.transactions}
    for mail in mail_objects(replace(analysis, chosen=tuple(sending)), analysis.understanding.decrypted.flows):
        host, message_id = sending[mail.connection].client.label, mail.message_id
        if mail.direction != "to server" or (host, message_id) in given or message_id in told:
            continue
        automatic = header_field(mail.octets, "Auto-Submitted").lower() not in ("", "no")
        automatic |= any(t.message_id == message_id and not t.sender for t in sending[mail.connection].transactions)
        to = set(f"{header_field(mail.octets, 'In-Reply-To')} {header_field(mail.octets, 'References')}".split())
        answered = next((original for by, original in from_nobody if by == host and original in to), "")
        if automatic and answered:
            why = f"{host} answered {answered}, which came from the null path"
            yield Verdict(_WHAT, False, why, mail.frames[-1:])

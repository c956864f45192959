"""RFC 5321 §4.5.4.1: mail that is refused for now is tried again, for four to five days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from testbed.durations import SECOND, format_duration
from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import entries, programs
from testbed.expect.rules.settings import settings
from testbed.expect.rules.tries import Offer, Try, tries
from testbed.expect.sealed import ends, sealed
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.protocols.address import domain_of
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.log import LogEntry
from testbed.trace.services.dns.results import usable_answer
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_AFTER_ONE = "no mail is given up after a first temporary refusal (RFC 5321 §4.5.4.1)"
_BEFORE_TIME = "no mail is given up before its time (RFC 5321 §4.5.4.1)"
_COARSE_NS = SECOND  # the clocks of programs' queues
_FOUND_OUT = ("5.1.2", "5.1.10", "5.3", "5.4.4", "5.4.6", "5.6", "5.7")  # domain, size, routes, loops, content, policy
_ABOUT_ONE = ("RCPT", "DATA", "BDAT", "message")


class _GivenBack(Struct, frozen=True):
    """Mail that was given back, of so many messages taken for a recipient; how it was tried.

    ``taken_ns`` is before the first of them was taken, ``refusal`` None where no server has refused it.
    """

    offer: Offer
    messages: int
    taken_ns: int
    tries: int
    refusal: Try | None
    bounce: LogEntry[events.Bounced]


def given_up_too_soon(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """Mail is given back that was refused for now only: by a program after one try, by any host before its time.

    Where no server has said anything of it, because connections failed, that is for now too.
    Its time is known of the lab's own hosts, and of programs whose scenario says it.
    """
    hosts = programs(analysis)
    for given_back in _refused_for_now(analysis, carried):
        offer, bounce, first = given_back.offer, given_back.bounce, given_back.refusal
        wait, age = settings(scenario, offer.client).give_up, bounce.time_ns - given_back.taken_ns
        if _has_other_reason(analysis, given_back):
            continue
        if first is None:
            tried = _connections(analysis, given_back)
            if wait is not None and age + _COARSE_NS < wait and tried:
                why = f"{offer.client} gave up on {offer.recipient} after {format_duration(age)}, though it is set to "
                why += f"{format_duration(wait)}, and no server had refused it"
                yield Verdict(_BEFORE_TIME, False, why, (*tried, bounce.frame))
            continue
        once = given_back.tries <= given_back.messages and not _came_again(analysis, given_back, first)
        if offer.client in hosts and once and (wait is None or age + _COARSE_NS < wait):
            why = f"{offer.client} gave up on {offer.recipient} when {first.server} had said {first.status} once"
            yield Verdict(_AFTER_ONE, False, why, (*first.frames, bounce.frame))
            continue
        if wait is not None and age + _COARSE_NS < wait:
            why = f"{offer.client} gave up on {offer.recipient} after {format_duration(age)}, though it is set to "
            why += f"{format_duration(wait)}, and {first.server} had said {first.status}"
            yield Verdict(_BEFORE_TIME, False, why, (*first.frames, bounce.frame))


def _refused_for_now(analysis: Analysis, carried: Sequence[Passage]) -> Iterator[_GivenBack]:
    hidden = ends(sealed(analysis))
    given: dict[Offer, list[Passage]] = {}
    for passage in carried:
        if passage.promised:
            given.setdefault(Offer(passage.server, passage.sender, passage.recipient), []).append(passage)
    bounced = {
        Offer(entry.host, entry.event.sender.lower(), entry.event.recipient.lower()): entry
        for entry in reversed(entries(analysis, events.Bounced))
        if entry.host not in hidden
    }
    for offer, made in tries(analysis, carried).items():
        refused = [one for one in made if one.status[:1] == "4"]
        if offer in bounced and not any(one.status[:1] in (("5",) if refused else ("2", "5")) for one in made):
            messages = given.get(offer, [])
            of_it = [p for p in messages if p.message_id == bounced[offer].event.message_id] or messages
            if of_it:
                taken_ns = min(p.began_ns for p in of_it)
                yield _GivenBack(offer, len(messages), taken_ns, len(made), next(iter(refused), None), bounced[offer])


def _has_other_reason(analysis: Analysis, given_back: _GivenBack) -> bool:
    """Whether the host may have given up for what it found out itself, heard of a server or of the name server."""
    host, domain = given_back.offer.client, domain_of(given_back.offer.recipient)
    return given_back.bounce.event.status.startswith(_FOUND_OUT) or any(
        _refuses_all(exchange) or _takes_no_mail(exchange, domain)
        for connection in analysis.connections
        if connection.client.label == host
        for exchange in connection.exchanges
    )


def _connections(analysis: Analysis, given_back: _GivenBack) -> tuple[int, ...]:
    """The first frames of those on which the host may have tried before it gave up; none where one decided on it.

    Who crashed right after a reply may have heard it.
    """
    tried = [
        connection
        for connection in analysis.connections
        if connection.client.label == given_back.offer.client
        and service_of(connection.service).mail is Mail.PUSHED
        and given_back.taken_ns < connection.start_ns <= given_back.bounce.time_ns
    ]
    decided = any(
        recipient.decisive is not None and recipient.address.lower() == given_back.offer.recipient
        for connection in tried
        for transaction in connection.transactions
        for recipient in transaction.recipients
    )
    return () if decided else tuple(connection.first_frame for connection in tried)


def _came_again(analysis: Analysis, given_back: _GivenBack, refusal: Try) -> bool:
    """Whether the host has come to the same server again before it gave up, and got nowhere near a recipient."""
    return any(
        refusal.ended_ns < connection.start_ns <= given_back.bounce.time_ns and not connection.transactions
        for connection in analysis.connections
        if (connection.client.label, connection.server.label) == (given_back.offer.client, refusal.server)
    )


def _refuses_all(exchange: Exchange) -> bool:
    """A reply to no recipient and no message, but for good: to the greeting, to EHLO …"""
    about_one = exchange.command is not None and exchange.command.verb in _ABOUT_ONE
    return not about_one and exchange.reply is not None and exchange.reply.code[:1] == "5"


def _takes_no_mail(exchange: Exchange, domain: str) -> bool:
    """An answer that the domain is not there, or has a null MX (RFC 7505)."""
    if exchange.command is None or exchange.reply is None or exchange.command.argument.lower() != domain:
        return False
    answer = usable_answer(exchange)
    return exchange.reply.code == "NXDOMAIN" or (answer is not None and "" in dict(answer.exchangers()).values())

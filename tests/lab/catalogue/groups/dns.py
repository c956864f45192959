"""Names that lead nowhere, or elsewhere, and name servers that do not answer."""

from __future__ import annotations

from collections.abc import Callable

import dns.asyncquery
import dns.message
import pytest
from msgspec.structs import replace

from testbed.hosts.dns import resolver
from testbed.hosts.dns.resolver import LookupResult, Resolver
from testbed.hosts.queue.routing import Hop, Route, Router
from tests.lab.catalogue.breaks import bounces_what_could_wait, knows_the_first_server_only, never_gives_up
from tests.lab.catalogue.group import Break

FINDINGS = {
    "alias-loop": "alias-loop",
    "domain-gone-edu": "domain-unknown",
    "domain-gone-someschool.edu": "domain-unknown",
    "domain-is-alias": "",
    "equal-preferences": "",
    "equals-before-worse-mx2.someschool.edu": "connection-refused",
    "equals-before-worse-mx3.someschool.edu": "connection-refused",
    "first-mx-unusable-192.0.2.99": "mx-is-address",
    "first-mx-unusable-gone.someschool.edu": "mx-without-address",
    "implicit-mx-both": "implicit-mx",
    "implicit-mx-ipv4": "implicit-mx",
    "implicit-mx-ipv6": "implicit-mx",
    "mx-alias-loop": "alias-loop mx-without-address no-mail-server",
    "mx-is-alias": "mx-is-alias",
    "mx-unanswered-REFUSED": "name-server-refuses",
    "mx-unanswered-SERVFAIL": "name-server-failure",
    "mx-unanswered-garbled": "malformed-answer",
    "mx-unanswered-silent": "name-server-silent",
    "mx-unanswered-wrong-id": "answer-with-wrong-id name-server-silent",
    "mx-without-address": "mx-without-address no-mail-server",
    "name-server-back-A-REFUSED": "name-server-refuses",
    "name-server-back-A-SERVFAIL": "name-server-failure",
    "name-server-back-A-silent": "name-server-silent",
    "name-server-back-MX-REFUSED": "name-server-refuses",
    "name-server-back-MX-SERVFAIL": "name-server-failure",
    "name-server-back-MX-silent": "name-server-silent",
    "no-usable-mx-127.0.0.30": "mx-is-address no-mail-server",
    "no-usable-mx-gone.someschool.edu": "mx-without-address no-mail-server",
    "null-mx": "null-mx",
    "null-mx-not-alone": "null-mx-not-alone",
    "second-address": "connection-refused",
    "self-is-backup-mx": "connection-refused",
    "self-is-best-mx-10": "mx-is-self",
    "self-is-best-mx-20": "mx-is-self",
    "self-under-another-name": "mx-is-self",
    "truncated-and-no-tcp": "answer-truncated connection-refused",
    "truncated-answer-A": "answer-truncated",
    "truncated-answer-MX": "answer-truncated",
}

Exchangers = list[tuple[int, str]]


def takes_no_answer_for_no_mx(patch: pytest.MonkeyPatch) -> None:
    """A relay that goes to the domain's own address when it learns nothing about the MX."""
    ask = Resolver.ask

    async def asks(self: Resolver, name: str, kind: str) -> LookupResult:
        answer = await ask(self, name, kind)
        return answer if answer.settled or kind != "MX" else LookupResult("NOERROR", ())

    patch.setattr(Resolver, "ask", asks)


def goes_to_the_domain_itself_in_the_end(patch: pytest.MonkeyPatch) -> None:
    """A relay that goes to the domain's own address when the MX are of no use."""
    route = Router.route

    async def routes(self: Router, domain: str) -> Route:
        found = await route(self, domain)
        if found.status not in ("5.4.4", "5.1.10"):
            return found
        addresses, *_ = await self._addresses(domain)
        return Route((Hop(domain, 0, addresses),))

    patch.setattr(Router, "route", routes)


def follows_no_alias(patch: pytest.MonkeyPatch) -> None:
    """A relay that finds nothing behind an alias."""
    answer = resolver._answer

    def answers(response: dns.message.Message, kind: str) -> LookupResult:
        return LookupResult("NOERROR", ()) if len(response.answer) > 1 else answer(response, kind)

    patch.setattr(resolver, "_answer", answers)


def does_not_know_itself(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes itself for any other host."""
    init = Router.__init__

    def inits(self: Router, resolver: Resolver, name: str, own: tuple[str, ...], *others: object) -> None:
        init(self, resolver, "", (), *others)  # type: ignore[arg-type]

    patch.setattr(Router, "__init__", inits)


def takes_part_of_an_answer_for_the_whole(patch: pytest.MonkeyPatch) -> None:
    """A relay that does not ask again over TCP."""

    async def over_udp(query: dns.message.Message, where: str, **options: object) -> tuple[dns.message.Message, bool]:
        return await dns.asyncquery.udp(query, where, **options), False  # type: ignore[arg-type]

    patch.setattr(dns.asyncquery, "udp_with_fallback", over_udp)


def knows_the_first_address_only(patch: pytest.MonkeyPatch) -> None:
    """A relay that tries no other address of a mail server than the first."""
    route = Router.route

    async def first(self: Router, domain: str) -> Route:
        found = await route(self, domain)
        return replace(found, hops=tuple(replace(hop, addresses=hop.addresses[:1]) for hop in found.hops))

    patch.setattr(Router, "route", first)


def _changes_the_list(change: Callable[[Exchangers, LookupResult], Exchangers], doc: str) -> Break:
    def break_it(patch: pytest.MonkeyPatch) -> None:
        exchangers = Router._exchangers

        def changed(self: Router, domain: str, answer: LookupResult) -> Exchangers:
            return change(exchangers(self, domain, answer), answer)

        patch.setattr(Router, "_exchangers", changed)

    break_it.__doc__ = doc
    return break_it


knows_no_implicit_mx = _changes_the_list(
    lambda found, answer: found if answer.records else [], "A relay that goes to nobody where there is no MX."
)
gives_up_with_the_first_mx = _changes_the_list(
    lambda found, answer: found[:1], "A relay that gives up when the first MX is of no use."
)
takes_any_null_mx_for_final = _changes_the_list(
    lambda found, answer: [one for one in found if not one[1]] or found,
    "A relay that overlooks what is beside a null MX.",
)
never_shuffles = _changes_the_list(
    lambda found, answer: sorted(found), "A relay that tries servers of equal preference always in the same order."
)

GUARDS: dict[str, Break] = {
    "alias-loop": goes_to_the_domain_itself_in_the_end,
    "domain-gone": never_gives_up,
    "domain-is-alias": follows_no_alias,
    "equal-preferences": never_shuffles,
    "equals-before-worse": knows_the_first_server_only,
    "first-mx-unusable": gives_up_with_the_first_mx,
    "implicit-mx": knows_no_implicit_mx,
    "mx-alias-loop": goes_to_the_domain_itself_in_the_end,
    "mx-is-alias": follows_no_alias,
    "mx-unanswered": takes_no_answer_for_no_mx,
    "mx-without-address": goes_to_the_domain_itself_in_the_end,
    "name-server-back": bounces_what_could_wait,
    "no-usable-mx": goes_to_the_domain_itself_in_the_end,
    "null-mx": goes_to_the_domain_itself_in_the_end,
    "null-mx-not-alone": takes_any_null_mx_for_final,
    "second-address": knows_the_first_address_only,
    "self-is-backup-mx": does_not_know_itself,
    "self-is-best-mx": does_not_know_itself,
    "self-under-another-name": does_not_know_itself,
    "truncated-and-no-tcp": takes_part_of_an_answer_for_the_whole,
    "truncated-answer": takes_part_of_an_answer_for_the_whole,
}

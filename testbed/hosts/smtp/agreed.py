"""Who has agreed to be sent reports on a domain, as the name server says."""

from __future__ import annotations

from testbed.authentication.lookup import Answer, settled
from testbed.authentication.report_destinations import Destinations, Tag, destinations
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.smtp.judge import answer_of


async def agreed_destinations(
    resolver: Resolver, domain: str, addresses: tuple[str, ...], tag: Tag = "rua"
) -> Destinations:
    """Of the addresses that a policy domain names in a tag those that may be written to."""

    async def ask(name: str, kind: str) -> Answer:
        return answer_of(await resolver.ask(name, kind), kind)

    return await settled(lambda lookup: destinations(lookup, domain, addresses, tag), ask)

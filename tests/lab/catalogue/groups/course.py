"""The textbook's own questions."""

from __future__ import annotations

import pytest

from testbed.hosts.dns.resolver import Resolver
from tests.lab.catalogue.breaks import bounces_what_could_wait, stores_nothing, stores_twice
from tests.lab.catalogue.breaks_of_servers import has_no_outbox
from tests.lab.catalogue.group import Break
from tests.lab.catalogue.groups.reading import has_any_amount_of_room, moves_by_copying, throws_away


def finds_nobody(patch: pytest.MonkeyPatch) -> None:
    """A resolver that gets no answer and so sends nobody anywhere."""
    ask = Resolver.ask

    async def nobody(self: Resolver, name: str, kind: str) -> object:
        return await ask(self, f"nowhere.{name}", kind)

    patch.setattr(Resolver, "ask", nobody)


FINDINGS = {
    "agent-keeps-trying": "delivery-retried mailbox-full",
    "agent-switched-off": "mailbox-full name-server-silent",
    "client-and-server": "",
    "from-keyboard-to-browser": "credentials-in-clear",
    "lossy-wire-tcp-and-udp": "segment-retransmitted",
    "mail-servers-in-between": "credentials-in-clear name-server-silent",
    "one-mailbox-three-ways": "credentials-in-clear",
    "push-and-pull": "credentials-in-clear",
    "relay-keeps-trying": "delivery-retried mailbox-full",
    "straight-to-bobs-machine": "host-unreachable name-server-silent",
}

GUARDS: dict[str, Break] = {
    "agent-keeps-trying": has_no_outbox,
    "agent-switched-off": has_any_amount_of_room,
    "client-and-server": stores_twice,
    "from-keyboard-to-browser": stores_nothing,
    "lossy-wire-tcp-and-udp": stores_nothing,
    "mail-servers-in-between": throws_away,
    "one-mailbox-three-ways": moves_by_copying,
    "push-and-pull": stores_nothing,
    "relay-keeps-trying": bounces_what_could_wait,
    "straight-to-bobs-machine": finds_nobody,
}

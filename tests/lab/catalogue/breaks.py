"""Ways to break a mail server, each the opposite of something the catalogue guards.

Labs are forked from the process of the tests, so a patch holds inside them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from testbed.hosts.delivery import Result as Delivery
from testbed.hosts.routing import Route, Router


def bounces_what_could_wait(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes every failure for final."""
    patch.setattr(Delivery, "permanent", property(lambda self: not self.taken))


def never_gives_up(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes no refusal for final."""
    patch.setattr(Delivery, "permanent", property(lambda self: False))


def knows_the_first_server_only(patch: pytest.MonkeyPatch) -> None:
    """A relay that tries no other mail server of a domain than the first."""
    route = Router.route

    async def first(self: Router, domain: str) -> Route:
        found = await route(self, domain)
        return replace(found, hops=found.hops[:1])

    patch.setattr(Router, "route", first)

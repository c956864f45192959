"""A stranger with an address and a name: what it says is written in the steps (:mod:`testbed.hosts.talking`)."""

from __future__ import annotations

from testbed.hosts.site import Site


class Client:
    """A stranger: an address and a name, and nothing that runs by itself."""

    def __init__(self, site: Site) -> None:
        self.name = site.name

    async def start(self) -> None:
        """It listens to nobody."""

    async def settled(self) -> None:
        """Talking is awaited by the step that asks for it."""

    async def stop(self) -> None:
        """Nothing to close."""

    def inventory(self) -> None:
        """It keeps no mail."""

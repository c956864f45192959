"""A name server of the lab on the machine's own loopback, in scenario time, and hosts that ask it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.dns.name_server import NameServer
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.dns.zone import Zone, ZoneEntry
from testbed.hosts.site import Site
from testbed.hosts.zone_script import ZoneScript
from testbed.net.loopback import LoopbackLoop
from testbed.net.ports import Ports
from testbed.scenario.faults import ZoneFault
from tests.hosts.conftest import Logged

SERVER, ASKER = "127.0.0.53", "127.0.0.9"
Given = TypeVar("Given")


@dataclass
class Names:
    """The server runs while ``run`` does, and hears ``len(server_log.events)`` questions."""

    resolver: Resolver
    server_log: Logged
    _server: NameServer
    _loop: LoopbackLoop

    def run(self, asking: Callable[[], Coroutine[Any, Any, Given]], *, served: bool = True) -> tuple[Given, float]:
        """What comes of it, and how many seconds of scenario time it takes.  ``served`` starts the server before."""

        async def served_meanwhile() -> tuple[Given, float]:
            if served:
                await self._server.start()
            try:
                began = self._loop.time()
                return await asking(), self._loop.time() - began
            finally:
                await self._server.stop()

        return self._loop.run_until_complete(served_meanwhile())


@contextmanager
def names(records: list[str], *faults: dict[str, object], also: tuple[str, ...] = ()) -> Iterator[Names]:
    """Records as ``NAME TYPE DATA``; ``also`` are names that exist without any."""
    with closing(Ports()) as ports:

        def port_at(address: str, port: int) -> int:
            return ports.of(port)

        with closing(LoopbackLoop(ports.of, port_at)) as loop:
            script = ZoneScript([ZoneFault(**fault) for fault in faults], now_ns=loop.elapsed_ns)
            log = Logged()

            def site(name: str, address: str, log: Logged, script: ZoneScript) -> Site:
                return Site(
                    name=name,
                    addresses=(address,),
                    directory=Path("/nowhere"),
                    nameserver=SERVER,
                    log=log,
                    now=loop.time,
                    dialogue=DialogueScript(()),
                    names=script,
                    port_at=port_at,
                )

            zone = Zone([ZoneEntry(*record.split(" ", 2)) for record in records], also)
            server = NameServer(site("ns.lab", SERVER, log, script), zone)
            yield Names(Resolver(site("relay.crepes.fr", ASKER, Logged(), ZoneScript())), log, server, loop)

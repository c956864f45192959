"""What faults do to the connections of those who read."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from testbed.hosts.connections import reset
from testbed.hosts.site import Site
from testbed.scenario.faults import DialogueFault

_CHUNK = 65_536


async def end(fault: DialogueFault, site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> NoReturn:
    """What a fault with ``then`` does to a connection; raises ConnectionError once that is over."""
    if fault.then == "stall":
        while await reader.read(_CHUNK):  # it reads on, and says nothing any more
            pass
    elif fault.then == "crash":
        site.crash(fault.restart)
    elif fault.then == "reset":
        reset(writer.transport)
    else:
        writer.close()
    raise ConnectionAbortedError(fault.describe())

"""What a program says of its queue: its listing command runs at the end, and what it names goes into the trace."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Sequence

from testbed.durations import SECOND
from testbed.errors import reason
from testbed.hosts.site import Site
from testbed.lab.confined_run import run_confined
from testbed.lab.context import LabContext
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.queue_listing import read_listing
from testbed.protocols.text import printable

_TIME_LIMIT_NS = 5 * SECOND
_MAX_OCTETS = 262_144
_MAX_ENTRIES = 2_000


async def list_queue(lab: LabContext, site: Site, command: Sequence[str], enter: Callable[[], None]) -> None:
    """Run the command on a host and log what it says; ``enter`` moves the new process to where it runs.

    One that cannot be run, fails, takes too long or says too much tells nothing, and that is logged.
    """
    said, failed = await _output(lab, site.name, command, enter)
    listing = read_listing(said)
    if not failed and sum(len(entry.recipients) for entry in listing.entries) > _MAX_ENTRIES:
        failed = f"it names more than {_MAX_ENTRIES:,} recipients"
    line = printable(shlex.join(command))
    if failed:
        site.log(events.QueueListed(command=line, failed=failed), f"what its queue holds is not known: {failed}")
        return
    what = f"{command[0]} lists {count(len(listing.entries), 'message')} in its queue"
    site.log(events.QueueListed(command=line, form=listing.form, complete=int(listing.names_all)), what)
    for entry in listing.entries:
        sender = "*" if entry.sender is None else printable(entry.sender)
        for recipient in map(printable, entry.recipients):
            site.log(events.HoldsListed(recipient=recipient, sender=sender), f"its queue has mail for <{recipient}>")


async def _output(lab: LabContext, host: str, command: Sequence[str], enter: Callable[[], None]) -> tuple[str, str]:
    """What it printed, and why that is worth nothing; ``""`` where it is."""
    octets = bytearray()

    def heard(pipe: int) -> None:
        with contextlib.suppress(BlockingIOError):  # a piece at a time: it may never fall silent
            octets.extend(os.read(pipe, _MAX_OCTETS + 1)[: _MAX_OCTETS + 1 - len(octets)])

    try:
        status = await run_confined(lab, host, command, enter, heard, _TIME_LIMIT_NS, lab.clock_of(host), errors=False)
    except OSError as error:
        return "", f"{printable(command[0])} cannot be run: {reason(error)}"
    if len(octets) > _MAX_OCTETS:
        return "", f"it says more than {_MAX_OCTETS:,} octets"
    if status is None:
        return "", f"it takes longer than {_TIME_LIMIT_NS / SECOND:g} s"
    return octets.decode("utf-8", "replace"), f"it exits with status {status}" if status else ""

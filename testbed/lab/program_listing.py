"""What a program says of its queue: its listing command runs at the end, and what it names goes into the trace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence

from testbed.errors import reason
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.queue_listing import read_listing
from testbed.protocols.text import printable

_TIME_LIMIT_S = 5.0  # of real time
_MAX_OCTETS = 262_144
_MAX_ENTRIES = 2_000


async def list_queue(
    site: Site, command: Sequence[str], environment: Mapping[str, str], folder: str | None, enter: Callable[[], None]
) -> None:
    """Run the command and log what it says; ``enter`` moves the new process to where it runs.

    One that cannot be run, fails, takes too long or says too much tells nothing, and that is logged.
    """
    said, failed = await _output(command, environment, folder, enter)
    listing = read_listing(said)
    if not failed and sum(len(entry.recipients) for entry in listing.entries) > _MAX_ENTRIES:
        failed = f"it names more than {_MAX_ENTRIES:,} recipients"
    line = printable(shlex.join(command))
    if failed:
        site.log(events.QueueListed(command=line, failed=failed), f"what its queue holds is not known: {failed}")
        return
    what = f"{command[0]} lists {len(listing.entries)} messages in its queue"
    site.log(events.QueueListed(command=line, form=listing.form, complete=int(listing.names_all)), what)
    for entry in listing.entries:
        sender = "*" if entry.sender is None else printable(entry.sender)
        for recipient in map(printable, entry.recipients):
            site.log(events.HoldsListed(recipient=recipient, sender=sender), f"its queue has mail for <{recipient}>")


async def _output(
    command: Sequence[str], environment: Mapping[str, str], folder: str | None, enter: Callable[[], None]
) -> tuple[str, str]:
    """What it printed, and why that is worth nothing; ``""`` where it is."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
            preexec_fn=enter,
        )
    except OSError as error:
        return "", f"{printable(command[0])} cannot be run: {reason(error)}"
    assert process.stdout is not None
    try:
        octets = await asyncio.wait_for(_read(process.stdout), _TIME_LIMIT_S)
        status = await asyncio.wait_for(process.wait(), _TIME_LIMIT_S) if len(octets) <= _MAX_OCTETS else 0
    except TimeoutError:
        return "", f"it takes longer than {_TIME_LIMIT_S:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
        await process.wait()
    if len(octets) > _MAX_OCTETS:
        return "", f"it says more than {_MAX_OCTETS:,} octets"
    return octets.decode("utf-8", "replace"), f"it exits with status {status}" if status else ""


async def _read(stream: asyncio.StreamReader) -> bytes:
    """All of it, or one octet more than anybody wants."""
    octets = b""
    while len(octets) <= _MAX_OCTETS and (more := await stream.read(65_536)):
        octets += more
    return octets

"""What a server would say if no fault did: so that one that says the same is known to change nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Protocol

from aiosmtpd.smtp import Envelope, Session

from testbed.hosts.smtp.handler import MailHandler
from testbed.protocols.smtp import HELLOS, path_of
from testbed.scenario.faults import DialogueFault

_NOTHING_COMES_OF = HELLOS | {"MAIL", "DATA", "NOOP", "VRFY", "HELP"}  # but for the envelope, which is put back


class Rehearsing(Protocol):
    """What a rehearsal asks of the server's end of a connection."""

    mute: bool
    unsaid: str
    invited: bool
    envelope: Envelope | None
    session: Session | None
    event_handler: MailHandler


async def usual_reply(
    server: Rehearsing, fault: DialogueFault, verb: str, argument: str, act: Callable[[], Awaitable[None]]
) -> str:
    """The reply without the fault, where one can tell that doing it makes no difference; ``""`` elsewhere."""
    refuses = fault.answer[:1] in (b"4", b"5")
    if not fault.answers or fault.then is not None or fault.delay is not None:
        return ""
    if verb == "RCPT" and refuses and server.session is not None and server.envelope and server.envelope.mail_from:
        handler = server.event_handler
        return handler.objection(handler.whole_address(path_of(argument)), server.session)
    if verb not in _NOTHING_COMES_OF or (verb == "MAIL" and not refuses):
        return ""
    kept = deepcopy(server.envelope), server.invited
    server.mute, server.unsaid = True, ""
    await act()
    server.mute = False
    server.envelope, server.invited = kept
    return server.unsaid

"""What an SMTP server does when a dialogue fault strikes, and the deeds that only its replies and its reading know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from testbed.durations import SECOND
from testbed.hosts import deeds
from testbed.hosts.deeds import ConnectionEnd, for_ever, read_on
from testbed.scenario.faults import DialogueFault

GARBAGE = "?!  This is no reply."
_ENDLESS_LINES = 50  # of each piece of a reply without end
_SPEAKS_ON = (None, "drip", "garble")
_PAUSE_S = 10.0  # between two pieces; long, so that a client that hangs up is noticed before the next


@dataclass(slots=True)
class Manner:
    """How the next reply is said, in seconds: so late, and an octet at a time so far apart; 0 for at once."""

    late_s: float = 0.0
    drip_s: float = 0.0


class Staged(ConnectionEnd, Protocol):
    """What these deeds ask of the server's end besides."""

    manner: Manner
    mute: bool

    def wait_again(self) -> None:
        """Close the connection once it has been idle for too long from now on."""

    async def write(self, octets: bytes) -> None:
        """Write what need not be a reply."""

    def stop_reading(self) -> None:
        """Leave what comes to the kernel, whose buffer fills."""

    def finish(self) -> None:
        """Send FIN, and read on."""

    def sip(self) -> bool:
        """Take one octet out of the kernel's buffer; False when there will be no more."""


async def stage(server: Staged, fault: DialogueFault, act: Callable[[], Awaitable[None]]) -> None:
    """Stage a fault.  ``act`` does what the client asked for, and answers."""
    server.manner = _manner(fault)
    if fault.opens_session and fault.on != "connect":
        await _in_silence(server, act)
    if fault.answers:
        await say(server, fault.answer)
    elif fault.then in (None, "drip") or fault.moment == "reply":
        await act()
    elif fault.moment == "act":
        await _in_silence(server, act)
    await late(server)
    if fault.then in DEEDS:
        await DEEDS[fault.then](server, fault)
    elif fault.code == "421":
        server.hang_up()


def does_act(fault: DialogueFault) -> bool:
    """Whether the server does what the client asked for, where a fault is staged."""
    return not fault.answers and (fault.then in (None, "drip") or fault.moment in ("reply", "act"))


def speaks_on(fault: DialogueFault | None) -> bool:
    """Whether the server goes on to speak behind a fault, or without any."""
    return fault is None or fault.then in _SPEAKS_ON


async def stage_greeting(server: Staged, fault: DialogueFault, greet: Callable[[], Awaitable[None]]) -> bool:
    """Stage a fault at the greeting; whether the client has a session.  ``greet`` says what is said without it."""
    await stage(server, fault, greet)
    spoken = fault.then in (None, "drip")
    if spoken and (fault.opens_session or not fault.answers):
        return True
    refused = fault.answers if spoken else fault.then == "garble"
    if not refused or fault.code == "421":
        server.hang_up()
    return False


async def stage_inside(server: Staged, fault: DialogueFault) -> bool:
    """Stage a fault in mid-message; whether there is still a connection, whose client has had its reply."""
    server.manner = _manner(fault)
    if fault.answers:
        await say(server, fault.answer)
    await late(server)
    deed = fault.then or ("close" if fault.code == "421" else None)
    if deed is not None:
        await DEEDS[deed](server, fault)
    return deed is None


def _manner(fault: DialogueFault) -> Manner:
    return Manner((fault.delay or 0) / SECOND, fault.pace / SECOND if fault.then == "drip" else 0.0)


async def _in_silence(server: Staged, act: Callable[[], Awaitable[None]]) -> None:
    server.mute = True
    await act()
    server.mute = False


async def _close(server: Staged, fault: DialogueFault) -> None:
    if fault.octet is not None:  # what is still to come would be answered by RST
        server.finish()
        await read_on(server)
    server.hang_up()


async def _deaf(server: Staged, fault: DialogueFault) -> None:
    server.be_patient()
    server.stop_reading()
    await for_ever()


async def _sip(server: Staged, fault: DialogueFault) -> None:
    server.be_patient()
    server.stop_reading()
    while server.sip():
        await asyncio.sleep(fault.pace / SECOND)
    server.hang_up()


async def _garble(server: Staged, fault: DialogueFault) -> None:
    await server.write(GARBAGE.encode() + b"\r\n")


async def _endless(server: Staged, fault: DialogueFault) -> None:
    """Until the client hangs up, which ends the task of this connection."""
    server.be_patient()
    while True:
        await server.write(b"250-and there is more to come, much more than anybody can want\r\n" * _ENDLESS_LINES)
        await asyncio.sleep(_PAUSE_S)


async def say(server: Staged, reply: bytes) -> None:
    """Give one reply, CRLF included, in the manner there is."""
    await late(server)
    pace_s, server.manner.drip_s = server.manner.drip_s, 0.0
    if pace_s:
        server.be_patient()  # RFC 5321 §4.5.3.2.7: its five minutes begin when it awaits the next command
        await _drip(server.write, reply, pace_s)
        server.wait_again()
    else:
        await server.write(reply)


async def late(server: Staged) -> None:
    """Wait for as long as the manner has it, if that has not been waited for."""
    late_s, server.manner.late_s = server.manner.late_s, 0.0
    if late_s:
        server.be_patient()
        await asyncio.sleep(late_s)
        server.wait_again()


async def _drip(write: Callable[[bytes], Awaitable[None]], octets: bytes, pace_s: float) -> None:
    """Write an octet at a time, by the clock, and not in step with timeouts that began with the command."""
    loop = asyncio.get_running_loop()
    due = loop.time() + pace_s / 2
    for at in range(len(octets)):
        await asyncio.sleep(due - loop.time())
        await write(octets[at : at + 1])
        due += pace_s


DEEDS: Mapping[str | None, Callable[[Staged, DialogueFault], Awaitable[None]]] = {
    **deeds.DEEDS,
    "close": _close,
    "deaf": _deaf,
    "sip": _sip,
    "garble": _garble,
    "endless": _endless,
}
"""What comes of ``then``; ``drip`` is a manner of saying the reply, and has been done by then."""

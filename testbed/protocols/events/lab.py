"""What the lab logs of itself, of its wire, and of programs of the user's."""

from __future__ import annotations

from testbed.protocols.events.event import LogEvent, event


@event("lab-started")
class LabStarted(LogEvent):
    """The first entry of every trace; ``scenario`` is the text of the file, ``network`` what is peculiar to it."""

    scenario: str
    file: str
    case: str = ""
    seed: int
    version: str
    network: str = ""


ALL_PLAYED = "all steps played"


@event("lab-ended")
class LabEnded(LogEvent):
    """The last entry; ``reason`` is :data:`ALL_PLAYED`, or why the lab ended before."""

    scenario_seconds: float
    real_seconds: float
    reason: str


@event("step")
class Step(LogEvent):
    """A step of the scenario begins, at this line; 0 for one that no file has."""

    line: int


@event("came-true")
class CameTrue(LogEvent):
    """Everything expected has happened, and a wait for programs ends."""


@event("restless")
class Restless(LogEvent):
    """Programs owe mail and look around all the time, so the clock cannot jump: they are waited for no longer."""


@event("visited")
class Visited(LogEvent):
    """Somebody outside the lab connects to a host of it."""

    to: str


@event("held-up")
class HeldUp(LogEvent):
    """Something in the lab's own process let nothing else run for 50 ms of processor time; ``where`` it was then."""

    culprit: str
    where: str


@event("fault")
class Fault(LogEvent):
    """The fault at this line has struck, where it is one packet at this frame; ``vain`` says why it changed nothing.

    ``said`` is the last line of a reply that is given in a program's name.
    """

    line: int
    at_frame: int | None = None
    vain: str = ""
    said: str = ""


@event("fault-set")
class FaultSet(LogEvent):
    """The ``number``-th fault that is set while the lab runs; ``fault`` are its keys and values as JSON.

    ``at_ns`` is scenario time since everybody was there.  What it does is logged with its number below zero as line.
    """

    number: int
    at_ns: int
    fault: str


@event("fault-lifted")
class FaultLifted(LogEvent):
    """A fault that was set is lifted."""

    number: int


@event("refused-outside")
class RefusedOutside(LogEvent):
    """A packet would have left the lab."""

    source: str
    destination: str
    at_frame: int


@event("not-carried")
class NotCarried(LogEvent):
    """A packet was sent again only because this machine was slow; ``packet`` has its octets in hexadecimal."""

    source: str
    destination: str
    packet: str


@event("crashed")
class Crashed(LogEvent):
    """A mail server's program died."""


@event("restarted")
class Restarted(LogEvent):
    """And runs again."""


@event("started")
class Started(LogEvent):
    """A program that plays a host.

    ``mailboxes`` are the addresses whose mailboxes the lab looks into, ``takes`` those whose mail nobody sees once it
    has taken it; ``time`` is the clock it lives by, ``real`` or ``scenario``.
    """

    command: str
    mailboxes: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    time: str = "real"


@event("time-is-real")
class TimeIsReal(LogEvent):
    """A program that was started in scenario time lives in real time: part of it cannot be given another clock."""

    command: str


@event("queue-seen")
class QueueSeen(LogEvent):
    """A message lies in a file below a program's directory: if it was given it, its queue can be looked into."""

    file: str
    message_id: str = ""


@event("said")
class Said(LogEvent):
    """A line of a program's output, or how many octets of it were left out."""

    text: str = ""
    octets: int = 0


@event("exited")
class Exited(LogEvent):
    """A program ended by itself; ``plays`` is the host it played, ``asked`` the step that has a user agent run it.

    ``out_of_memory`` counts processes the kernel has killed since the lab began, as the machine had no memory left.
    """

    command: str
    status: int
    plays: str = ""
    out_of_memory: int = 0
    asked: str = ""


@event("stopped")
class Stopped(LogEvent):
    """A program that plays a host, at the end of the lab; ``waited`` are seconds after SIGTERM, if it was in vain."""

    status: int
    waited: float = 0.0


@event("not-serving")
class NotServing(LogEvent):
    """A program that plays a host has not begun to listen: in so many ``seconds``, 0 for one that ended before.

    ``out_of_memory`` is as in :class:`Exited`.
    """

    command: str
    seconds: float = 0.0
    out_of_memory: int = 0


@event("exhausted")
class Exhausted(LogEvent):
    """A program that plays a host has taken more ``octets`` of something than a program may, and was killed."""

    command: str
    what: str
    octets: int


@event("condition")
class Condition(LogEvent):
    """What a program that plays a host is about.

    ``starved`` is the share of the time in question in which it has waited for a processor, -1 if unknown.
    """

    state: str
    cpu_seconds: float
    starved: float


@event("starved")
class Starved(LogEvent):
    """A program that plays a host in real time has waited for a processor for so many ``seconds`` in all."""

    seconds: float


@event("time-up")
class TimeUp(LogEvent):
    """The lab's real time is up."""

    seconds: float

"""What was found out about who sent a message, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from testbed.authentication.changes import Change
from testbed.authentication.damage import Damage
from testbed.trace.model.connection import Endpoint

Method = Literal["ptr", "dnsbl", "spf", "dkim", "dmarc", "arc"]
UNKNOWN = "unknown"


class Check(Struct, frozen=True):
    """One result: a word of RFC 8601 §2.7, or ``unknown`` where the capture lacks what it takes.

    Of a block list it is one of :data:`~testbed.authentication.block_list.Result`.  ``domain`` is whose: the client's
    name, the block list, that of MAIL FROM or EHLO, of a signature (d=), of From, of the last seal.  ``reason`` is a
    sentence without its full stop, safe to show.  ``policy`` is what a DMARC record asks for.  ``frames`` are those of
    the answers of DNS it rests on.
    """

    method: Method
    result: str
    domain: str
    reason: str
    frames: tuple[int, ...] = ()
    selector: str = ""
    policy: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a result."""
        return self.result != UNKNOWN


class Judged(Struct, frozen=True):
    """A mail transaction, judged.

    ``transaction`` is its place on the connection, from 0.  ``statuses`` are the server's replies that decided on it,
    ``cause`` is the name of why it refused, ``lists`` are the block lists its words name.  ``whole`` tells that the
    capture holds the message: else only what is about the client is told.  ``hidden`` says why the client's address is
    not the sender's, ``""`` where it is.
    """

    connection: int
    transaction: int
    client: Endpoint
    server: Endpoint
    message_id: str
    checks: tuple[Check, ...]
    frames: tuple[int, ...]
    time_ns: int
    whole: bool
    statuses: tuple[str, ...] = ()
    taken: bool = False
    cause: str = ""
    reply_frames: tuple[int, ...] = ()
    lists: tuple[str, ...] = ()
    hidden: str = ""

    def of(self, method: Method) -> tuple[Check, ...]:
        """The results of one method."""
        return tuple(check for check in self.checks if check.method == method)


class Passage(Struct, frozen=True):
    """What was done to a message between two hops, and what that did to its signatures."""

    before: Judged
    after: Judged
    changes: tuple[Change, ...]
    damages: tuple[Damage, ...]


class Claim(Struct, frozen=True):
    """A result that a server wrote into a message, and the one found here (RFC 8601)."""

    judged: Judged
    server: str
    method: Method
    said: str
    found: Check
    frames: tuple[int, ...]

    @property
    def agrees(self) -> bool | None:
        """Whether both say the same, as far as anybody acts by it; None where either does not know."""
        if not self.found.known or "temperror" in (self.said, self.found.result):
            return None
        if (self.said == "pass") == (self.found.result == "pass"):
            return True
        failed = ("fail", "softfail", "permerror", "none")
        return False if self.said == "pass" or self.said in failed else None


@dataclass(frozen=True, slots=True)
class Account:
    """All of it.  ``omitted`` says what was not judged and how to have it judged, or ``""``."""

    judged: tuple[Judged, ...] = ()
    passages: tuple[Passage, ...] = ()
    claims: tuple[Claim, ...] = ()
    omitted: str = ""
    _of: dict[tuple[int, int], Judged] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._of.update(((one.connection, one.transaction), one) for one in self.judged)

    def of(self, connection: int, transaction: int) -> Judged | None:
        """What was found of a transaction."""
        return self._of.get((connection, transaction))

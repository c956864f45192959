"""What name servers answer, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from testbed.trace.model.exchange import Exchange, ServiceResult
from testbed.trace.services.dns.edns import Edns


class Record(Struct, frozen=True):
    """A resource record of an answer: its type, and its data as zone files write them (RFC 1035 §5.1).

    ``target`` is the host or the address that MX, CNAME, A and AAAA name, in lower case and without the final dot, so
    ``""`` for a null MX; None for other types, and for data that cannot be read.  ``preference`` is that of an MX.
    """

    kind: str
    text: str
    target: str | None = None
    preference: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"


class Asked(Struct, ServiceResult, frozen=True):
    """Of a question without an answer: its id, which stays the same when it is asked again.

    ``asked`` is what its OPT record says, None where it has none.
    """

    number: int
    asked: Edns | None = None

    @property
    def asked_with(self) -> str:
        """The size of datagrams and the DO bit, where it has them."""
        return self.asked.words if self.asked is not None else ""


@dataclass(frozen=True, slots=True)
class Answer(ServiceResult):
    """The records of an answer.

    ``truncated`` tells that there are more of them over TCP, ``whole`` that the message does not break off.
    ``number`` is the message's id, ``wire`` the whole message.  ``authenticated`` is the AD bit: whoever answered has
    found it signed as it should be (RFC 4035 §3.2.3).  ``edns`` is what its OPT record says, None where it has none;
    ``asked`` is what that of the question says.
    """

    records: tuple[Record, ...]
    truncated: bool
    whole: bool
    number: int = 0
    authenticated: bool = False
    edns: Edns | None = None
    wire: bytes = field(default=b"", repr=False, compare=False)
    asked: Edns | None = None

    @property
    def asked_with(self) -> str:
        """The size of datagrams and the DO bit of the question, where it has them."""
        return self.asked.words if self.asked is not None else ""

    @property
    def usable(self) -> bool:
        """Whether a client may go by it."""
        return self.whole and not self.truncated

    def targets(self, kind: str) -> Iterator[str]:
        """The hosts or addresses that records of one type name."""
        return (record.target for record in self.records if record.kind == kind and record.target is not None)

    def exchangers(self) -> list[tuple[int, str]]:
        """Preferences and names of the MX records; ``""`` for a null MX (RFC 7505)."""
        mx = (record for record in self.records if record.kind == "MX")
        return [(record.preference, record.target) for record in mx if record.target is not None]

    def aliases_loop(self, name: str) -> bool:
        """Whether the aliases of the name that was asked for lead back to where they were."""
        targets = list(self.targets("CNAME"))
        return len({name.lower(), *targets}) <= len(targets)


def asked_of(exchange: Exchange) -> Edns | None:
    """What the OPT record of a question says; None where there is none, or it is no question."""
    return exchange.result.asked if isinstance(exchange.result, Asked | Answer) else None


def usable_answer(exchange: Exchange) -> Answer | None:
    """The answer a client may go by, None where there is none."""
    result = exchange.result
    return result if isinstance(result, Answer) and result.usable else None

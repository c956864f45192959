"""What name servers said in a capture: of each name and type, in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from testbed.trace.analysis import Analysis
from testbed.trace.services.dns.results import Answer, Record


class Asked(Struct, frozen=True):
    """A question and what came of it.  ``said`` is NOERROR, NXDOMAIN …, or ``""`` where nothing came."""

    client: str
    server: str
    kind: str
    name: str
    said: str
    answer: Answer | None
    at_ns: int
    frames: tuple[int, ...]
    over_tcp: bool = False
    unreachable: bool = False

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the answer, none where there is none."""
        return self.answer.records if self.answer is not None else ()


def asked(analysis: Analysis) -> list[Asked]:
    """All questions, in order of time since the capture's beginning."""
    return sorted(_asked(analysis), key=lambda one: one.at_ns)


def _asked(analysis: Analysis) -> Iterator[Asked]:
    for connection in analysis.connections:
        if connection.service != "dns":
            continue
        for exchange in connection.exchanges:
            if exchange.command is None:
                continue
            yield Asked(
                connection.client.label,
                connection.server.label,
                exchange.command.verb,
                exchange.command.argument.lower().rstrip("."),
                exchange.reply.code if exchange.reply is not None else "",
                exchange.result if isinstance(exchange.result, Answer) else None,
                exchange.command.time_ns - analysis.start_ns,
                exchange.frames,
                connection.transport.protocol == "tcp",
            )


class Directory:
    """Which names addresses have, and which hosts take a domain's mail, as answers tell."""

    def __init__(self, questions: list[Asked]) -> None:
        self.names: dict[str, str] = {}
        self.exchangers: dict[str, list[tuple[int, str]]] = {}
        self.addresses: dict[str, list[str]] = {}
        self.asked_mx: dict[str, Counter[str]] = {}
        for one in questions:
            if one.kind in ("A", "AAAA"):
                for record in one.records:
                    if record.kind in ("A", "AAAA") and record.target:
                        self.names.setdefault(record.target, one.name)
                        known = self.addresses.setdefault(one.name, [])
                        known += [record.target] if record.target not in known else []
            elif one.kind == "MX":
                self.asked_mx.setdefault(one.name, Counter())[one.said] += 1
                if one.answer is not None and (found := one.answer.exchangers()):
                    self.exchangers.setdefault(one.name, sorted(set(found)))

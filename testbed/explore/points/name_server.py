"""DNS: at each question of a run, what is wrong with the answer, once or from then on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from testbed.explore.candidate import Candidate, Point
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.services.table import service_of

_TROUBLES = ("NXDOMAIN", "SERVFAIL", "REFUSED", "silent", "truncated", "garbled", "wrong-id")
_HOLDS = {
    "MX": ("nothing", "null-mx", "loop"),
    **dict.fromkeys(("A", "AAAA", "TXT", "TLSA", "PTR", "SRV"), ("nothing", "loop")),
}
_RANK = 3


def name_server(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """Every trouble that a question about a mail domain or a host of the lab can meet."""
    counts: Counter[tuple[str, str]] = Counter()
    for connection in analysis.connections:
        if not service_of(connection.service).questions:
            continue
        for exchange in connection.exchanges:
            if exchange.command is not None and exchange.command.verb in _HOLDS:
                kind, name = exchange.command.verb, exchange.command.argument.rstrip(".").lower()
                counts[kind, name] += 1
                yield from _about(kind, name, counts[kind, name])


def _about(kind: str, name: str, nth: int) -> Iterator[Candidate]:
    point = Point("zone", f"{kind} {name}", nth, _RANK)
    fault: dict[str, object] = {"zone": name, "kind": kind, **({"nth": nth} if nth > 1 else {})}
    for answer in (*_TROUBLES, *_HOLDS[kind]):
        yield Candidate(point, answer, {**fault, "answer": answer, "times": 1})
    if nth == 1:
        for answer in ("NXDOMAIN", "SERVFAIL", "silent"):
            yield Candidate(point, f"{answer} always", {**fault, "answer": answer})

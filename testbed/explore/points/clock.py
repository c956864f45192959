"""Time: what is over just before, or just after, somebody who waits for it loses patience.

Clients wait for replies as RFC 5321 §4.5.3.2 has it; a relay tries again, and gives up, when it is set to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, repeat

from testbed.durations import MINUTE, SECOND
from testbed.explore.candidate import Candidate, Point
from testbed.scenario.hosts import RelaySpec
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_PATIENCE: Mapping[str, int] = {"connect": 5, "MAIL": 5, "RCPT": 5, "DATA": 2, "message": 10}
"""Minutes, by what was said (RFC 5321 §4.5.3.2.1 to §4.5.3.2.6)."""
_RANKS = {"message": 0, "RCPT": 1, "DATA": 1}
_FARTHEST, _OF_RETRIES = 3, 2
_RETRIES = 3
_BORDERS = {"1 s before": -1, "1 s after": 1}


def clock(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """At the border of each timer that runs, or would if something was refused, in a run's SMTP and LMTP."""
    counts: Counter[tuple[str, str]] = Counter()
    pushed = [c for c in analysis.connections if service_of(c.service).mail is Mail.PUSHED]
    for connection in pushed:
        for exchange in connection.exchanges:
            if exchange.command is not None and exchange.command.verb in _PATIENCE:
                place = connection.server.label, exchange.command.verb
                counts[place] += 1
                yield from _replies(*place, counts[place])
    yield from _retries(scenario, analysis, pushed)


def _replies(server: str, stage: str, nth: int) -> Iterator[Candidate]:
    point = Point("clock", f"{server} has to answer {stage}", nth, _RANKS.get(stage, _FARTHEST))
    fault: dict[str, object] = {"at": server, "on": stage, "times": 1, **({"nth": nth} if nth > 1 else {})}
    for border, seconds in _BORDERS.items():
        late_s = _PATIENCE[stage] * MINUTE // SECOND + seconds
        yield Candidate(point, f"answers {border} it is too late", {**fault, "delay": f"{late_s}s"})


def _retries(scenario: Scenario, analysis: Analysis, pushed: Sequence[Connection]) -> Iterator[Candidate]:
    first: dict[tuple[str, str], int] = {}
    for connection in pushed:
        first.setdefault((connection.client.label, connection.server.label), connection.start_ns - analysis.start_ns)
    for (relay, hop), since_ns in first.items():
        since_s = since_ns // SECOND
        for point, after_s in _timers(scenario, relay, hop):
            for border, seconds in _BORDERS.items():
                window: dict[str, object] = {"until": f"{since_s + after_s + seconds}s"}
                window |= {"from": f"{since_s}s"} if since_s else {}
                greylists = {"at": hop, "on": "RCPT", "reply": "451 4.7.1 Greylisted", **window}
                yield Candidate(point, f"greylists until {border}", greylists)
                yield Candidate(point, f"refused until {border}", {"host": hop, "is": "refused", **window})


def _timers(scenario: Scenario, relay: str, hop: str) -> Iterator[tuple[Point, int]]:
    """Seconds after its first attempt when a relay tries again, and when it gives up, as far as a scenario says."""
    spec = scenario.hosts.get(relay)
    if spec is None or hop not in scenario.hosts:
        return
    waits: Iterator[int]
    if isinstance(spec, RelaySpec) and not spec.is_program:
        waits, give_up = chain(spec.retry, repeat(spec.retry[-1])), spec.give_up
    elif spec.configured is not None and spec.configured.retry and spec.configured.give_up:
        waits, give_up = repeat(spec.configured.retry), spec.configured.give_up
    else:
        return
    for nth, (_, after) in enumerate(zip(range(_RETRIES), accumulate(waits), strict=False), 1):
        if after < give_up:
            yield Point("clock", f"{relay} tries {hop} again", nth, _OF_RETRIES), after // SECOND
    yield Point("clock", f"{relay} gives up on {hop}", rank=_OF_RETRIES), give_up // SECOND

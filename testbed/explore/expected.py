"""What a scenario that was shrunk expects: of what its origin expects, that which held although it is red."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from testbed.errors import CaptureError
from testbed.expect import judge
from testbed.scenario.problems import ScenarioError
from testbed.scenario.rewritten import Data, data_of, rewritten
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from testbed.trace.model.connection import Handshake

_MOST = 3
_OF_ONE_RUN = frozenset({"attempts", "transactions", "talk"})
_COUNTS = ("count", "copies", "messages")


def expected(origin: Scenario, scenario: Scenario, data: Data, trace: Path | None) -> list[object]:
    """A few expectations of a scenario's origin that hold in the trace of a red run, and will when nothing is broken.

    What counts is left out, as a server that works may do more.  There is always one: that somebody has connected.
    """
    some = next(iter(scenario.hosts))
    anything = _connection(some, some)
    if trace is None:
        return [anything]
    try:
        analysis = inspect(trace)
    except CaptureError:
        return [anything]
    known = [one for one in _known(origin) if not _counts(one)]
    held = [one for one in known if _holds(origin, data, one, analysis)]
    return held[:_MOST] or next(
        ([one] for one in _connected(analysis) if _holds(origin, data, one, analysis)), [anything]
    )


def is_red(scenario: Scenario, trace: Path) -> bool:
    """Whether a trace is red by what always holds in ``testbed run``."""
    try:
        return any(not verdict.held for verdict in judge(scenario, inspect(trace)).always)
    except CaptureError:
        return False


def _known(scenario: Scenario) -> Iterator[object]:
    known = data_of(scenario).get("expect")
    yield from known if isinstance(known, list) else ()


def _counts(expectation: object) -> bool:
    [(kind, body)] = expectation.items() if isinstance(expectation, Mapping) else [("", {})]
    several = isinstance(body, Mapping) and any(body.get(key) not in (None, 0, 1) for key in _COUNTS)
    return kind in _OF_ONE_RUN or several or (kind == "reply" and isinstance(body, Mapping) and "count" in body)


def _holds(scenario: Scenario, data: Data, expectation: object, analysis: Analysis) -> bool:
    try:
        alone = rewritten(scenario, {**data, "expect": [expectation]})
    except ScenarioError:
        return False
    return all(verdict.held and verdict.judged for verdict in judge(alone, analysis).expectations)


def _connected(analysis: Analysis) -> Iterator[object]:
    """That two hosts have connected: the last of them first, as they are the nearest to what was broken."""
    for connection in reversed(analysis.connections):
        if connection.opening.handshake is Handshake.COMPLETE:
            yield _connection(connection.client.label, connection.server.label)


def _connection(client: str, server: str) -> object:
    return {"connection": {"from": client, "to": server, "handshake": "complete"}}

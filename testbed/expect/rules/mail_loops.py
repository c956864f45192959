"""RFC 5321 §6.3: servers find out mail that goes in circles, by a large number of Received fields, and end it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.rules.settings import settings
from testbed.expect.verdict import Verdict
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_WHAT = "mail does not go in circles forever (RFC 5321 §6.3)"


def mail_loops(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A host has taken a message that came back to it more often than it may have Received fields."""
    ways: dict[str, list[Passage]] = {}
    for passage in sorted((p for p in carried if p.promised and p.message_id), key=lambda p: p.began_ns):
        ways.setdefault(passage.message_id, []).append(passage)
    for message_id, way in ways.items():
        for (host, recipient), (fresh, back) in _arrivals(way).items():
            if len(back) > settings(scenario, host).max_hops * max(1, len(fresh)):
                why = f"{message_id} for {recipient} came back to {host} {len(back)} times, and was taken each time"
                yield Verdict(_WHAT, False, why, (*back[0].frames, *back[-1].frames))


def _arrivals(way: Sequence[Passage]) -> dict[tuple[str, str], tuple[list[Passage], list[Passage]]]:
    """By host and recipient: what brought a message to it afresh, and what back from where it had been."""
    been: dict[str, set[str]] = {}  # where it has come to from each host
    found: dict[tuple[str, str], tuple[list[Passage], list[Passage]]] = {}
    for passage in way:
        for there in been.values():
            if passage.client in there:
                there.add(passage.server)
        been.setdefault(passage.client, set()).add(passage.server)
        came_back = passage.client in been.get(passage.server, ())
        arrivals = found.setdefault((passage.server, passage.recipient), ([], []))
        arrivals[came_back].append(passage)
    return found

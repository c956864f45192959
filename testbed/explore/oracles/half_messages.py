"""A message that broke off before its final dot was never sent: nobody stores it or hands it on (RFC 5321 §4.1.1.4)."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.expect.conservation.passages import passages
from testbed.expect.observed import programs
from testbed.explore.ran import Breach
from testbed.protocols import events
from testbed.protocols.header import named
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

WHAT = "what ends before its final dot is no message (RFC 5321 §4.1.1.4)"

_Place = tuple[str, str, str]  # a host, a Message-ID, a recipient


def half_messages(scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
    """A program keeps, or has handed on, a message that was brought to it in part only, for that very recipient.

    It is known by its Message-ID, or by having none as the part has none.
    """
    broken: dict[_Place, tuple[int, ...]] = {}
    whole: set[_Place] = set()
    hosts = programs(analysis)
    for connection in analysis.connections:
        host = connection.server.label
        invited = any(reply.code == "354" for exchange in connection.exchanges for reply in exchange.replies)
        for transaction in connection.transactions if host in hosts else ():
            for to in transaction.recipients:
                place = host, transaction.message_id, to.address.lower()
                if transaction.whole:
                    whole.add(place)
                elif not to.refused and invited:
                    broken.setdefault(place, transaction.frames[-1:])
    halves = {place: frames for place, frames in broken.items() if place not in whole}
    for entry in of(analysis.log, events.Stored):
        place = entry.host, entry.event.message_id, entry.event.recipient.lower()
        if place in halves:
            why = f"{entry.host} keeps {named(entry.event.message_id)} for {place[2]}, of which it had a part only"
            yield Breach(WHAT, why, (*halves[place], entry.frame))
    for passage in passages(analysis):
        place = passage.client, passage.message_id, passage.recipient
        if place in halves and passage.promised and passage.sender:
            why = f"{passage.client} sent {named(passage.message_id)} for {passage.recipient} to {passage.server}, "
            yield Breach(WHAT, f"{why}of which it had a part only", (*halves[place], *passage.frames))

"""RFC 5321 §4.5.4.1: mail that cannot be delivered is given up in the end, and its sender is told."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.durations import HOUR, format_duration
from testbed.expect.conservation.passages import passages
from testbed.expect.observed import entries
from testbed.expect.rules.settings import settings
from testbed.explore.ran import Breach
from testbed.protocols import events
from testbed.protocols.header import named
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

WHAT = "mail is given up in its time (RFC 5321 §4.5.4.1)"
_MOST_LATE_NS = 8 * HOUR  # a host notes that the time is over when it tries again, and intervals grow


def kept_too_long(scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
    """A host, whose time to give up is known, still holds mail at the end that it should have given up long before.

    One that has crashed may have had other things to do since.
    """
    end = next(of(analysis.log, events.LabEnded), None)
    if end is None or end.event.reason != events.ALL_PLAYED:
        return
    crashed = {entry.host for entry in of(analysis.log, events.Crashed)}
    in_queue = {(e.host, e.event.message_id, e.event.recipient.lower()) for e in of(analysis.log, events.HoldsQueue)}
    in_file = {(entry.host, entry.event.message_id) for entry in of(analysis.log, events.HoldsFile)}
    listed = {(entry.host, entry.event.recipient.lower()) for entry in of(analysis.log, events.HoldsListed)}
    carried = passages(analysis)
    over = {(one.client, one.known_as, one.recipient) for one in carried if one.promised}
    over |= {(e.host, e.event.message_id, e.event.recipient.lower()) for e in entries(analysis, events.Bounced)}
    for passage in carried:
        key = passage.server, passage.message_id, passage.recipient
        holds = key in in_queue or key[:2] in in_file or (key[0], key[2]) in listed
        wait, age = settings(scenario, passage.server).give_up, end.time_ns - passage.ended_ns
        if not passage.promised or wait is None or not holds or key in over or passage.server in crashed:
            continue
        if age > wait + min(wait // 2, _MOST_LATE_NS):
            why = f"{passage.server} still holds {named(passage.message_id)} for {passage.recipient}, though it is set "
            yield Breach(WHAT, f"{why}to give up after {format_duration(wait)}", (*passage.frames, end.frame))

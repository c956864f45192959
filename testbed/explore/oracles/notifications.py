"""Notifications are what RFC 3464 says: from the null path, to a sender, with the fields that programs read."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.expect.notices import notices
from testbed.explore.ran import Breach
from testbed.protocols import events
from testbed.protocols.header import named
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

WHAT = "notifications are well-formed (RFC 3464)"


def notifications(scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
    """What is wrong with each that means to be one, in packets or in a mailbox of the host that sent it.

    Those which only people can read need not have any form (RFC 5321 §6.1).
    """
    for notice in notices(analysis):
        if notice.report.tells:
            wrong = [f"it comes from <{notice.sender}>, not from the null path"] if notice.sender else []
            for problem in (*wrong, *notice.report.problems):
                why = f"{notice.host} sent {named(notice.message_id)}: {problem}"
                yield Breach(WHAT, why, notice.frames)
    for entry in of(analysis.log, events.Misreported):
        event = entry.event
        yield Breach(
            WHAT, f"{entry.host} told {event.recipient} in {named(event.message_id)}: {event.problems}", (entry.frame,)
        )

"""RFC 5321 §4.5.4.1: mail that is refused for now is tried again, for four to five days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import entries, programs
from testbed.expect.rules.tries import Offer, tries
from testbed.expect.sealed import ends, sealed
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_WHAT = "no mail is given up after a first temporary refusal (RFC 5321 §4.5.4.1)"


def given_up_too_soon(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A program gives a message back that it has tried once, and that was refused for now.

    The lab's own relay gives up when its scenario says so.
    """
    hosts = programs(analysis) - ends(sealed(analysis))
    given = Counter(Offer(p.server, p.sender, p.recipient) for p in carried if p.promised)
    bounced = {
        (entry.host, entry.event.sender.lower(), entry.event.recipient.lower()): entry
        for entry in entries(analysis, events.Bounced)
        if entry.host in hosts
    }
    for offer, made in tries(analysis).items():
        back = bounced.get((offer.client, offer.sender, offer.recipient))
        refused = [one for one in made if one.status[:1] == "4"]
        final = any(one.status[:1] == "5" for one in made)
        if back is not None and refused and not final and len(made) <= given[offer]:
            first = refused[0]
            why = f"{offer.client} gave up on {offer.recipient} when {first.server} had said {first.status} once"
            yield Verdict(_WHAT, False, why, (*first.frames, back.frame))

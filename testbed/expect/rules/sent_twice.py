"""RFC 5321 §6.1: who has heard a 250 has handed the message over, and does not send it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Answer, Passage
from testbed.expect.deeds import deeds
from testbed.expect.rules.settings import meddled_with
from testbed.expect.verdict import Verdict
from testbed.protocols.header import named
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_WHAT = "no client sends again what it has heard the 250 for (RFC 5321 §6.1)"


def sent_twice(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A program that plays a user agent has handed over one message twice in one run.

    What a step runs is the scenario's own deed, and relays are judged by what they were given.
    """
    for deed in deeds(analysis):
        agent = isinstance(scenario.hosts.get(deed.host), UserAgentSpec)
        if not deed.plays or not agent or meddled_with(scenario, deed.host):
            continue
        mine = [p for p in carried if p.client == deed.host and deed.began_ns <= p.began_ns <= deed.ended_ns]
        taken = [p for p in mine if p.answer is Answer.TAKEN and p.message_id and p.content is not None]
        times = Counter((p.message_id, p.content.body_sha256 if p.content else "", p.recipient) for p in taken)
        for (message_id, body, recipient), number in times.items():
            same = [p for p in taken if p.content is not None and p.content.body_sha256 == body]
            copies = [p for p in same if (p.message_id, p.recipient) == (message_id, recipient)]
            if number > 1:
                why = f"{deed.host} sent {named(message_id)} for {recipient} again after it had heard"
                frames = tuple(frame for p in copies for frame in p.frames)
                yield Verdict(_WHAT, False, f"{why} {copies[0].server}'s 250", frames)

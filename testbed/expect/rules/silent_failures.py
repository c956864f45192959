"""A program that ended with status 0, in silence about a recipient whom nobody has promised its mail.

It may have kept the mail in a queue of its own, told its user elsewhere, or been run to see the refusal.  So this is
not judged; a scenario whose program has nothing but its status to tell by says ``exited: {agrees_with: message}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import Deed, deeds, is_foreseen
from testbed.expect.sealed import ends, sealed
from testbed.expect.sent import offered, tells
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

_WHAT = "who sends mail and ends with status 0 has sent it, or says for whom not"
_ASK = "nobody can see whether it keeps it for later; 'agrees_with: message' at 'exited' asks for another status"


def silent_failures(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """What user agents that are programs were silent about; one that keeps the mail in a file may send it later."""
    hidden = ends(sealed(analysis))
    queues = {entry.host for entry in of(analysis.log, events.HoldsFile)}
    for deed in deeds(analysis):
        ended = deed.exited
        if ended is None or ended.event.status != 0 or deed.host in hidden | queues or not _counts(scenario, deed):
            continue
        for one in offered(deed, analysis, carried):
            if not one.taken and not tells(deed, one, analysis):
                why = f"the program of {deed.host} ended with status 0 and said nothing of {one.recipient}: {one.fate}"
                frames = (*one.frames, ended.frame)
                yield Verdict(_WHAT, True, f"{why}; {_ASK}", frames, judged=False)


def _counts(scenario: Scenario, deed: Deed) -> bool:
    """Whether it plays a user agent all the time, and no expectation is about its status."""
    if deed.asked or not deed.plays or is_foreseen(scenario, deed):
        return False
    return isinstance(scenario.hosts.get(deed.host), UserAgentSpec)

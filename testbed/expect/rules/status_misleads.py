"""A ready-made client that misleads its caller: status 0 for mail that nobody has taken, another for mail that was.

These have no queue, so their status is all that whoever runs them goes by: he loses the mail, or sends it twice.  What
an ``exited`` of the scenario is about is judged there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import Deed, deeds, is_foreseen
from testbed.expect.sealed import ends, sealed
from testbed.expect.sent import Offered, offered, tells
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.programs import TIMED_OUT
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import SendStep
from testbed.subjects.subject import subjects
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

_WHAT = "a client's exit status tells whether its mail was taken"


def status_misleads(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """Each send step whose program says by its status what the replies to its mail contradict."""
    hidden = ends(sealed(analysis))
    for deed in deeds(analysis):
        ended = deed.exited
        if ended is None or deed.host in hidden or not _counts(scenario, deed) or ended.event.status == TIMED_OUT:
            continue
        offers = offered(deed, analysis, carried)
        why = _misleads(scenario, deed, offers, analysis)
        if why:
            frames = tuple(sorted({frame for one in offers for frame in one.frames} | {ended.frame}))
            yield Verdict(_WHAT, False, f"{deed.command} ended with status {ended.event.status}{why}", frames)


def _counts(scenario: Scenario, deed: Deed) -> bool:
    """Whether it sends what it is given before it ends, and no expectation is about its status."""
    host = scenario.hosts.get(deed.host)
    subject = subjects().get(host.program or "") if host is not None else None
    return deed.asked == "send" and subject is not None and not subject.queues and not is_foreseen(scenario, deed)


def _misleads(scenario: Scenario, deed: Deed, offers: Sequence[Offered], analysis: Analysis) -> str:
    """What contradicts its status, as the end of a sentence; ``""`` for nothing."""
    taken = {one.recipient for one in offers if one.taken}
    failed = [one for one in offers if not one.taken]
    if deed.exited is not None and deed.exited.event.status != 0:
        wanted = _wanted(scenario, deed, analysis)
        return f", although {_fates(offers)}" if wanted and wanted <= taken else ""
    if not offers:
        return " but offered no message to anybody"
    if not taken:
        return f", although {_fates(failed)}"
    silent = [one for one in failed if not tells(deed, one, analysis)]
    return f" without a word about some: {_fates(silent)}" if silent else ""


def _fates(offers: Sequence[Offered]) -> str:
    return ", ".join(one.fate for one in offers)


def _wanted(scenario: Scenario, deed: Deed, analysis: Analysis) -> set[str]:
    """The recipients it was given by its step."""
    begun = [entry.event.line for entry in of(analysis.log, events.Step) if entry.time_ns <= deed.began_ns]
    steps = (step for step in scenario.steps if isinstance(step, SendStep) and step.line == begun[-1])
    return {address.lower() for step in steps for address in (*step.recipients, *step.bcc)}

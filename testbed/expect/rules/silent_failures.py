"""A mail program that ends with status 0 has sent its mail, or has said for whom it has not (sysexits.h: EX_OK).

Whose status means that, the scenario says: by the role of a user agent, or by an expectation ``exited``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import Deed, deeds
from testbed.expect.sealed import ends, sealed
from testbed.expect.sent import Offered, offered, output
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.programs import Exited
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

_WHAT = "who sends mail and ends with status 0 has sent it, or says for whom not"


def silent_failures(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A program ended well, in silence about a recipient whom nobody has promised the message.

    One that keeps it in a file may send it later.
    """
    hidden = ends(sealed(analysis))
    queues = {entry.host for entry in of(analysis.log, events.HoldsFile)}
    for deed in deeds(analysis):
        ended = deed.exited
        if ended is None or ended.event.status != 0 or deed.host in hidden | queues or not _counts(scenario, deed):
            continue
        said = " ".join(entry.event.text for entry in output(deed, analysis)).lower()
        for one in offered(deed, analysis, carried):
            if not one.taken and not _tells(said, one):
                why = f"the program of {deed.host} ended with status 0 and said nothing of {one.recipient}: {one.fate}"
                yield Verdict(_WHAT, False, why, (*one.frames, ended.frame))


def _counts(scenario: Scenario, deed: Deed) -> bool:
    """Whether its exit status is to mean something."""
    for expected in scenario.expect:
        if isinstance(expected, Exited) and expected.command in deed.command:
            return expected.agrees_with is None
    return deed.plays and isinstance(scenario.hosts.get(deed.host), UserAgentSpec)


def _tells(said: str, one: Offered) -> bool:
    """Whether the words name the recipient, or the reply."""
    reply = one.reply
    return one.recipient in said or (reply is not None and bool(reply.code) and reply.code in said)

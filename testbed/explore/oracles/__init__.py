"""What is broken in a run that nobody has written expectations for: a file an oracle.

The first of them are the verdicts that hold in every scenario: the conservation of mail, and ``expect/rules``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from testbed.expect import Judgement
from testbed.expect.verdict import Reason
from testbed.explore.oracles.half_messages import half_messages
from testbed.explore.oracles.impatience import impatience
from testbed.explore.oracles.kept_too_long import kept_too_long
from testbed.explore.oracles.notifications import notifications
from testbed.explore.oracles.readers_secrets import readers_secrets
from testbed.explore.oracles.senders_account import senders_account
from testbed.explore.oracles.servers_account import servers_account
from testbed.explore.ran import Breach
from testbed.protocols.text import printable
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

Oracle = Callable[[Scenario, Analysis], Iterator[Breach]]

ORACLES: tuple[Oracle, ...] = (
    senders_account,
    servers_account,
    half_messages,
    impatience,
    kept_too_long,
    notifications,
    readers_secrets,
)
"""What is asked besides."""


def breaches(
    scenario: Scenario, analysis: Analysis, judgement: Judgement, own: Sequence[Oracle] = ()
) -> tuple[Breach, ...]:
    """All that was broken in a run, each once for every reason there is.

    ``own`` are a team's own oracles.  Raises UsageError where one of these fails.
    """
    always = (
        Breach(printable(reason.what), printable(reason.why), verdict.frames)
        for verdict in (*judgement.awaited, *judgement.mail)
        if not verdict.held
        for reason in verdict.reasons or (Reason(verdict.what, verdict.why),)
    )
    return (*always, *(breach for oracle in (*ORACLES, *own) for breach in oracle(scenario, analysis)))

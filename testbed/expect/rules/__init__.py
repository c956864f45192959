"""Rules that always hold, for every server and client of a lab: a file each, with the RFC that says so.

A rule accuses a host only where the packets show that it broke the rule.  What the lab staged is nobody's fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.mailboxes import mailboxes
from testbed.expect.rules.given_up_too_soon import given_up_too_soon
from testbed.expect.rules.letters_stay import letters_stay
from testbed.expect.rules.mail_for_nobody import mail_for_nobody
from testbed.expect.rules.programs_run_on import programs_run_on
from testbed.expect.rules.sent_twice import sent_twice
from testbed.expect.rules.silent_failures import silent_failures
from testbed.expect.rules.tried_again_after_refusal import tried_again_after_refusal
from testbed.expect.verdict import Verdict
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_RULES: tuple[Callable[[Scenario, Analysis, Sequence[Passage]], Iterator[Verdict]], ...] = (
    tried_again_after_refusal,
    given_up_too_soon,
    programs_run_on,
    mailboxes,
    silent_failures,
    sent_twice,
    mail_for_nobody,
    letters_stay,
)


def judge_rules(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> list[Verdict]:
    """A verdict for each time a rule was broken; none where all were kept."""
    return [verdict for rule in _RULES for verdict in rule(scenario, analysis, carried)]

"""Rules that always hold, for every server and client of a lab: a file each, with the RFC that says so.

A rule accuses a host only where the packets show that it broke the rule.  What the lab staged is nobody's fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.rules.ended_data_early import ended_data_early
from testbed.expect.rules.given_up_too_soon import given_up_too_soon
from testbed.expect.rules.letters_stay import letters_stay
from testbed.expect.rules.mail_for_nobody import mail_for_nobody
from testbed.expect.rules.mail_loops import mail_loops
from testbed.expect.rules.null_path_answered import null_path_answered
from testbed.expect.rules.open_relay import open_relay
from testbed.expect.rules.programs_answer import programs_answer
from testbed.expect.rules.programs_heed_sigterm import programs_heed_sigterm
from testbed.expect.rules.programs_run_on import programs_run_on
from testbed.expect.rules.sent_in_clear import sent_in_clear
from testbed.expect.rules.sent_twice import sent_twice
from testbed.expect.rules.silent_failures import silent_failures
from testbed.expect.rules.status_misleads import status_misleads
from testbed.expect.rules.tried_again_after_refusal import tried_again_after_refusal
from testbed.expect.rules.tried_again_too_soon import tried_again_too_soon
from testbed.expect.verdict import Verdict
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_RULES: tuple[Callable[[Scenario, Analysis, Sequence[Passage]], Iterator[Verdict]], ...] = (
    tried_again_after_refusal,
    tried_again_too_soon,
    given_up_too_soon,
    null_path_answered,
    sent_in_clear,
    open_relay,
    mail_loops,
    programs_answer,
    programs_heed_sigterm,
    programs_run_on,
    ended_data_early,
    silent_failures,
    status_misleads,
    sent_twice,
    mail_for_nobody,
    letters_stay,
)


def judge_rules(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> list[Verdict]:
    """A verdict for each time a rule was broken; none where all were kept."""
    return [verdict for rule in _RULES for verdict in rule(scenario, analysis, carried)]

"""A rule counts as tested only where a run gave an occasion to break it."""

from __future__ import annotations

import pytest

from testbed.expect.conservation import KEPT, LOST
from testbed.explore.occasions import OCCASIONS, counted, covered, occasions
from testbed.explore.promises import PROMISES
from testbed.explore.ran import Came, Ran
from testbed.scenario.load import parse
from testbed.scenario.reach import Reach
from testbed.trace.inspect import inspect
from tests.traces import traces_of

PUT_OFF = "mail that is refused for now is not tried again at once (RFC 5321 §4.5.4.1)"
FROM_NOBODY = "mail from the null path is neither bounced nor answered (RFC 5321 §6.1, RFC 3834 §2)"
BY_STRANGERS = "no mail server passes on strangers' mail to other domains (RFC 2505 §2.1)"


@pytest.mark.parametrize(
    ("stem", "has", "has_not"),
    [
        ("delivered", {LOST}, {KEPT, PUT_OFF, FROM_NOBODY, BY_STRANGERS}),
        ("mailbox-full", {LOST, KEPT, PUT_OFF}, {FROM_NOBODY, BY_STRANGERS}),
    ],
)
def test_a_run_gives_occasions(stem: str, has: set[str], has_not: set[str]) -> None:
    analysis = inspect(traces_of(stem)[0])
    assert analysis.lab is not None
    scenario = parse(analysis.lab.scenario, analysis.lab.file, analysis.lab.case, Reach(anywhere=True))
    many = counted([Ran(0, Came.DELIVERED, occasions=occasions(scenario, analysis))])
    assert has <= {name for name, number in many.items() if number}
    assert has_not <= {name for name, number in many.items() if not number}


def test_what_never_had_one_is_named() -> None:
    first, *others = OCCASIONS
    said = covered([Ran(0, Came.DELIVERED, occasions=(0,))] * 2)
    assert said.startswith(f"1 of {len(OCCASIONS)} rules")
    assert first not in said
    assert all(other in said for other in others)


def test_every_rule_says_what_should_happen() -> None:
    assert OCCASIONS.keys() <= PROMISES.keys() | {"no mail is altered"}

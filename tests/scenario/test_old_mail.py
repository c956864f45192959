"""Old mail is counted for each recipient, so all of it together has a limit."""

from __future__ import annotations

import pytest

from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError

LAB = """\
title: T
hosts:
  someschool.edu:
    mailboxes:
      bob: {{filled: {bob}}}
      carol: {{filled: {carol}}}
steps: [{{wait: 1s}}]
expect: [{{mailbox: {{of: bob@someschool.edu, messages: 1}}}}]
"""


@pytest.mark.parametrize(("bob", "carol", "line"), [("101 GB", "0", 5), ("60 GB", "60 GB", 6), ("0", "100.1 GB", 6)])
def test_too_much_old_mail_is_a_mistake_where_it_is_too_much(bob: str, carol: str, line: int) -> None:
    with pytest.raises(ScenarioError, match="100,000,000,000") as caught:
        parse(LAB.format(bob=bob, carol=carol))
    assert line in [problem.line for problem in caught.value.problems]

"""Which of several faults strikes at an event, and what the others count."""

from __future__ import annotations

import pytest

from testbed.hosts.fault_script import FaultScript
from testbed.scenario.faults import DialogueFault


def _struck(events: int, *faults: dict[str, object]) -> list[str]:
    """The replies that so many events meet; ``-`` for none."""
    staged = [DialogueFault.model_validate({"at": "mx.test", "on": "RCPT"} | fault) for fault in faults]
    script = FaultScript(staged)
    found = [script.first(lambda fault: True) for _ in range(events)]
    return [str(one.reply) if one is not None else "-" for one in found]


@pytest.mark.parametrize(
    ("faults", "struck"),
    [
        ([{"reply": "450 a", "times": 1}], ["450 a", "-", "-"]),
        ([{"reply": "450 a", "times": 1}, {"reply": "450 b", "times": 1}], ["450 a", "450 b", "-"]),
        ([{"reply": "450 a", "times": 1}, {"reply": "450 b", "nth": 2, "times": 1}], ["450 a", "450 b", "-"]),
        ([{"reply": "450 a", "times": 1}, {"reply": "450 b", "nth": 3, "times": 1}], ["450 a", "-", "450 b"]),
        ([{"reply": "450 a", "times": 2}, {"reply": "450 b", "nth": 2, "times": 1}], ["450 a", "450 a", "450 b"]),
    ],
)
def test_the_nth_event_is_the_nth_whichever_fault_struck_before(
    faults: list[dict[str, object]], struck: list[str]
) -> None:
    assert _struck(3, *faults) == struck

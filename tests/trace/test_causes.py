"""What follows from one cause is one difference: the cause first, in the server's words, the rest below it."""

from __future__ import annotations

import pytest

from testbed.trace.compare.causes import causes
from testbed.trace.compare.change import Change
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.compare.difference import every
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT

CAPTURES = PROJECT / "captures"


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (
            "delivered",
            "mailbox-full",
            [
                "someschool.edu now refuses RCPT of crepes.fr: 452 4.2.2 'Mailbox full'; before, it said 250 2.1.5",
                "someschool.edu now logs 'emptied' for bob@someschool.edu",  # by a step of the scenario
            ],
        ),
        (
            "mailbox-full",
            "delivered",
            [
                "someschool.edu no longer refuses RCPT of crepes.fr, but says 250 2.1.5; before, 452 4.2.2",
                "someschool.edu no longer logs 'emptied'",
            ],
        ),
        (
            "refused-for-good-RCPT-550-5.7.1-Not-wanted",
            "refused-for-now-RCPT-452-4.3.1-Disk-full",
            ["someschool.edu now refuses RCPT of crepes.fr only for now: 452 4.3.1 'Disk full'; before, for good: 550"],
        ),
        ("delivered", "syn-lost-twice", ["crepes.fr now sends its SYN to someschool.edu 3 times; before, once"]),
        (
            "delivered",
            "reset-after-final-dot",
            ["someschool.edu no longer answers the message of crepes.fr; before, it said 250 2.0.0"],
        ),
        (
            "delivered",
            "unknown-user",
            ["another message: mail from", "someschool.edu now refuses RCPT of crepes.fr: 550 5.1.1 'User unknown'"],
        ),
        (
            "delivered",
            "data-segment-lost",
            ["another message: mail from", "data between crepes.fr and someschool.edu is now lost and sent again"],
        ),
    ],
)
def test_one_cause_is_one_difference(before: str, now: str, told: list[str]) -> None:
    compared = compare_analyses(*(inspect(CAPTURES / f"{name}.pcapng") for name in (before, now)))
    assert [one.text[: len(text)] for one, text in zip(compared.differences, told, strict=True)] == told
    assert not any(one.follows for difference in compared.differences for one in difference.follows)
    texts = [one.text for one in every(compared.differences)]
    assert len(texts) == len(set(texts)) > len(told) - 1


def change(kind: str, frame: int, who: str = "relay", whom: str = "mx", **more: object) -> Change:
    return Change(kind, who, whom, str(more.pop("what", "x")), 1, 2, (frame,), (frame,), **more)  # type: ignore[arg-type]


REPLY = change("reply", 10)


@pytest.mark.parametrize(
    ("changes", "grouped"),
    [
        # What comes later, and of a host that takes part, follows; what comes before, or of others, does not.
        ([REPLY, change("fate", 12)], [["reply", "fate"]]),
        ([REPLY, change("fate", 8)], [["reply"], ["fate"]]),
        ([REPLY, change("fate", 12, "other", "else")], [["reply"], ["fate"]]),
        ([REPLY, change("finding", 12, "", "", hosts=("mx", "z"))], [["reply", "finding"]]),
        ([REPLY, change("deed stored", 12, "z", "bob@mx")], [["reply", "deed stored"]]),
        # Two replies on two connections are two causes, on one the later follows.
        ([REPLY, change("reply", 20, "other", "else")], [["reply"], ["reply"]]),
        ([REPLY, change("command-gone", 11)], [["reply", "command-gone"]]),
        ([REPLY, change("reply", 20, connection=2)], [["reply"], ["reply"]]),
        # Without anything decided on the wire, what comes first by nature.
        ([change("return", 9), change("delay", 9, whom="bob@mx")], [["delay", "return"]]),
        ([change("deed stored", 9), change("connections", 9)], [["connections", "deed stored"]]),
        # Steps are nobody's consequence.
        ([REPLY, change("deed emptied", 30, "mx")], [["reply"], ["deed emptied"]]),
        ([], []),
    ],
    ids=lambda value: " ".join("+".join(one) for one in value) if value and isinstance(value[0], list) else "",
)
def test_what_follows_from_what(changes: list[Change], grouped: list[list[str]]) -> None:
    found = causes([(one,) for one in changes])
    assert [[one.changes[0].kind, *(same[0].kind for same in one.follows)] for one in found] == grouped

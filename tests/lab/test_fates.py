"""What became of mail, in a word: as the reference traces show it."""

from __future__ import annotations

import pytest

from testbed.expect.fates import attempts_s, fates, told
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT

CAPTURES = PROJECT / "captures"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("delivered", "delivered"),
        ("reset-after-final-dot", "delivered twice"),
        ("unknown-user", "bounced 5.1.1"),
        ("mailbox-full-five-days", "bounced 4.4.7"),
        ("null-mx", "bounced 5.1.10"),
        ("relay-never-comes-back", "queued"),
        ("rules-of-a-mailbox", "1 bounced 5.7.1, 4 delivered, 2 passed on"),
        ("agent-switched-off", "refused 452 4.2.2"),
        ("postfix-unknown-domain", "bounced 5.4.4"),
        ("wrong-password-587", ""),
    ],
)
def test_each_recipient_has_one(name: str, words: str) -> None:
    assert told(fates(inspect(CAPTURES / f"{name}.pcapng"))) == words


def test_attempts_count_from_when_mail_was_offered() -> None:
    times = attempts_s(inspect(CAPTURES / "mailbox-full.pcapng"), ["crepes.fr"])
    assert [round(seconds / 60) for seconds in times] == [0, 30, 90]


def test_who_tries_nothing_has_no_attempts() -> None:
    assert attempts_s(inspect(CAPTURES / "null-mx.pcapng"), ["crepes.fr"]) == ()

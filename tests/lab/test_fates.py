"""What became of mail, in a word: as the reference traces show it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testbed.expect.fates import attempts_s, fates, told
from testbed.protocols import events
from testbed.trace.inspect import inspect
from testbed.trace.model.log import LogEntry
from tests.conftest import PROJECT
from tests.trace.talk import Talk, watch

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


TIMED_OUT = (
    "S 220 x", "C EHLO a", "S 250 x", "C MAIL FROM:<a@a>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA",
    "S 354 go", "C Message-ID: <1@a>\r\n\r\nhi\r\n.", "S 421 4.4.2 timeout",
)  # fmt: skip
FILE = events.HoldsFile(message_id="<1@a>", file="queue/1")
LISTED = events.HoldsListed(recipient="b@y", sender="a@a")


@pytest.mark.parametrize(
    ("server", "held", "words"),
    [
        ("10.0.0.2", (), "refused 421 4.4.2"),
        ("10.0.0.2", (FILE,), "unknown"),
        ("10.0.0.2", (FILE, LISTED), "queued"),
        ("10.0.0.2", (LISTED,), "refused 421 4.4.2"),
        ("10.0.0.9", (FILE, LISTED), "refused 421 4.4.2"),
    ],
)
def test_what_lies_in_its_servers_queue_was_not_refused(
    server: str, held: tuple[events.HoldsFile | events.HoldsListed, ...], words: str
) -> None:
    analysis = watch(Talk().open().say(*TIMED_OUT).close())
    told_of = (events.Started(command="p"), *held)
    log = tuple(LogEntry(90 + n, analysis.end_ns, server, event, "") for n, event in enumerate(told_of))
    assert told(fates(replace(analysis, log=log))) == words

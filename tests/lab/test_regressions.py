"""Deliberate regressions, each found by comparing with the stored reference, and told in its own words."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.baseline import Baseline
from testbed.outcome import Result
from testbed.trace.compare.difference import every
from tests.conftest import PROJECT
from tests.lab import regressions
from tests.lab.catalogue import breaks, tls_breaks
from tests.lab.catalogue.breaks_of_servers import waits_for
from tests.lab.catalogue.group import Break
from tests.lab.test_scenarios import play
from tests.scenarios import SCENARIOS

pytestmark = pytest.mark.lab

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
BASELINE = Baseline(PROJECT / "captures")
FOR_NOW = "refused-for-now-RCPT-451-4.3.0-Local-error"

# What is broken, a scenario, and a sentence that tells it.
REGRESSIONS: tuple[tuple[Break, str, str], ...] = (
    (breaks.bounces_what_could_wait, FOR_NOW, "crepes.fr now bounces mail for bob@someschool.edu"),
    (breaks.never_gives_up, "unknown-user", "it bounced"),
    (regressions.retries_twice_as_soon, FOR_NOW, "crepes.fr now comes back to someschool.edu after 15 min"),
    (breaks.stores_twice, "delivered", "someschool.edu now stores 2 copies of mail for bob@someschool.edu"),
    (breaks.stores_nothing, "delivered", "someschool.edu no longer stores mail for bob@someschool.edu"),
    (breaks.knows_the_first_server_only, "second-mx", "crepes.fr no longer connects to mx2.someschool.edu"),
    (regressions.tries_the_worst_server_first, "all-mx-down-refused", "now goes to mx2.someschool.edu first"),
    (regressions.asks_every_question_twice, "delivered", "crepes.fr now asks ns.lab for MX someschool.edu 2 times"),
    (tls_breaks.never_asks_for_tls, "through-tls-opportunistic", "crepes.fr no longer asks someschool.edu for TLS"),
    (tls_breaks.never_asks_for_tls, "through-tls-required", "crepes.fr and someschool.edu no longer use TLS"),
    (regressions.does_not_log_in, "logged-in-587", "alice.crepes.fr no longer authenticates at crepes.fr (AUTH)"),
    (regressions.leaves_without_quit, "delivered", "crepes.fr now leaves someschool.edu without QUIT"),
    (regressions.says_helo, "delivered", "crepes.fr now falls back to HELO at someschool.edu"),
    (regressions.never_pipelines, "three-fates", "crepes.fr now waits for someschool.edu's reply before it sends RCPT"),
    (regressions.announces_no_size, "delivered", "crepes.fr now says MAIL FROM:<alice@crepes.fr> to someschool.edu"),
    (regressions.adds_a_footer, "delivered", "the body of mail for bob@someschool.edu that someschool.edu stores"),
    (
        regressions.tells_nobody,
        "unknown-user",
        "crepes.fr no longer notifies anybody of failed mail for bill@someschool.edu",
    ),
    (
        regressions.refuses_the_full_for_good,
        "mailbox-full",
        "someschool.edu now refuses RCPT of crepes.fr for good: 552 5.2.2 'Mailbox full'; before, for now: 452 4.2.2 "
        "'Mailbox full'",
    ),
    (
        regressions.words_it_otherwise,
        "mailbox-full",
        "someschool.edu now says to RCPT of crepes.fr: 'Go away'; before, 'Mailbox full'",
    ),
    (
        regressions.knows_every_user,
        "unknown-user",
        "someschool.edu no longer refuses RCPT of crepes.fr, but says 250 2.1.5; before, 550 5.1.1 'User unknown'",
    ),
    (regressions.offers_no_dsn, "delivered", "someschool.edu no longer offers DSN to crepes.fr"),
    (
        regressions.leaves_mail_on_the_server,
        "pop3-fetched-and-deleted",
        "bob.someschool.edu no longer says DELE 1 to someschool.edu",
    ),
    (waits_for(60.0), "stalled-after-final-dot", "without an answer to the message, crepes.fr now waits"),
    (
        regressions.closes_instead_of_resetting,
        "reset-after-final-dot",
        "the connection of crepes.fr to someschool.edu is no longer reset",
    ),
    (regressions.answers_all_the_same, "greylisted", "someschool.edu no longer refuses"),
    (regressions.loses_nothing, "syn-lost-twice", "crepes.fr now sends its SYN to someschool.edu once"),
    (regressions.loses_nothing, "data-segment-lost", "no longer has to be sent again"),
)


@pytest.mark.parametrize(
    ("break_it", "name", "sentence"), REGRESSIONS, ids=[f"{b.__name__}-{n}" for b, n, _ in REGRESSIONS]
)
def test_it_is_caught_and_told(
    break_it: Break, name: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    played = play(BY_NAME[name], tmp_path)
    assert played.played.trace is not None
    as_named = replace(played.played, trace=played.played.trace.with_name(f"{name}.pcapng"))
    outcome = BASELINE.compared(replace(played, played=as_named))
    assert outcome.result is Result.FAILED
    told = [change.text for change in every(outcome.changes)]
    assert any(sentence in text for text in told), "\n".join(told)
    assert all(change.before or change.now for change in every(outcome.changes))


def test_there_are_at_least_twenty_regressions() -> None:
    assert len({break_it for break_it, _, _ in REGRESSIONS}) >= 20

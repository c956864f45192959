"""When a relay tries again, warns and gives up (RFC 5321 §4.5.4.1).  Times are seconds of scenario time."""

from __future__ import annotations

import pytest

from testbed.hosts.queue.retry import RetrySchedule

MINUTE, HOUR, DAY = 60, 3_600, 86_400
ARRIVED = 1_000_000.0


def schedule(*intervals_s: int, give_up_s: int = 5 * DAY, warn_after_s: int | None = None) -> RetrySchedule:
    warn_after = None if warn_after_s is None else warn_after_s * 10**9
    return RetrySchedule(tuple(s * 10**9 for s in intervals_s), give_up_s * 10**9, warn_after)


def attempts(plan: RetrySchedule, each_takes_s: float = 0) -> list[float]:
    """When a message that is put off every time is attempted, as seconds after its arrival."""
    begins = [0.0]
    while not plan.expired(ARRIVED, ARRIVED + begins[-1] + each_takes_s):
        ended = ARRIVED + begins[-1] + each_takes_s
        begins.append(plan.next_attempt(ARRIVED, len(begins) - 1, ended) - ARRIVED)
    return begins


PLANS: dict[str, tuple[RetrySchedule, float, list[float]]] = {
    "one interval": (schedule(30 * MINUTE, give_up_s=2 * HOUR), 0, [0, 1_800, 3_600, 5_400, 7_200]),
    "the last interval repeats": (schedule(60, 300, give_up_s=1_000), 0, [0, 60, 360, 660, 960, 1_000]),
    "more intervals than there is time for": (schedule(60, 300, 3_600, give_up_s=200), 0, [0, 60, 200]),
    "the last attempt falls on the end": (schedule(700, give_up_s=1_000), 0, [0, 700, 1_000]),
    "one interval longer than all": (schedule(DAY, give_up_s=HOUR), 0, [0, 3_600]),
    "an interval counts from the end of an attempt": (schedule(60, give_up_s=200), 30, [0, 90, 180]),
    "an attempt that outlasts the lifetime is the last": (schedule(60, give_up_s=200), 300, [0]),
}


@pytest.mark.parametrize(("plan", "each_takes_s", "begins"), PLANS.values(), ids=PLANS)
def test_attempts(plan: RetrySchedule, each_takes_s: float, begins: list[float]) -> None:
    assert attempts(plan, each_takes_s) == begins


@pytest.mark.parametrize(
    ("age_s", "expired"), [(0, False), (DAY, False), (5 * DAY - 1, False), (5 * DAY, True), (6 * DAY, True)]
)
def test_expired(age_s: float, expired: bool) -> None:
    assert schedule(60).expired(ARRIVED, ARRIVED + age_s) == expired


def test_a_timer_that_fires_early_by_less_than_a_millisecond_is_in_time() -> None:
    assert schedule(60).expired(ARRIVED, ARRIVED + 5 * DAY - 0.0005)
    assert schedule(60, warn_after_s=60).late(ARRIVED, ARRIVED + 60 - 0.0005, asked=False)


@pytest.mark.parametrize(
    ("warn_after_s", "asked", "age_s", "late"),
    [
        (None, False, 4 * DAY, False),
        (None, True, 4 * HOUR - 1, False),
        (None, True, 4 * HOUR, True),
        (HOUR, False, HOUR - 1, False),
        (HOUR, False, HOUR, True),
        (HOUR, True, HOUR, True),
        (5 * HOUR, True, 4 * HOUR, False),  # what the scenario says goes before the relay's usual patience
        (0, False, 0, True),
    ],
)
def test_late(warn_after_s: int | None, asked: bool, age_s: float, late: bool) -> None:
    assert schedule(60, warn_after_s=warn_after_s).late(ARRIVED, ARRIVED + age_s, asked=asked) == late


@pytest.mark.parametrize(
    ("give_up_s", "words"), [(5 * DAY, "5 d"), (2 * HOUR + 30 * MINUTE, "2 h 30 min"), (90, "1 min 30 s")]
)
def test_lifetime_in_words(give_up_s: int, words: str) -> None:
    assert schedule(60, give_up_s=give_up_s).lifetime == words

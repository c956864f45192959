"""The report for people: its times, its order and its shape."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from talk import Talk, watch

from testbed.durations import DAY, HOUR, MINUTE, SECOND
from testbed.report.clock import Clock, elapsed
from testbed.report.console import THEME
from testbed.report.packets import packet_list
from testbed.report.trace import trace_report
from testbed.trace.analysis import Analysis

HELLO = ("S 220 mx", "C EHLO a", "S 250 mx")
MAIL = ("C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA", "S 354 go")
MESSAGE = ("C Subject: hi\r\n\r\nhi\r\n.", "S 250 taken")
BYE = ("C QUIT", "S 221 bye")
WIDTHS = (80, 100, 120, 160)


def report(*talks: Talk, width: int = 100, utc: bool = True, whole: bool = False) -> list[str]:
    return told(watch(*talks), width, utc=utc, whole=whole)


def told(analysis: Analysis, width: int = 100, *, utc: bool = True, whole: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width, theme=THEME, markup=False, highlight=False)
    trace_report(console, analysis, whole=whole, clock=Clock(utc))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def rungs(lines: list[str]) -> list[str]:
    """The rungs of all ladders; spaces do not matter."""
    return [" ".join(line.split()) for line in lines if re.match(r" *\+\d", line)]


def frames(lines: list[str]) -> list[int]:
    return [int(re.findall(r"^\+(?:[\d.]+ (?:d|h|min|s|ms) )+(\d+) ", rung)[0]) for rung in rungs(lines)]


def test_heads_tell_date_and_time_of_day() -> None:
    lines = report(Talk().open().say(*HELLO, *BYE).close())
    assert lines[1] == "2023-11-14 22:13:20.000 to 22:13:20.100 UTC"
    assert any("2023-11-14 22:13:20.000 · 100 ms · 11 packets" in line for line in lines)


@pytest.fixture
def in_india() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_india")
@pytest.mark.parametrize(
    ("utc", "said"),
    [(True, "2023-11-14 22:13:20.000 to 22:13:20.100 UTC"), (False, "2023-11-15 03:43:20.000 to 03:43:20.100 IST")],
)
def test_times_of_day_are_those_of_this_machine_or_of_utc(utc: bool, said: str) -> None:
    assert report(Talk().open().say(*HELLO, *BYE).close(), utc=utc)[1] == said


def test_another_day_is_told_where_it_begins() -> None:
    lines = report(Talk().open().close(), Talk(port=40_001).wait(2 * 3_600).open().close())
    days = [line for line in lines if re.fullmatch(r"\d{4}-\d\d-\d\d", line)]
    assert lines[1] == "2023-11-14 22:13:20.000 to 2023-11-15 00:13:20.110 UTC"
    assert days == ["2023-11-15"]


def test_the_list_of_packets_tells_times_of_day() -> None:
    console = Console(file=io.StringIO(), width=200, theme=THEME)
    packet_list(console, watch(Talk().open().close()), Clock(utc=True))
    assert isinstance(console.file, io.StringIO)
    day, first, *_ = console.file.getvalue().splitlines()
    assert day == "2023-11-14 22:13:20.000 to 22:13:20.050 UTC"
    assert first.split()[:2] == ["1", "22:13:20.000000"]


@given(st.integers(-(1 << 64), 1 << 64))
def test_what_no_calendar_has_is_a_time_too(ns: int) -> None:
    clock = Clock(utc=True)
    assert clock.time(ns)
    assert clock.exact(ns)
    assert clock.extent(ns, ns + 1)


ELAPSED = {
    0: "0.00 ms",
    75 * SECOND: "1 min 15 s",
    HOUR - 1: "1 h 0 min 0 s",
    HOUR + 6 * MINUTE + 5 * SECOND: "1 h 6 min 5 s",
    2 * DAY + 3 * HOUR + 61 * SECOND: "2 d 3 h 1 min",
}


@pytest.mark.parametrize(("ns", "words"), list(ELAPSED.items()))
def test_an_hour_still_has_its_seconds(ns: int, words: str) -> None:
    assert elapsed(ns) == words


@pytest.mark.parametrize("width", WIDTHS)
def test_no_time_is_cut_at_any_width(width: int) -> None:
    talk = Talk().open().say(*HELLO).wait(75).say(*MAIL[:1]).wait(290).say(*MAIL[1:]).wait(4_000).say(*BYE)
    lines = report(talk.close(), width=width)
    shown = "\n".join(lines)
    assert all(f"+{words} " in shown for words in ("1 min 15 s", "6 min 5 s", "1 h 12 min 45 s"))
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_columns_are_as_wide_as_what_stands_in_them(width: int) -> None:
    """Short words leave no room unused between the sides, long ones take what there is before they are folded."""
    short = report(Talk().open().say(*HELLO, *BYE).close(), width=width)
    assert max(len(line) for line in short if re.match(r" *\+", line)) < 50
    long = report(Talk().open().say(*HELLO, f"C MAIL FROM:<{'a' * 60}@x>", "S 250 ok", *BYE).close(), width=width)
    folded = not any(f"MAIL FROM:<{'a' * 60}@x>" in line for line in long)
    assert folded == (width < 120)


def test_rungs_are_in_order_of_time() -> None:
    """EHLO may come again at any time (RFC 5321 §4.1.4), and STARTTLS in the middle."""
    talk = Talk().open().say(*HELLO, *MAIL, *MESSAGE, "C EHLO a", "S 250 mx", *MAIL, *MESSAGE, *BYE).close()
    seen = frames(report(talk))
    assert seen == sorted(seen)
    assert len(seen) > 20


def test_a_clock_that_was_set_back_leaves_the_order_of_frames() -> None:
    seen = frames(report(Talk().open().say(*HELLO).wait(-600).say(*BYE).close()))
    assert seen == sorted(seen)


def test_a_reply_has_the_time_of_its_last_line() -> None:
    talk = Talk().open().segment(1, "PA", b"220-one moment\r\n").wait(6).segment(1, "PA", b"220 mx\r\n")
    talk.say("C EHLO a").segment(1, "PA", b"250-mx\r\n").wait(40).segment(1, "PA", b"250 8BITMIME\r\n")
    greeting, _, ehlo = rungs(report(talk.say(*BYE).close()))[3:6]
    assert greeting == "+6.04 s 5 ◀── 220 one moment, mx"
    assert ehlo == "+46.07 s 8 ◀── 250 mx, 8BITMIME 40.02 s"


def test_what_is_said_before_the_end_of_the_other_side_still_appears() -> None:
    """A client that sends all at once and its FIN leaves no packet that is transfer alone."""
    talk = Talk().open().say("C EHLO a\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nhi\r\n.\r\nQUIT")
    talk.segment(0, "FA").say("S 220 mx\r\n250 mx", "S 250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n221 bye")
    shown = rungs(report(talk.segment(1, "FA").segment(0, "A")))
    for words in ("MAIL FROM:<a@x> ──▶", "RCPT TO:<b@y> ──▶", "message, 7 octets ──▶", "◀── 250 taken"):
        assert any(words in rung for rung in shown), words


def long_dialogue() -> Talk:
    talk = Talk(server_port=110).open().say("S +OK ready", "C USER a", "S +OK", "C PASS b", "S +OK")
    for number in range(1, 61):
        talk.say(f"C DELE {number}")
        if number == 26:
            talk.wait(0.4).segment(0, "PA", b"DELE 26\r\n", back=9)
        talk.say("S +OK")
    return talk.say("C QUIT", "S +OK").close()


def test_a_cut_is_marked_where_it_is_and_keeps_what_findings_cite() -> None:
    analysis = watch(long_dialogue())
    cited = {frame for finding in analysis.findings for frame in finding.frames}
    lines = told(analysis)
    assert cited <= set(frames(lines))
    cuts = [number for number, line in enumerate(lines) if "rungs not shown" in line]
    assert cuts
    for cut in cuts:
        (first, last) = (int(found) for found in re.findall(r"frames (\d+)–(\d+)", lines[cut])[0])
        assert frames([lines[cut - 1]])[0] < first <= last < frames([lines[cut + 1]])[0]
        assert "-v shows all" in lines[cut]
    assert not any("not shown" in line for line in told(analysis, whole=True))


def test_the_harmless_is_not_told_over_and_over() -> None:
    """Nine connections with the same small thing: a few examples, a number, and where."""
    talks = [Talk(port=40_000 + n).open().say(*HELLO, *MAIL, *MESSAGE).close() for n in range(9)]
    analysis = watch(*talks)
    codes = [finding.code for finding in analysis.findings]
    assert codes.count("no-quit") == 9
    lines = told(analysis)
    assert sum(line.startswith("•") for line in lines) <= 3
    assert any("(9 times)" in line or "more of the kind (no-quit)" in line for line in lines)


def test_no_two_blank_lines() -> None:
    lines = report(*(Talk(port=40_000 + n).open().say(*HELLO, *BYE).close() for n in range(3)))
    assert not any(one == other == "" for one, other in pairwise(lines))

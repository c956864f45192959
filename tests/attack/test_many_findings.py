"""However many findings a capture makes, a report tells some of each kind and counts the others: nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from io import StringIO

import numpy as np
import pytest

from testbed.pcap.read import parse_capture
from testbed.report.console import console
from testbed.report.trace import trace_report
from testbed.trace.analysis import Analysis
from testbed.trace.gathered import OF_A_CAPTURE, OF_A_CONNECTION
from testbed.trace.inspect import analyse
from tests.attack.families import FAMILIES
from tests.attack.packets import Line
from tests.fuzz.packets import pcap

_FAMILIES = {family.name: family for family in FAMILIES}
_LONGEST = 40_000  # octets of a report on one connection


def _refused_by_turns(n: int) -> bytes:
    """Two causes of refusal, by turns."""
    line = (
        Line()
        .open()
        .say(True, b"220 mx\r\n")
        .ask(b"EHLO x", b"250-mx\r\n250 PIPELINING")
        .ask(b"MAIL FROM:<>", b"250 ok")
    )
    line.say(False, b"".join(b"RCPT TO:<u%d@x>\r\n" % at for at in range(n)))
    replies = (b"550 5.1.1 who?\r\n", b"452 4.2.2 full\r\n")
    return pcap(line.say(True, b"".join(replies[at % 2] for at in range(n))).end())


def _refused_sessions(n: int) -> bytes:
    """A refusal on each of many connections."""
    talks = (Line(client=1_024 + at).open().say(True, b"554 5.7.1 no, %d\r\n" % at).end() for at in range(n))
    return pcap(packet for talk in talks for packet in talk)


# Of a kind: how many there are, and how many are told one by one.
CASES: dict[str, tuple[Callable[[], bytes], dict[str, tuple[int, int]]]] = {
    "8,000 recipients": (
        lambda: _refused_by_turns(8_000),
        {"user-unknown": (4_000, OF_A_CONNECTION), "mailbox-full": (4_000, OF_A_CONNECTION)},
    ),
    "20,000 questions": (
        lambda: _FAMILIES["DNS questions from one port"].capture(1, 20_000),
        {"answer-not-captured": (19_999, OF_A_CONNECTION), "answer-with-wrong-id": (19_998, OF_A_CONNECTION)},
    ),
    "300 sessions": (lambda: _refused_sessions(300), {"not-authorised": (300, OF_A_CAPTURE)}),
    "one more than is told": (lambda: _refused_by_turns(22), {"user-unknown": (11, 11), "mailbox-full": (11, 11)}),
}


def _analysis(octets: bytes) -> Analysis:
    return analyse(parse_capture(np.frombuffer(octets, np.uint8)), "made.pcap")


@pytest.mark.parametrize("name", CASES)
def test_every_kind_is_told_by_examples_and_a_sum(name: str) -> None:
    make, kinds = CASES[name]
    analysis = _analysis(make())
    times = Counter[str]()
    for finding in analysis.findings:
        times[finding.code] += finding.times
    for code, (number, told) in kinds.items():
        found = [finding for finding in analysis.findings if finding.code == code]
        assert times[code] == number
        assert len(found) == (told if number == told else told + 1)
        if number > told:
            rest = found[-1]
            assert rest.times == number - told
            assert f"and {number - told:,} more of {code} in frames" in rest.text
            of_others = {frame for finding in found[:-1] for frame in finding.frames}
            assert min(rest.frames) >= min(of_others)
            assert max(rest.frames) >= max(of_others)


@pytest.mark.parametrize("name", ["8,000 recipients", "20,000 questions"])
def test_a_report_is_as_long_as_one_reads(name: str) -> None:
    out = StringIO()
    trace_report(console(out), _analysis(CASES[name][0]()))
    assert len(out.getvalue().encode()) < _LONGEST


def test_each_connection_keeps_its_own() -> None:
    """What a capture tells of many connections at once stands with each of them."""
    analysis = _analysis(_refused_sessions(300))
    assert all(any(one.code == "not-authorised" for one in c.findings) for c in analysis.connections)
    rest = next(finding for finding in analysis.findings if finding.times > 1)
    assert len(rest.connections) == 300 - OF_A_CAPTURE

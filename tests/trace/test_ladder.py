"""The ladder of a connection: its rungs come in order of time, whatever was said when."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from talk import Talk, watch

from testbed.report.console import THEME
from testbed.report.ladder import ladder
from testbed.trace.analysis import Analysis
from testbed.trace.model.phase import Phase

_HELLO = ["C EHLO a", "S 250 mx"]
_MAIL = ["C MAIL FROM:<a@x>", "S 250 ok"]
# A command and its reply, or a reply nobody asked for.
_SAID = [
    _HELLO, ["C HELO", "S 501 who?"], ["C LHLO a", "S 500 no"], ["C STARTTLS", "S 454 no"], ["C RSET", "S 250 ok"],
    _MAIL, ["C RCPT TO:<b@y>", "S 550 5.1.1 who?"], ["C BDAT 3 LAST", "S 503 no"], ["C QUIT now", "S 501 no"],
    ["S 421 bye"], ["C QUIT", "S 221 bye"], ["C NOOP"],
]  # fmt: skip


def rungs(analysis: Analysis) -> tuple[list[int], list[str]]:
    """The frames of the rungs of the first connection, and the phases that stand above some, from top to bottom."""
    file = StringIO()
    table = ladder(analysis.connections[0], analysis.packets(1), 140, whole=True)
    Console(file=file, width=140, theme=THEME).print(table)
    lines = file.getvalue().splitlines()
    found = [re.match(r" +\+\S+ \S+ +(\d+) ", line) for line in lines]
    phases = [phase for line in lines for phase in Phase if line.split()[:1] == [phase]]
    return [int(one[1]) for one in found if one], phases


@pytest.mark.parametrize(
    "said", [[*_MAIL, *_HELLO], [*_HELLO, *_MAIL, "C STARTTLS", "S 454 no"], ["S 421 bye", *_MAIL]]
)
def test_what_is_said_late_stands_below(said: list[str]) -> None:
    frames, _ = rungs(watch(Talk().open().say("S 220 mx", *said).close()))
    assert frames == sorted(frames)
    assert set(range(4, 5 + len(said))) <= set(frames)


@given(said=st.lists(st.sampled_from(_SAID), max_size=8))
def test_rungs_are_in_order_of_time(said: list[list[str]]) -> None:
    analysis = watch(Talk().open().say("S 220 mx", *(line for one in said for line in one)).close())
    (connection,) = analysis.connections
    frames, phases = rungs(analysis)
    assert frames == sorted(frames)
    assert phases == [span.phase for span in connection.phases]
    said_by = (part for e in connection.exchanges for part in (e.command, *e.replies) if part is not None)
    assert {part.frames[-1] for part in said_by if part.frames} <= set(frames)
    of_packets = {row.frame: row.phase for row in analysis.packets(1)}
    for exchange in connection.exchanges:
        if exchange.phase is Phase.HANDSHAKE:
            assert {of_packets.get(frame, Phase.HANDSHAKE) for frame in exchange.frames} == {Phase.HANDSHAKE}

"""A connection's ladder: three phases, TCP's own packets told from the service's words, a lock where TLS begins."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from testbed.report.clock import Clock
from testbed.report.pictures.ladder import Gap, Ladder, Step, ladder
from testbed.report.pictures.ladder_svg import inline_ladder_svg, ladder_svg
from testbed.trace.inspect import inspect
from testbed.trace.model.phase import Phase
from tests.conftest import PROJECT
from tests.traces import SOME

UTC = Clock(utc=True)


def ladder_of(name: str, number: int) -> Ladder:
    analysis = inspect(PROJECT / "captures" / f"{name}.pcapng")
    return ladder(analysis, analysis.connections[number - 1])


def steps_of(found: Ladder) -> list[Step]:
    return [step for section in found.sections for step in section.steps if isinstance(step, Step)]


def test_it_has_three_phases_and_tells_tcp_from_the_service() -> None:
    found = ladder_of("mailbox-full", 5)
    assert [section.phase.phase for section in found.sections] == [Phase.HANDSHAKE, Phase.TRANSFER, Phase.CLOSURE]
    assert [step.rung.text for step in steps_of(found) if step.rung.tcp] == [
        "SYN",
        "SYN-ACK",
        "ACK",
        "FIN-ACK",
        "FIN-ACK",
    ]


def test_a_lock_stands_where_tls_begins() -> None:
    steps = steps_of(ladder_of("from-keyboard-to-browser", 2))
    began = [place for place, step in enumerate(steps) if step.begins_tls]
    assert len(began) == 1
    assert [step.secured for step in steps] == [place >= began[0] for place in range(len(steps))]
    assert steps[began[0] - 1].rung.text == "220 2.0.0 Ready to start TLS"


def test_rungs_that_are_cut_are_counted() -> None:
    analysis = inspect(PROJECT / "captures" / "header-of-a-megabyte.pcapng")
    longest = max(analysis.connections, key=lambda connection: connection.packets)
    whole, shown = ladder(analysis, longest, whole=True), ladder(analysis, longest)
    hidden = sum(step.rungs for section in shown.sections for step in section.steps if isinstance(step, Gap))
    assert len(steps_of(shown)) + hidden == len(steps_of(whole))


@pytest.mark.parametrize("path", SOME[::6], ids=lambda path: path.stem)
def test_it_is_well_formed(path: Path) -> None:
    analysis = inspect(path)
    for connection in analysis.connections:
        found = ladder(analysis, connection)
        for width in (880, 380):
            ElementTree.fromstring(ladder_svg(found, width=width, clock=UTC))
        inline = inline_ladder_svg(found, clock=UTC)
        assert inline.count("<a href") == len(steps_of(found))
        assert "style" not in inline

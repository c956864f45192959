"""The way of the mail as SVG: well-formed, the same every time, and nothing of it obeyed that strangers wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from testbed.report.clock import Clock
from testbed.report.pictures.svg import NARROW, WIDE, inline_svg, svg
from testbed.report.pictures.values import Arrow, End, Lane, Mark, Mood, Role, Row, Said, Sign, Way
from testbed.report.pictures.way import way
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.report.runs import TEXTS
from tests.traces import SOME

UTC = Clock(utc=True)
SVG = "{http://www.w3.org/2000/svg}"
FORBIDDEN = ("script", "foreignObject", "image", "use", "animate", "set", "iframe")
MAILBOX_FULL = PROJECT / "captures" / "mailbox-full.pcapng"


def hostile(text: str) -> Way:
    """A way in which a stranger's text stands wherever one can."""
    said = (Said((text, text), text, Mood.FAILED),)
    rows: tuple[Row, ...] = (
        Arrow(1, 2, 0, 1, said, Mood.FAILED, "SMTP", True, 0, 5, (1, 9), faults=(text,)),
        Mark(3, 1, Sign.STORED, text, (text,), Mood.OK, 7, text, text),
    )
    lanes = (Lane(text, Role.SENDER), Lane(text, Role.SERVER))
    return Way(text, (text,), 1, 3, lanes, rows, (End(text, text, text, Mood.OK),), text)


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("path", SOME[::4], ids=lambda path: path.stem)
def test_it_is_well_formed_and_tells_what_it_shows(path: Path, width: int) -> None:
    found = way([inspect(path)])
    root = ElementTree.fromstring(svg(found, width=width, clock=UTC))
    assert root.get("role") == "img"
    assert [root[0].tag, root[0].text] == [f"{SVG}title", " ".join(found.title.split())]
    assert root[1].tag == f"{SVG}desc"
    for element in root.iter():
        assert element.tag.removeprefix(SVG) not in FORBIDDEN
        assert not any(name.startswith("on") or "href" in name for name in element.attrib)


in_a_page = partial(inline_svg, leads_to=lambda capture, number: f"#c{number}")


def test_arrows_in_a_page_lead_to_their_connections_and_need_no_style() -> None:
    drawn = in_a_page(way([inspect(MAILBOX_FULL)]), clock=UTC)
    assert re.findall(r'href="([^"]*)"', drawn) == ["#c2", "#c5", "#c8", "#c11"]
    assert "<style" not in drawn
    assert " style=" not in drawn
    assert " id=" not in drawn


def test_it_is_the_same_on_every_machine() -> None:
    drawn = (PROJECT / "docs" / "way-mailbox-full.svg").read_text()
    assert svg(way([inspect(MAILBOX_FULL)]), clock=UTC) == drawn, "'make docs' draws it again"


@pytest.mark.parametrize(
    "text", [*TEXTS, "<svg onload=alert(1)>", "\u202eabc\u2066", "א" * 200, "x" * 5_000, "\ufffe\0"]
)
@pytest.mark.parametrize("drawn", [svg, in_a_page])
def test_what_strangers_wrote_is_text(text: str, drawn: Callable[..., str]) -> None:
    root = ElementTree.fromstring(drawn(hostile(text), clock=UTC))
    elements = [element.tag.removeprefix(SVG) for element in root.iter()]
    plain = [element.tag.removeprefix(SVG) for element in ElementTree.fromstring(drawn(hostile("x"), clock=UTC)).iter()]
    assert set(elements) <= {*plain, "rect", "text"}
    for element in root.iter(f"{SVG}text"):
        assert (element.text or "").isprintable()


def test_it_says_what_is_not_shown() -> None:
    found = replace(way([inspect(MAILBOX_FULL)]), omitted="12 connections in the middle are not drawn")
    assert "12 connections in the middle are not drawn." in svg(found, clock=UTC)


def test_a_reply_of_a_megabyte_makes_no_large_picture() -> None:
    assert len(svg(hostile("word " * 200_000), clock=UTC)) < 30_000

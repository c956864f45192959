"""Pages of captures and runs: whole without scripts, self-contained, and safe whatever strangers wrote."""

from __future__ import annotations

import base64
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from testbed.pcap.read import parse_capture
from testbed.report.html.attached import MOST
from testbed.report.html.capture import capture_html
from testbed.report.html.compared import comparison_html
from testbed.report.html.differences import differences_html
from testbed.report.html.explored import exploration_html
from testbed.report.html.packed import Packed, packed
from testbed.report.html.run import run_html
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.inspect import analyse, inspect
from tests.conftest import PROJECT
from tests.fuzz.packets import interface, section
from tests.report import test_compared as compared
from tests.report.runs import TEXTS, every_kind, failed, held, hostile, inspected, run, scenarios
from tests.report.test_compared import comparison, row
from tests.report.test_explored import OTHER, OURS
from tests.report.test_hostile_output import hostile as hostile_capture
from tests.traces import SOME

MAILBOX_FULL = PROJECT / "captures" / "mailbox-full.pcapng"
PARTS = fields(Packed)
_VOID = {"meta", "input", "br", "link"}


class Page(HTMLParser):
    """What a browser finds in a page: elements that are closed in order, ids, links, texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data

    def all(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]


def check(text: str) -> Page:
    """What holds for every page."""
    page = Page(text)
    names = page.all("id")
    assert len(names) == len(set(names)), "an id stands twice"
    for _, name, value in page.attributes:
        assert not name.startswith("on"), (name, value)
        assert name not in ("style", "srcset", "action", "src"), (name, value)
        if name in ("href", "xlink:href"):
            assert value.startswith(("#", "data:application/vnd.tcpdump.pcap;base64,")), value
    inside = {value[1:] for value in page.all("href") if value.startswith("#")}
    assert inside <= set(names), inside - set(names)
    assert not any(c in text for c in "\x00\x08\x1b\x7f\x9b\u202e\u2066"), "something a browser or terminal obeys"
    return page


@pytest.mark.parametrize("trace", SOME, ids=lambda path: path.stem)
def test_every_frame_of_a_small_trace_stands_in_its_page_and_every_link_leads_somewhere(trace: Path) -> None:
    analysis = inspect(trace)
    page = check(capture_html([analysis]))
    dialogues = [connection.number for connection in analysis.connections if connection.transport.protocol == "tcp"]
    frames = {f"frame={packet.frame}" for number in dialogues for packet in analysis.packets(number)}
    assert frames <= set(page.all("id")) or "of long connections in ladders" in page.text
    for finding in analysis.findings:
        assert finding.text in page.text


def test_the_capture_is_in_its_page_and_each_row_knows_its_octets() -> None:
    analysis = inspect(MAILBOX_FULL)
    page = check(capture_html([analysis]))
    [link] = [value for value in page.all("href") if value.startswith("data:")]
    inside = base64.b64decode(link.partition(",")[2])
    assert inside == MAILBOX_FULL.read_bytes()
    places = dict(re.findall(r'id="frame=(\d+)" data-at="(\d+,\d+)"', capture_html([analysis])))
    offset, length = map(int, places["50"].split(","))
    assert b"452 4.2.2 Mailbox full" in inside[offset : offset + length]
    assert "Download" not in check(capture_html([analysis], with_capture=False)).text


def test_a_capture_that_is_too_large_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = inspect(MAILBOX_FULL)
    monkeypatch.setattr("testbed.report.html.attached.MOST", 1000)
    page = check(capture_html([analysis]))
    assert MOST > 1000
    assert "more than a page should weigh" in page.text
    assert "Download" not in page.text


def test_messages_are_there_to_be_read() -> None:
    analysis = inspect(MAILBOX_FULL)
    page = check(capture_html([analysis]))
    for words in ("Message-ID", analysis.connections[-1].transactions[0].message_id, "text/plain", "Source"):
        assert words in page.text


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_no_text_of_a_stranger_is_more_than_text(text: str) -> None:
    check(capture_html([hostile_capture(text.encode("utf-8", "replace").decode())]))
    check(run_html(every_kind(text)))


@given(hostile)
@settings(max_examples=30, deadline=None)
def test_a_run_of_any_text_is_a_page(text: str) -> None:
    check(run_html(every_kind(text)))


def test_what_is_red_stands_in_full_before_all_others_with_its_yaml() -> None:
    bob, carol = scenarios()
    page = check(run_html(run(held(bob), inspected(carol, "the bounce never came"))))
    assert page.text.index("the bounce never came") < page.text.rindex("it is there")
    for words in ("1 of 2 scenarios did not hold", "- bounced: {to: alice@crepes.fr}", "452 4.2.2 Mailbox full"):
        assert words in page.text


def test_many_scenarios_are_packed_and_told_in_a_line_each() -> None:
    outcomes = [held(scenarios(f"Number {number}")[0]) for number in range(100)]
    text = run_html(run(*outcomes, failed(scenarios("The red one")[0], "it broke")))
    page = check(text)
    assert page.text.index("it broke") < page.text.rindex("Number 0")
    assert all(f"Number {number}" in page.text for number in range(100))
    bodies = _unpacked(Packed(*(re.findall(f'id="packed-{part.name}">([^<]+)</script>', text)[0] for part in PARTS)))
    assert len(bodies) == 100
    assert all("it is there" in body for body in bodies)


@given(st.lists(st.text(st.sampled_from("ab<0123 \n")), min_size=1))
def test_what_is_packed_is_unpacked_as_it_was(bodies: list[str]) -> None:
    assert _unpacked(packed(bodies)) == bodies


def _unpacked(found: Packed) -> list[str]:
    """As the page's script does it."""
    parts = (zlib.decompress(base64.b64decode(getattr(found, part.name))).decode().split("\n") for part in PARTS)
    lines, numbers, bodies = parts
    left = [iter(line.split(" ")) for line in numbers]

    def line(number: int) -> str:
        return re.sub("\ue001", lambda sign: next(left[number]), lines[number])

    return ["\n".join(line(int(number)) for number in body.split(",")) for body in bodies]


def test_several_captures_make_one_page() -> None:
    one, other = (inspect(path) for path in SOME[:2])
    page = check(capture_html([one, replace(other, path="other.pcapng")]))
    assert "2 captures" in page.text


def test_an_empty_capture_says_so() -> None:
    octets = np.frombuffer(section() + interface(), np.uint8)
    page = check(capture_html([analyse(parse_capture(octets, "empty"))]))
    assert "holds no connection" in page.text


def test_an_exploration_is_a_matrix_with_its_causes_and_smallest_scenarios() -> None:
    page = check(exploration_html([[OURS, OTHER]]))
    for words in ("1 cause of red", "someschool.edu MAIL", "no mail is lost", "3 not tried", "postfix"):
        assert words in page.text


def test_a_comparison_has_those_that_differ_first() -> None:
    alike = replace(row(compared.OURS, replace(compared.OURS, player="exim")), title="All went alike")
    page = check(comparison_html(comparison(alike, row(compared.OURS, compared.EXIM))))
    assert "2 scenarios compared: 1 differ, 1 time something was broken" in page.text
    assert page.text.index("Mail is lost") < page.text.index("All went alike")
    assert "no mail is lost: it is nowhere" in page.text


def test_a_difference_is_told_with_what_follows_from_it_and_both_dialogues() -> None:
    before, now = (inspect(PROJECT / "captures" / f"{name}.pcapng") for name in ("delivered", "mailbox-full"))
    compared = compare_analyses(before, now)
    page = check(differences_html(before, now, compared))
    assert f"{len(compared.differences)} difference" in page.text
    for words in ("452 4.2.2", "what may follow from it", "delivered.pcapng", "mailbox-full.pcapng"):
        assert words in page.text
    assert "Both say the same" in check(differences_html(now, now, compare_analyses(now, now))).text

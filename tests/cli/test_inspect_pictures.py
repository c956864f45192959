"""``testbed inspect --ladder`` and ``--markdown``: what they draw, where it goes, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.command import testbed
from tests.conftest import PROJECT

CAPTURE = str(PROJECT / "captures" / "mailbox-full.pcapng")
OTHER = str(PROJECT / "captures" / "delivered.pcapng")


def test_the_way_is_drawn_where_several_connections_carried_mail() -> None:
    shown = testbed("inspect", "--utc", "--ladder", "svg", CAPTURE)
    assert ElementTree.fromstring(shown.stdout)[0].text == "Bob's mailbox is full"
    assert shown.returncode == 0


def test_a_connection_alone_is_drawn_as_its_ladder() -> None:
    alone = testbed("inspect", "--ladder", "txt", "--filter", "reply=250", "--filter", "port=587", CAPTURE).stdout
    assert alone.startswith("#2 submission alice.crepes.fr → crepes.fr:587: mail for bob@someschool.edu: taken\n")
    assert testbed("inspect", "--ladder", "txt:2", CAPTURE).stdout == alone
    assert testbed("inspect", "--ladder", "txt:way", CAPTURE).stdout.startswith("Bob's mailbox is full\n")


@pytest.mark.parametrize(("form", "begins"), [("svg:all", "<svg"), ("mermaid:all", "```mermaid\n"), ("txt:all", "Bob")])
def test_all_is_the_way_and_every_ladder_of_it(form: str, begins: str) -> None:
    shown = testbed("inspect", "--ladder", form, CAPTURE).stdout
    assert shown.startswith(begins)
    assert shown.count("message, ") >= 2


def test_several_captures_are_one_picture() -> None:
    shown = testbed("inspect", "--ladder", "mermaid", CAPTURE, OTHER).stdout
    assert shown.count("sequenceDiagram") == 1


@pytest.mark.parametrize("option", [("--ladder", "svg"), ("--markdown",)])
def test_it_is_kept_in_a_file(tmp_path: Path, option: tuple[str, ...]) -> None:
    file = tmp_path / "kept"
    shown = testbed("inspect", "--utc", *option, "-o", file, CAPTURE)
    assert shown.stdout == f"{file}: {file.stat().st_size:,} octets\n"
    assert file.read_text() == testbed("inspect", "--utc", *option, CAPTURE).stdout


def test_markdown_tells_findings_the_way_and_what_failed() -> None:
    shown = testbed("inspect", "--utc", "--markdown", CAPTURE).stdout
    assert shown.startswith("## “Lunch?” for bob\\@someschool.edu\\: delivered, 1 h 30 min after it was sent\n")
    assert "### Findings\n\n- • crepes.fr tried 3 times" in shown
    assert "### The way of the mail\n\n```\nBob's mailbox is full\n" in shown
    assert "<summary>Connection 5, which went wrong</summary>" in shown


REFUSED = [
    (("--ladder", "pdf"), "'pdf' is not a form; the forms are svg, mermaid, txt"),
    (("--ladder", "svg:first"), "'first' cannot be drawn; write way, all, or the number of a connection"),
    (("--ladder", "svg:99"), "no connection has the number 99: there are 1 to 11"),
    (("--ladder", "svg", "--stream"), "--ladder needs the whole capture"),
    (("--markdown", "-o", CAPTURE), "--markdown writes no capture; name another file for --output"),
    (("--ladder", "svg", "-o", "annotated.pcap"), "--ladder writes no capture; name another file for --output"),
]


@pytest.mark.parametrize(("options", "why"), REFUSED)
def test_what_cannot_be_drawn_is_refused(options: tuple[str, ...], why: str) -> None:
    shown = testbed("inspect", *options, CAPTURE)
    assert why in shown.stderr
    assert shown.returncode == 2

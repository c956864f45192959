"""What of a stranger's capture comes into a scenario: neutral names, no passwords, no texts, nothing that is obeyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.pcap.read import read_capture
from testbed.protocols.text import printable
from testbed.reproduce.composed import Way
from testbed.reproduce.evidence import evidence
from testbed.reproduce.names import Names
from testbed.reproduce.reproduction import Attempt
from testbed.reproduce.search import search
from testbed.scenario.load import parse
from tests.conftest import PROJECT
from tests.trace.talk import Talk, capture

_HELLO = ("S 220 mx.acme.com ready", "C EHLO pc.acme.com", "S 250 mx.acme.com greets 198.18.7.7")
_LETTER = "C From: Eve <eve@acme.com>\r\nSubject: Secret plans\r\n\r\nMeet me at noon\r\n."
_MAIL = ("C MAIL FROM:<eve@acme.com>", "S 250 ok", "C RCPT TO:<joe@shop.com>", "S 250 ok", "C DATA", "S 354 go")


def made(tmp_path: Path, talk: Talk, way: Way = Way.NATURAL, *, keep_names: bool = False) -> Attempt:
    """The scenario of a capture, played one way."""
    file = tmp_path / "capture.pcapng"
    file.write_bytes(capture(talk))
    from testbed.reproduce.alike import of_capture
    from testbed.reproduce.composed import composed
    from testbed.reproduce.reproduction import attempt

    analysis = evidence(file)
    draft, parties = composed(analysis, way, keep_names=keep_names)
    return attempt(way, draft, of_capture(analysis, parties), "capture.pcapng")


def refused(said: str) -> Talk:
    """Joe's server refuses his mail with these words."""
    return Talk().open().say(*_HELLO, *_MAIL, _LETTER, f"S {said}", "C QUIT", "S 221 bye").close()


@pytest.mark.parametrize("way", [Way.NATURAL, Way.FIRST_BY_HAND])
def test_names_and_texts_are_replaced(tmp_path: Path, way: Way) -> None:
    text = made(tmp_path, refused("554 joe@shop.com: see http://help.shop.com or ask 198.18.7.7"), way).text
    assert not [word for word in ("eve", "joe", "acme", "shop", "198.18", "Secret", "noon") if word in text.lower()]
    assert "554 bob@someschool.edu: see" in text


def test_names_are_kept_where_asked(tmp_path: Path) -> None:
    text = made(tmp_path, refused("554 5.7.1 joe@shop.com is away"), keep_names=True).text
    assert "joe@shop.com is away" in text
    assert "someschool" not in text


@pytest.mark.parametrize(
    "login",
    [
        ("C AUTH PLAIN AGV2ZQBodW50ZXIy",),
        ("C auth plain AGV2ZQBodW50ZXIy",),
        ("C AUTH PLAIN", "S 334 ", "C AGV2ZQBodW50ZXIy"),
        ("C AUTH LOGIN", "S 334 VXNlcm5hbWU6", "C ZXZl", "S 334 UGFzc3dvcmQ6", "C aHVudGVyMg=="),
        ("C AUTH LOGIN ZXZl", "S 334 UGFzc3dvcmQ6", "C aHVudGVyMg=="),
    ],
)
def test_passwords_are_never_taken_over(tmp_path: Path, login: tuple[str, ...]) -> None:
    rest = ("S 235 ok", *_MAIL, _LETTER, "S 250 ok", "C QUIT", "S 221 bye")
    talk = Talk(server_port=587).open().say(*_HELLO, *login, *rest).close()
    for way in (Way.NATURAL, Way.FIRST_BY_HAND):
        text = made(tmp_path, talk, way).text
        assert not [secret for secret in ("AGV2ZQBodW50ZXIy", "ZXZl", "aHVudGVyMg") if secret in text]


@pytest.mark.parametrize(
    "said", ["554 # no comment", "554 {a: b}", "554 *x &y !z", "554 \x1b[31mred", "554 ': \" \\", "554 é"]
)
def test_text_from_a_capture_is_a_scalar(tmp_path: Path, said: str) -> None:
    """Whatever a server says, it stands in the scenario as text, and nothing in it is obeyed."""
    found = made(tmp_path, refused(said))
    assert printable(found.text.replace("\n", " ")) == found.text.replace("\n", " ")
    assert len(parse(found.text).faults) == 1


def test_a_long_message_makes_a_short_scenario(tmp_path: Path) -> None:
    talk = Talk().open().say(*_HELLO, *_MAIL, "C Subject: long\r\n")
    for number in range(400):
        talk.segment(0, "A", (f"line {number} of a letter that does not end".encode() + b"\r\n") * 20)
    talk.say("C .", "S 250 ok", "C QUIT", "S 221 bye").close()
    assert all(len(made(tmp_path, talk, way).text) < 4_000 for way in (Way.NATURAL, Way.FIRST_BY_HAND))


def test_the_log_of_a_lab_is_not_read() -> None:
    """A trace of ours without its log, its comments and its scenario makes the same scenario."""
    path = PROJECT / "captures" / "mailbox-full.pcapng"
    assert read_capture(path).journal
    analysis = evidence(path)
    assert (analysis.log, analysis.capture.comments, analysis.lab) == ((), {}, None)
    assert "bob" not in next(search(analysis, path.name)).scenario.title.lower()  # as the scenario's own has it


@pytest.mark.parametrize(
    ("name", "neutral"),
    [("joe@shop.com", "alice@crepes.fr"), ("bob@example.org", "bob@example.org"), ("jö@acme.com", "aliceé@crepes.fr")],
)
def test_the_same_name_everywhere(name: str, neutral: str) -> None:
    """What belongs to nobody stays; who has letters beyond ASCII in his name keeps some."""
    names = Names()
    assert (names.address(name), names.address(name), names.text(f"<{name}>")) == (neutral, neutral, f"<{neutral}>")

"""`testbed view` on a screen of 80 by 24, as somebody uses it."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import pytest

pytest.importorskip("textual", reason="textual is not installed")

from testbed.pcap.stream import segments
from testbed.protocols.text import printable
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from testbed.trace.streaming import stream
from testbed.view.connection_screen import ConnectionScreen
from testbed.view.detail import Detail, Headline
from testbed.view.findings import Findings
from testbed.view.findings_screen import FindingsScreen
from testbed.view.list_screen import ListScreen
from testbed.view.rows import Rows
from tests.conftest import PROJECT
from tests.trace.talk import Talk, watch
from tests.view.looking import Looking, look

MAILBOX_FULL = PROJECT / "captures" / "mailbox-full.pcapng"


@pytest.fixture(scope="module")
def mailbox_full() -> Analysis:
    return inspect(MAILBOX_FULL)


def clock_of(analysis: Analysis, number: int) -> str:
    """When a connection began, as the screen has it."""
    return datetime.fromtimestamp(analysis.connections[number - 1].start_ns // 10**6 / 1000, UTC).strftime("%T.%f")[:-3]


def hostile(text: str) -> Analysis:
    """A stranger's text wherever one fits: greeting, commands, replies, header, body."""
    talk = Talk().open().say(f"S 220 {text}", f"C EHLO {text}", f"S 250 {text}", f"C MAIL FROM:<{text}@a.example>")
    talk.say("S 250 ok", f"C RCPT TO:<{text}@b.example>", f"S 452 4.2.2 {text}", "C RCPT TO:<b@b.example>", "S 250 ok")
    talk.say("C DATA", "S 354 go", f"C Subject: {text}", f"C X-{text}: {text}", "C ", f"C {text}", "C .", "S 250 ok")
    return watch(talk.say("C QUIT", "S 221 bye").close())


def test_the_list_says_who_whom_and_how_it_went(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        screen = await see.screen()
        assert "some.pcapng · 11 connections" in screen
        fifth = next(line for line in screen.splitlines() if line.startswith("▲  5 "))
        assert f"{clock_of(mailbox_full, 5)} smtp" in fifth
        assert " → " in fifth
        assert "mail for bob@someschool" in fifth
        assert all(key in screen.splitlines()[-1] for key in ("Open", "Search", "Findings", "Quit"))
        await see.press("down", "down", "down", "down")
        assert "127.0.0.30:25" in see.whole(Detail)
        assert '452 4.2.2: mailbox full (temporary); it said "Mailbox full"' in see.whole(Detail)

    look([mailbox_full], looker)


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("452", [5, 8]),
        ("mailbox full", [5, 8]),
        ("service=smtp", [5, 8, 11]),
        ("service=smtp finding=none", [11]),
        ("finding=any", [5, 8]),
        ("MX", [3, 6, 9]),
        ("lunch", [2, 11]),
        ("nobody said this", []),
    ],
)
def test_a_search_leaves_what_is_wanted(mailbox_full: Analysis, words: str, numbers: list[int]) -> None:
    async def looker(see: Looking) -> None:
        screen = await see.type(words)
        assert f"{len(numbers)} of 11 connections · {words}" in screen
        shown = see.app.screen
        assert isinstance(shown, ListScreen)
        assert [place.number for place in shown.shown.places] == numbers
        await see.press("escape")
        assert len(shown.shown.places) == 11

    look([mailbox_full], looker)


def test_a_condition_there_is_not_is_told_and_changes_nothing(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        assert "did you mean 'service'?" in await see.type("servce=smtp")
        screen = await see.press("escape")
        assert "11 connections" in screen

    look([mailbox_full], looker, width=120)


def test_one_key_leaves_those_with_findings(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        assert "2 of 11 connections · with findings" in await see.press("w")
        assert "some.pcapng · 11 connections" in await see.press("w")

    look([mailbox_full], looker)


def test_the_ladder_tells_tcp_from_what_was_said(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        first = await see.press("w", "enter")
        lines = [*first.splitlines(), *(await see.press("end")).splitlines()]
        syn = next(line for line in lines if " SYN ┄" in line)
        mail = next(line for line in lines if "MAIL FROM:<alice@crepes.fr>" in line)
        refusal = next(line for line in lines if "452 4.2.2" in line and "◀" in line)
        assert syn.split()[2:4] == ["38", "TCP"]
        assert syn.endswith("▶│")
        assert "TCP" not in mail
        assert mail.endswith("─▶│")
        assert "│◀─" in refusal
        phases = [word for line in lines for word in ("handshake", "transfer", "closure") if line.startswith(word)]
        assert [*dict.fromkeys(phases)] == ["handshake", "transfer", "closure"]
        assert any("crepes.fr" in line and line.endswith("someschool.edu") for line in lines)

    look([mailbox_full], looker)


@pytest.mark.program("tshark")
def test_the_ladder_marks_what_tls_says_and_protects() -> None:
    async def looker(see: Looking) -> None:
        lines = (await see.press("end", "enter", "pagedown")).splitlines()
        marks = {line[24:].strip("│◀▶─┄ "): line[19:23].strip() for line in lines if "│" in line}
        assert marks["LOGIN bob ********"] == "TLS"
        assert marks["ClientHello, 517 octets"] == "TLS"
        assert marks["ACK"] == "TCP"

    look([inspect(PROJECT / "captures" / "pop3-command-behind-stls.pcapng")], looker)


def test_a_reply_leads_to_its_packet_and_octets(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        await see.press("w", "enter")
        await see.type("452 4.2.2")
        assert "someschool.edu logged" in see.whole(Detail)
        await see.press("n")
        assert "mailbox full (temporary)" in see.whole(Detail)
        screen = await see.press("enter")
        assert "452 4.2.2 to RCPT" in screen
        assert "34 35 32 20 34 2e 32 2e 32" in screen
        assert "ilbox full" in screen

    look([mailbox_full], looker)


def test_what_hosts_logged_stands_between_the_connections(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        assert "attempt 1" not in await see.screen()
        lines = (await see.press("o")).splitlines()
        attempt, question = (
            next(place for place, line in enumerate(lines) if words in line)
            for words in ("attempt 1", f"  3 {clock_of(mailbox_full, 3)}")
        )
        assert attempt < question
        await see.press("home", "enter")  # which is not a connection
        assert isinstance(see.app.screen, ListScreen)
        assert "lab logged" in see.whole(Detail)
        found = await see.type("deferred")
        assert "Q1: <bob@someschool.edu> deferred" in found
        assert "attempt 1" not in found
        await see.press("escape")
        assert "attempt 1" not in await see.press("o")

    look([mailbox_full], looker)


def test_the_ladder_holds_what_its_hosts_logged_meanwhile(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        lines = (await see.press("w", "enter", "pagedown")).splitlines()
        [logged] = [place for place, line in enumerate(lines) if " LOG someschool.edu: refuses mail for" in line]
        assert "RCPT TO:<bob@someschool.edu>" in lines[logged - 1]

    look([mailbox_full], looker)


def test_a_stranger_s_capture_has_no_log() -> None:
    async def looker(see: Looking) -> None:
        assert "no host of a lab logged into it" in await see.press("o")

    look([hostile("x")], looker)


def test_the_message_is_there_to_be_read(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        await see.press("end", "enter")
        screen = await see.press("m")
        [transaction] = mailbox_full.connections[-1].transactions
        assert f"message · 400 octets, whole · frame {transaction.message.frames[0]}" in screen
        assert "Subject: Lunch?" in screen
        assert "── text/plain · 21 octets" in screen
        assert "Hello from the lab." in screen
        assert "for <bob@someschool.edu>;" in await see.press("end")  # the source is not unfolded

    look([mailbox_full], looker)


def test_a_connection_without_a_message_says_so(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        await see.press("enter")
        assert "No message crossed this connection" in await see.press("m")

    look([mailbox_full], looker)


def test_findings_lead_to_their_frames_and_connections(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        screen = await see.press("f")
        assert isinstance(see.app.screen, FindingsScreen)
        assert "• crepes.fr tried 3 times" in screen
        assert "delivery-retried · frames 50, 77, 112 · RFC 5321 §4.5.4.1" in see.whole(Detail)
        for frame, number in ((50, 5), (77, 8), (112, 11)):
            await see.press("down")
            assert f"frame {frame} of #{number}" in await see.screen()
            await see.press("enter")
            assert f"#{number} smtp" in see.whole(Headline)
            assert f"\n{frame:6} " in await see.screen()
            await see.press("escape")
        await see.press("down", "down", "down")
        assert "frame 77 of #8" in await see.screen()  # the same words of another connection

    look([mailbox_full], looker)


def test_findings_of_a_connection_lead_to_another(mailbox_full: Analysis) -> None:
    async def looker(see: Looking) -> None:
        await see.press("w", "enter", "f")
        assert "452 4.2.2" in await see.screen()
        await see.press("home", "down", "down", "enter")  # the second frame of what was tried three times
        assert "#8 smtp" in see.whole(Headline)
        await see.press("escape")
        assert "#5 smtp" in see.whole(Headline)

    look([mailbox_full], looker)


HOSTILE = (
    "[bold red]x[/]",
    "[/nothing]",
    "[@click=app.quit]x[/]",
    ":smile:",
    "\x1b[2J\x1b]0;title\x07",
    "\u202eabc",
    "\x9b31m",
)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nothing_a_stranger_says_is_obeyed(text: str) -> None:
    safe = printable(text)

    async def looker(see: Looking) -> None:
        for keys in ((), ("enter",), ("p",), ("m",), ("f",), ("escape", "f")):
            screen = await see.press(*keys)
            assert all(line.isprintable() for line in screen.splitlines())
            assert all(
                letter.isprintable() or letter == "\n" for kind in (Headline, Detail) for letter in see.whole(kind)
            )
            assert see.app.is_running
            for rows in see.app.screen.query(Rows):
                drawn = [rows.render_line(y).text for y in range(rows.size.height)]
                assert all(line.isprintable() for line in drawn)
            if keys == ("enter",):
                assert f"220 {safe}" in screen
        findings = see.app.screen.query_one(Findings)
        assert findings.number

    look([hostile(text)], looker)


def test_a_stranger_s_search_is_text_too() -> None:
    async def looker(see: Looking) -> None:
        await see.press("enter")
        assert isinstance(see.app.screen, ConnectionScreen)
        assert "not on this page: [b]" in await see.type("[b]")

    look([hostile("x")], looker)


def test_an_empty_capture_is_shown_as_one() -> None:
    async def looker(see: Looking) -> None:
        assert "0 connections" in await see.screen()
        assert see.whole(Detail) == "No connection is in it."
        await see.press("enter", "w", "escape", "f", "enter")
        assert "Nothing remarkable was found." in see.whole(Detail)

    look([watch()], looker)


def test_what_is_followed_comes_in_piece_by_piece() -> None:
    octets = BytesIO(MAILBOX_FULL.read_bytes())
    pieces = stream(segments(octets.read, "lo", 700))

    async def looker(see: Looking) -> None:
        assert "lo" not in see.whole(Headline).split()
        screen = await see.screen()
        assert "11 connections · the capture has ended" in screen
        await see.press("w", "home", "enter", "p", "l")
        assert "452 4.2.2" in see.whole(Headline)

    look(pieces, looker, follows=True)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_row_is_wider_than_the_screen(mailbox_full: Analysis, width: int) -> None:
    async def looker(see: Looking) -> None:
        for keys in ((), ("w", "enter"), ("p",), ("m",), ("f",)):
            screen = await see.press(*keys)
            assert all(len(line) <= width for line in screen.splitlines())

    look([mailbox_full], looker, width=width)

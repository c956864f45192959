"""The way of the mail as values: lanes in order, an arrow for each connection, what became of the mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.report.pictures.carrying import carrying
from testbed.report.pictures.values import Arrow, Fold, Mark, Mood, Role, Sign, Way
from testbed.report.pictures.way import way
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.trace.talk import Talk, watch
from tests.traces import SOME

CAPTURES = PROJECT / "captures"


def way_of(name: str) -> Way:
    return way([inspect(CAPTURES / f"{name}.pcapng")])


def connections_in(found: Way) -> Iterator[int]:
    for row in found.rows:
        if isinstance(row, Arrow):
            yield row.connection
        elif isinstance(row, Fold):
            yield from (number for _, number in row.connections)


LANES = [
    (
        "mailbox-full",
        [("alice.crepes.fr", Role.USER_AGENT), ("crepes.fr", Role.RELAY), ("someschool.edu", Role.SERVER)],
    ),
    (
        "mx-unanswered-SERVFAIL",
        [("alice.crepes.fr", Role.USER_AGENT), ("crepes.fr", Role.RELAY), ("ns.lab", Role.NAME_SERVER)],
    ),
    (
        "push-and-pull",
        [
            ("alice.crepes.fr", Role.USER_AGENT),
            ("crepes.fr", Role.RELAY),
            ("someschool.edu", Role.SERVER),
            ("mail.someschool.edu", Role.WEB_MAIL),
            ("bob.someschool.edu", Role.BROWSER),
        ],
    ),
]


@pytest.mark.parametrize(("name", "lanes"), LANES)
def test_hosts_stand_in_their_natural_order(name: str, lanes: list[tuple[str, Role]]) -> None:
    assert [(lane.name, lane.role) for lane in way_of(name).lanes] == lanes


ENDS = [
    ("mailbox-full", {"bob@someschool.edu": ("delivered", Mood.OK)}),
    ("reset-after-final-dot", {"bob@someschool.edu": ("delivered twice", Mood.REPEATED)}),
    ("mailbox-full-five-days", {"bob@someschool.edu": ("bounced 4.4.7", Mood.FAILED)}),
    (
        "lmtp-three-fates",
        {
            "bob@someschool.edu": ("delivered", Mood.OK),
            "carol@someschool.edu": ("delivered", Mood.OK),
            "dave@someschool.edu": ("bounced 5.7.1", Mood.FAILED),
        },
    ),
    (
        "list-and-dmarc-nothing---keep-pass-pass-accept-1",
        {"team@lists.example": ("passed on", Mood.QUIET), "bob@someschool.edu": ("delivered", Mood.OK)},
    ),
]


@pytest.mark.parametrize(("name", "ends"), ENDS)
def test_each_recipient_has_a_fate(name: str, ends: dict[str, tuple[str, Mood]]) -> None:
    assert {end.recipient: (end.words, end.mood) for end in way_of(name).ends} == ends


@pytest.mark.parametrize("path", SOME, ids=lambda path: path.stem)
def test_every_connection_that_carries_mail_has_its_arrow_once(path: Path) -> None:
    analysis = inspect(path)
    expected = [one.connection.number for one in carrying(0, analysis, name_servers=False)]
    assert sorted(connections_in(way([analysis]))) == sorted(expected)


def test_what_a_host_does_with_mail_stands_on_its_lane() -> None:
    marks = [row for row in way_of("mailbox-full").rows if isinstance(row, Mark)]
    assert [(mark.lane, mark.sign) for mark in marks] == [
        (1, Sign.WAITS),
        (1, Sign.WAITS),
        (2, Sign.NOTE),
        (2, Sign.STORED),
    ]
    assert marks[0].words() == "waits here for bob@someschool.edu; next try in 30 min"
    assert marks[0].words("bob@someschool.edu") == "waits here; next try in 30 min"


def test_a_fault_stands_at_the_connection_it_struck() -> None:
    arrows = [row for row in way_of("reset-after-final-dot").rows if isinstance(row, Arrow)]
    assert [bool(arrow.faults) for arrow in arrows] == [False, True, False]
    assert arrows[1].mood is Mood.LOST


def test_tries_that_went_alike_are_told_together() -> None:
    folds = [row for row in way_of("mailbox-full-five-days").rows if isinstance(row, Fold) and row.tries]
    assert [(fold.tries, len(fold.connections)) for fold in folds] == [(7, 7)]


def test_name_servers_are_shown_on_request() -> None:
    found = way([inspect(CAPTURES / "mailbox-full.pcapng")], name_servers=True)
    assert Role.NAME_SERVER in {lane.role for lane in found.lanes}
    assert {row.by for row in found.rows if isinstance(row, Arrow)} == {"SMTP", "SMTP :587", "DNS"}


@pytest.mark.program("tshark")
def test_a_policy_that_is_fetched_has_its_arrow() -> None:
    rows = [row for row in way_of("sts-policy-blocked").rows if isinstance(row, Arrow) and row.by == "HTTPS"]
    assert (rows[0].said[0].text, rows[0].mood) == ("MTA-STS policy of someschool.edu: fetched", Mood.QUIET)
    assert {row.mood for row in rows[1:]} == {Mood.LOST}
    assert {row.said[0].text for row in rows[1:]} == {"MTA-STS policy of someschool.edu: reset by server"}


def test_several_captures_are_one_way() -> None:
    found = way([inspect(CAPTURES / f"{name}.pcapng") for name in ("delivered", "mailbox-full")])
    assert {row.capture for row in found.rows if isinstance(row, Arrow)} == {0, 1}
    assert len(found.lanes) == 3


def test_messages_are_told_apart_by_their_subjects_where_there_are_several() -> None:
    found = way_of("pop3-fetched-and-deleted")
    assert [found.whom(said) for row in found.rows[:2] if isinstance(row, Arrow) for said in row.said] == [
        "“One”",
        "“Two”",
    ]
    alone = way_of("mailbox-full")
    assert {alone.whom(said) for row in alone.rows if isinstance(row, Arrow) for said in row.said} == {""}


@pytest.mark.parametrize(
    ("name", "mood"),
    [
        ("pop3-login-refused-bob", Mood.FAILED),
        ("pop3-connection-lost-QUIT-reset", Mood.LOST),
        ("pop3-fetched-and-deleted", Mood.OK),
    ],
)
def test_a_reader_has_fetched_mail_or_was_turned_away_or_lost_it(name: str, mood: Mood) -> None:
    visits = [row for row in way_of(name).rows if isinstance(row, Arrow) and row.by == "POP3"]
    assert visits[0].mood is mood


STRANGERS = [
    ("mailbox-full", "taken by someschool.edu, probably after 2 tries in vain", Mood.OK),
    ("mailbox-full-five-days", "not taken in this capture; someschool.edu said 452 4.2.2 Mailbox full", Mood.TEMPORARY),
    ("unknown-user", "refused by someschool.edu: 550 5.1.1 User unknown", Mood.FAILED),
    ("reset-after-final-dot", "taken by someschool.edu, perhaps twice", Mood.OK),
    ("mx-unanswered-SERVFAIL", "taken by crepes.fr", Mood.OK),
]


@pytest.mark.parametrize(("name", "words", "mood"), STRANGERS)
def test_without_a_log_the_packets_tell_the_same_way(name: str, words: str, mood: Mood) -> None:
    analysis = inspect(CAPTURES / f"{name}.pcapng")
    ours, stranger = way([analysis]), way([replace(analysis, log=())])
    assert (stranger.ends[0].words, stranger.ends[0].mood) == (words, mood)
    assert stranger.lanes == ours.lanes
    assert not any(isinstance(row, Mark) for row in stranger.rows)
    assert sorted(connections_in(stranger)) == sorted(connections_in(ours))


def test_what_a_server_promised_twice_is_told_as_such() -> None:
    def sent(port: int, message_id: str) -> Talk:
        talk = Talk(port).open().say("S 220 b", "C EHLO a", "S 250 b", "C MAIL FROM:<a@a.example>", "S 250 ok")
        talk.say("C RCPT TO:<b@b.example>", "S 250 ok", "C DATA", "S 354 go", f"C Message-ID: <{message_id}@a.example>")
        return talk.say("C ", "C Hello", "C .", "S 250 ok", "C QUIT", "S 221 bye").close()

    found = way([watch(sent(40_000, "one"), sent(40_001, "one"))])
    assert [(end.words, end.mood) for end in found.ends] == [("taken twice by 10.0.0.2", Mood.REPEATED)]
    found = way([watch(sent(40_000, "one"), sent(40_001, "two"))])
    assert [(end.words, end.mood) for end in found.ends] == [("taken by 10.0.0.2", Mood.OK)] * 2


CASES = PROJECT.parent / "shared" / "cases" / "captures"


@pytest.mark.skipif(not CASES.exists(), reason="the captures of cases (../shared/cases) are not here")
def test_two_messages_without_a_message_id_are_two() -> None:
    """Of the first the capture shows that it was refused for now, and never that it was taken."""
    found = way([inspect(CASES / "r50-two-different-mails-without-message-id.pcap")])
    assert [end.mood for end in found.ends] == [Mood.TEMPORARY, Mood.OK]

"""One message over several hops, connections and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, capture, watch

from testbed.protocols.queue_id import queue_id
from testbed.protocols.text import printable
from testbed.report.clock import Clock
from testbed.report.journeys import sentence
from testbed.trace.journeys import Journey, Tie, journeys, legs_of
from tests.command import testbed

USER, RELAY, HOME, READER = "192.0.2.10", "192.0.2.20", "198.51.100.25", "198.51.100.40"
ID = "Message-ID: <1@x>\r\n"


def hop(
    client: str, server: str, header: str = ID, reply: str = "250 2.0.0 Ok: queued as 4ABC", *, to: str = "b@y",
    sender: str = "a@x", name: str = "mx", before: float = 0,
) -> Talk:  # fmt: skip
    """A message handed over; ``reply`` is to the message, or to RCPT where it refuses."""
    talk = Talk(hosts=(client, server)).wait(before).open().say(f"S 220 {name} ESMTP", "C HELO c", "S 250 " + name)
    talk.say(f"C MAIL FROM:<{sender}>", "S 250 ok", f"C RCPT TO:<{to}>")
    if reply.startswith("4"):
        return talk.say(f"S {reply}", "C QUIT", "S 221 bye").close()
    return talk.say("S 250 ok", "C DATA", "S 354 go", f"C {header}\r\nhi\r\n.", f"S {reply}", "C QUIT", "S 221").close()


def fetched(client: str, server: str, header: str = ID) -> Talk:
    talk = Talk(hosts=(client, server), server_port=110).open().say("S +OK hi", "C RETR 1")
    return talk.say(f"S +OK\r\n{header}\r\nhi\r\n.", "C QUIT", "S +OK").close()


def joined(*talks: Talk) -> tuple[Journey, ...]:
    return journeys(leg for connection in watch(*talks).connections for leg in legs_of(connection, "one.pcap"))


def way(journey: Journey) -> str:
    """The connections of a journey; those that are not certain have a question mark."""
    return " ".join(f"{leg.connection}{'' if leg.certain else '?'}" for leg in journey.legs)


BY_US = "Received: from c by mx (x) with SMTP id 4ABC; now\r\n"
CASES = {
    "the same Message-ID": ((hop(USER, RELAY), hop(RELAY, HOME)), ["1 2 message-id"]),
    "and it is read": ((hop(USER, RELAY), hop(RELAY, HOME), fetched(READER, HOME)), ["1 2 3 message-id"]),
    "one hop alone": ((hop(USER, RELAY),), []),
    "tried again at the same host": ((hop(USER, RELAY), hop(USER, RELAY, before=60)), []),
    "two messages": ((hop(USER, RELAY), hop(RELAY, HOME, "Message-ID: <2@x>\r\n")), []),
    "no Message-ID, the server's own name for it": (
        (hop(USER, RELAY, ""), hop(RELAY, HOME, BY_US, "250 ok")),
        ["1 2 queue-id"],
    ),
    "a new Message-ID, the server's own name for it": (
        (hop(USER, RELAY), hop(RELAY, HOME, BY_US + "Message-ID: <2@x>\r\n", "250 ok")),
        ["1 2 queue-id"],
    ),
    "such a name of another server": (
        (hop(USER, RELAY), hop(RELAY, HOME, BY_US.replace("mx", "elsewhere") + "Message-ID: <2@x>\r\n")),
        [],
    ),
    "nothing but envelope and time": ((hop(USER, RELAY, ""), hop(RELAY, HOME, "")), ["1 2? envelope"]),
    "for somebody else": ((hop(USER, RELAY, ""), hop(RELAY, HOME, "", to="c@y")), []),
    "six days later": ((hop(USER, RELAY, ""), hop(RELAY, HOME, "", before=6 * 86_400)), []),
    "the hop before it was taken": ((hop(RELAY, HOME, ""), hop(USER, RELAY, "", before=60)), []),
    "two that may be it": (
        (hop(USER, RELAY, ""), hop(READER, RELAY, "", before=1), hop(RELAY, HOME, "")),
        [],
    ),
    "refused, and taken later": (
        (hop(USER, RELAY), hop(RELAY, HOME, reply="452 full"), hop(RELAY, HOME, before=1_800)),
        ["1 2? 3 message-id envelope"],
    ),
    "two fetched messages without a Message-ID": ((fetched(READER, HOME, ""), fetched(USER, HOME, "")), []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_ties_legs_together(case: str) -> None:
    talks, wanted = CASES[case]
    assert [f"{way(one)} {' '.join(one.ties)}" for one in joined(*talks)] == wanted


def test_one_sentence_tells_the_way() -> None:
    (journey,) = joined(
        hop(USER, RELAY, ID + "Subject: Lunch?\r\n"),
        hop(RELAY, HOME, reply="452 4.2.2 full", before=1),
        hop(RELAY, HOME, reply="250 2.0.0 kept", before=1_800),
        fetched(READER, HOME),
    )
    assert sentence(journey, Clock(utc=True), files=False) == (
        '<1@x> "Lunch?": 192.0.2.10 → 192.0.2.20 (#1, taken as 4ABC at 22:13:20.130) → 198.51.100.25 '
        "(#2, 452 4.2.2 1.15 s later, probably the same message, by envelope and time; #3, taken 30 min 1 s later); "
        "198.51.100.40 read it from 198.51.100.25 by POP3 (#4, 30 min 1 s later)"
    )


def files(folder: Path, **talks: Talk) -> list[str]:
    for name, talk in talks.items():
        (folder / f"{name}.pcapng").write_bytes(capture(talk))
    return [str(folder / f"{name}.pcapng") for name in talks]


def test_over_several_files(tmp_path: Path) -> None:
    paths = files(tmp_path, first=hop(USER, RELAY), second=hop(RELAY, HOME, before=1), third=hop(USER, HOME, ""))
    said = " ".join(testbed("inspect", "--utc", *paths, COLUMNS="1000").stdout.split())
    _, _, across = said.partition("in several of these captures")
    assert f"192.0.2.10 → 192.0.2.20 (#1 in {paths[0]}, taken as 4ABC at 22:13:20.130) → " in across
    assert "third" not in across
    assert "in several" not in testbed("inspect", paths[0], paths[2]).stdout


def test_in_the_json_too(tmp_path: Path) -> None:
    paths = files(tmp_path, first=hop(USER, RELAY), second=hop(RELAY, HOME, before=1))
    document = json.loads(testbed("inspect", "--json", *paths).stdout)
    (journey,) = document["journeys"]
    assert (journey["message_id"], journey["certain"], journey["ties"]) == ("<1@x>", True, ["message-id"])
    assert [(leg["file"], leg["connection"]) for leg in journey["legs"]] == [(path, 1) for path in paths]
    assert [(leg["client"], leg["server"]) for leg in journey["legs"]] == [(USER, RELAY), (RELAY, HOME)]
    assert [leg["queue_id"] for leg in journey["legs"]] == ["4ABC", "4ABC"]
    lines = [json.loads(line) for line in testbed("inspect", "--ndjson", *paths).stdout.splitlines()]
    assert not [line for line in lines if line["type"] == "journey"]  # each file is told for itself there


REPLIES = {
    "Ok: queued as 4ABC": "4ABC",
    "OK id=1dKauY-0006oj-4k": "1dKauY-0006oj-4k",
    "<1@x> [InternalId=123456, Hostname=a.b] Queued mail for delivery": "123456",
    "r9A1b2c3 Message accepted for delivery": "r9A1b2c3",
    "OK  1511000000 s14si7.3 - gsmtp": "s14si7.3",
    "Message Queued (A1B2-C3.1)": "A1B2-C3.1",
    "ok 1511000000 qp 4321": "4321",
    "Ok": "",
    "thank you": "",
}


@pytest.mark.parametrize(("reply", "name"), list(REPLIES.items()))
def test_the_name_a_server_gives_a_message(reply: str, name: str) -> None:
    assert queue_id(reply) == name


@given(st.lists(st.tuples(st.sampled_from((USER, RELAY, HOME)), st.sampled_from((USER, RELAY, HOME)), st.booleans())))
def test_what_is_empty_ties_nothing(hops: list[tuple[str, str, bool]]) -> None:
    """Messages without any name, for somebody else each time, are never one."""
    talks = [
        hop(client, server, "Message-ID: \r\nReceived: by ; x\r\n" if named else "", "250 ok", to=f"r{number}@y")
        for number, (client, server, named) in enumerate(hops[:4])
        if client != server
    ]
    assert joined(*talks) == ()


@pytest.mark.cpu_seconds(20)
def test_very_many_legs_that_all_look_alike() -> None:
    (connection,) = watch(hop(USER, RELAY, BY_US + ID)).connections
    (leg,) = legs_of(connection, "a.pcap")
    (journey,) = journeys([leg] * 20_000 + list(legs_of(connection, "b.pcap")))
    assert len(journey.legs) == 20_001
    assert len(sentence(journey, Clock(utc=True), files=True)) < 1_000


def test_hostile_names_stay_harmless() -> None:
    (journey,) = joined(
        hop(USER, RELAY, "Message-ID: <\x1b[31m@x>\r\nSubject: a\x07b\r\n"),
        hop(RELAY, HOME, "Message-ID: <\x1b[31m@x>\r\n"),
    )
    said = sentence(journey, Clock(utc=True), files=True)
    assert said == printable(said)
    assert Tie.MESSAGE_ID in journey.ties

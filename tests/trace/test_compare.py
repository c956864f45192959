"""What two traces are compared by: what does not matter is passed over, and nothing that matters hides behind it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from talk import Talk

from testbed.pcap.read import parse_capture
from testbed.pcap.write import TraceWriter
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import Comparison, compare_analyses
from testbed.trace.compare.difference import every
from testbed.trace.compare.normal import about_as_large, alike, named, sized, unsealed, wording
from testbed.trace.inspect import analyse

_S = 1_000_000_000
_MINUTE = 60 * _S
HELLO = ("S 220 mx", "C EHLO a", "S 250-mx", "S 250-PIPELINING", "S 250 SIZE 1000000")
BYE = ("C QUIT", "S 221 bye")
NAMES = {"10.0.0.1": "relay.example", "10.0.0.2": "mx.example"}

Part = tuple[int, Talk]  # nanoseconds after the part before, and what happens then


def trace(
    *parts: Part | Talk,
    names: dict[str, str] | None = None,
    log: tuple[tuple[str, events.LogEvent], ...] = (),
    started: bool = False,
) -> Analysis:
    """What the inspector understands of some conversations, packets 1 ms apart, and of what hosts logged."""
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    writer.names(NAMES if names is None else names)
    now = 1_700_000_000 * _S
    if started:
        begun = events.LabStarted(scenario="", file="", seed=0, version="")
        writer.log(now, "lab", begun.word, "words", begun.fields())
    for part in parts:
        wait, talk = part if isinstance(part, tuple) else (0, part)
        now += wait
        for packet in talk.packets:
            writer.packet(now, bytes(packet))
            now += 1_000_000
    for host, event in log:
        writer.log(now, host, event.word, "words", event.fields())
    return analyse(parse_capture(np.frombuffer(file.getvalue(), np.uint8)))


def session(*lines: str, port: int = 40_000) -> Talk:
    return Talk(port).open().say(*HELLO, *lines, *BYE).close()


def mail(
    message_id: str = "<1@a>", subject: str = "Lunch?", to: str = "b@y", date: str = "1", queue_id: str = "4F1A2B3C4D"
) -> tuple[str, ...]:
    return (
        "C MAIL FROM:<a@x>",
        "S 250 ok",
        f"C RCPT TO:<{to}>",
        "S 250 ok",
        "C DATA",
        "S 354 go",
        f"C Message-ID: {message_id}",
        f"C Subject: {subject}",
        f"C Date: Tue, {date} Nov 2026 18:36:45 +0000",
        "C ",
        "C hi",
        "C .",
        f"S 250 2.0.0 queued as {queue_id}",
    )


def refused(reply: str) -> tuple[str, ...]:
    return ("C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", f"S {reply}")


def rewritten(sender: str) -> tuple[str, ...]:
    return (f"C MAIL FROM:<{sender}>", *mail()[1:])


def bdat(size: int) -> tuple[str, ...]:
    return (
        "C MAIL FROM:<a@x>",
        "S 250 ok",
        "C RCPT TO:<b@y>",
        "S 250 ok",
        f"C BDAT {size} LAST\r\n" + "x" * (size - 2),
    )


def cut(octets: int, by: int) -> Talk:
    """A message that ends in the middle with a RST from the client (0) or the server (1)."""
    talk = Talk().open().say(*HELLO, *mail()[:6])
    return talk.segment(0, "PA", b"x" * octets).segment(by, "RA")


def split(octets: bytes, *, lost: bool = False) -> Talk:
    """A session whose QUIT goes out in pieces; the last of them is sent twice when the first was ``lost``."""
    talk = Talk().open().say(*HELLO)
    talk.segment(0, "PA", octets[:2]).segment(0, "PA", octets[2:])
    if lost:
        talk.segment(0, "PA", octets[2:], back=len(octets) - 2)
    return talk.say("S 221 bye").close()


WHOLE = session()
# Normalisation, two traces that say the same, and two that do not although they differ in the very same thing.
NORMALISATIONS: dict[str, tuple[Analysis, Analysis, Analysis]] = {
    "client ports": (
        trace(session(port=40_000)),
        trace(session(port=50_123)),
        trace(Talk(50_123, server_port=587).open().say(*HELLO, *BYE).close()),
    ),
    "message ids": (
        trace(session(*mail("<1@a>", "One"), *mail("<2@a>", "Two"))),
        trace(session(*mail("<8@a>", "One"), *mail("<9@a>", "Two"))),
        trace(session(*mail("<9@a>", "Two"), *mail("<8@a>", "One"))),
    ),
    "dates": (
        trace(session(*mail(date="1"))),
        trace(session(*mail(date="24"))),
        trace(session(*mail(date="24", subject="Dinner?"))),
    ),
    "queue ids": (
        trace(session(*mail(queue_id="4F1A2B3C4D"))),
        trace(session(*mail(queue_id="9C8B7A6F5E"))),
        trace(session(*mail(queue_id="9C8B7A6F5E")[:-1], "S 452 4.3.1 full, 9C8B7A6F5E")),
    ),
    "what SRS seals senders with": (
        trace(session(*rewritten("SRS0=j+7X=JT=crepes.fr=alice@f.example"))),
        trace(session(*rewritten("SRS0=XvIf=AB=crepes.fr=alice@f.example"))),
        trace(session(*rewritten("SRS0=XvIf=AB=crepes.fr=carol@f.example"))),
    ),
    "segmentation": (trace(WHOLE), trace(split(b"QUIT\r\n")), trace(split(b"QUIT\r\n", lost=True))),
    "pure acknowledgements": (
        trace(WHOLE),
        trace(Talk().open().say(*HELLO).segment(0, "A").say(*BYE).segment(0, "A").close()),
        trace(Talk().open().say(*HELLO).segment(0, "A").say(*BYE).segment(0, "RA")),
    ),
    "times within the tolerance": (
        trace(session(*refused("452 4.2.2 full")), (30 * _MINUTE, session(*mail(), port=40_001))),
        trace(session(*refused("452 4.2.2 full")), (31 * _MINUTE, session(*mail(), port=40_001))),
        trace(session(*refused("452 4.2.2 full")), (15 * _MINUTE, session(*mail(), port=40_001))),
    ),
    "sizes, but for trace fields": (
        trace(session(*bdat(4_000))),
        trace(session(*bdat(4_050))),
        trace(session(*bdat(5_000))),
    ),
    "the words of success": (
        trace(session("C NOOP", "S 250 fine")),
        trace(session("C NOOP", "S 250 splendid")),
        trace(session("C NOOP", "S 252 fine")),
    ),
    "the order of what EHLO offers": (
        trace(Talk().open().say("S 220 mx", "C EHLO a", "S 250-mx", "S 250-DSN", "S 250 PIPELINING", *BYE).close()),
        trace(Talk().open().say("S 220 mx", "C EHLO a", "S 250-mx", "S 250-PIPELINING", "S 250 DSN", *BYE).close()),
        trace(Talk().open().say("S 220 mx", "C EHLO a", "S 250-mx", "S 250 PIPELINING", *BYE).close()),
    ),
    "the order of records": (
        trace(Talk().ask("y.example", "MX", "MX 10 a.y.example", "MX 20 b.y.example")),
        trace(Talk().ask("y.example", "MX", "MX 20 b.y.example", "MX 10 a.y.example")),
        trace(Talk().ask("y.example", "MX", "MX 10 a.y.example", "MX 5 b.y.example")),
    ),
}


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_it_hides_what_does_not_matter_and_nothing_else(name: str) -> None:
    before, same, other = NORMALISATIONS[name]
    assert compare_analyses(before, same).differences == ()
    assert compare_analyses(same, other).differences
    assert compare_analyses(other, same).differences


def told(before: Analysis, now: Analysis) -> list[str]:
    return _texts(compare_analyses(before, now))


FULL = session(*refused("452 4.2.2 Mailbox full"))
BOUNCE = Talk(40_009).open().say(*HELLO, "C MAIL FROM:<>", "S 250 ok", "C RCPT TO:<a@x>", "S 250 ok", *BYE).close()
TAKEN = session(*mail(), port=40_001)
SENTENCES: dict[str, tuple[Analysis, Analysis, str]] = {
    "it retries, it bounced": (
        trace(FULL, BOUNCE),
        trace(FULL, (30 * _MINUTE, TAKEN)),
        "relay.example now retries mail for b@y after 452 4.2.2, and it is taken; before, it bounced (452 4.2.2)",
    ),
    "it bounces, it was taken": (
        trace(FULL, (30 * _MINUTE, TAKEN)),
        trace(FULL, BOUNCE),
        "relay.example now bounces mail for b@y (452 4.2.2); before, it was taken",
    ),
    "another time": (
        NORMALISATIONS["times within the tolerance"][0],
        NORMALISATIONS["times within the tolerance"][2],
        "relay.example now comes back to mx.example after 15 minutes; before, after 30 minutes",
    ),
    "swapped messages": (
        NORMALISATIONS["message ids"][0],
        NORMALISATIONS["message ids"][2],
        "relay.example now hands over mail from <a@x> to <b@y> 'Two' to mx.example; "
        "before, mail from <a@x> to <b@y> 'One'",
    ),
    "lost data": (
        NORMALISATIONS["segmentation"][0],
        NORMALISATIONS["segmentation"][2],
        "data between relay.example and mx.example is now lost and sent again; before, it was not",
    ),
    "a refused connection": (
        trace(WHOLE),
        trace(Talk().segment(0, "S").segment(1, "RA")),
        "mx.example now refuses the connection of relay.example; before, it was complete",
    ),
    "for good": (
        trace(FULL),
        trace(session(*refused("552 5.2.2 Mailbox full"))),
        "mx.example now refuses RCPT of relay.example for good: 552 5.2.2 'Mailbox full'; before, for now: 452 4.2.2 "
        "'Mailbox full'",
    ),
    "no answer": (
        trace(session("C NOOP", "S 250 ok")),
        trace(Talk().open().say(*HELLO, "C NOOP").segment(1, "R")),
        "mx.example no longer answers NOOP of relay.example; before, it said 250",
    ),
    "other records": (
        NORMALISATIONS["the order of records"][0],
        NORMALISATIONS["the order of records"][2],
        "mx.example now answers relay.example's question for MX y.example with NOERROR MX 10 a.y.example., "
        "MX 5 b.y.example.; before, with NOERROR MX 10 a.y.example., MX 20 b.y.example.",
    ),
    "an offer": (
        NORMALISATIONS["the order of what EHLO offers"][0],
        NORMALISATIONS["the order of what EHLO offers"][2],
        "mx.example no longer offers DSN to relay.example",
    ),
    "what nobody foresaw": (
        trace(WHOLE, log=(("mx.example", events.Emptied(mailbox="b@y", messages=2)),)),
        trace(WHOLE),
        "mx.example no longer logs 'emptied' for b@y (messages 2); before, once",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_it_is_told_in_a_sentence(name: str) -> None:
    before, now, sentence = SENTENCES[name]
    assert sentence in told(before, now)


def test_frames_of_both_traces_prove_it() -> None:
    before, now, _ = SENTENCES["for good"]
    [difference] = [d for d in every(compare_analyses(before, now).differences) if d.kind == "reply"]
    assert [frame for frame in difference.before if frame in difference.now]
    [connection] = now.connections
    assert difference.now == connection.exchanges[3].frames


def test_the_order_of_servers_matters_unless_both_are_tried_at_once() -> None:
    """Two servers one after the other, the other way round, and at the same time."""

    def to(server: str, port: int) -> Talk:
        talk = Talk(port)
        ip = talk.ip
        talk.ip = lambda side: ip(side).copy() if False else _between(ip(side), side, server)  # type: ignore[method-assign]
        return talk.open().say(*HELLO, *BYE).close()

    names = {**NAMES, "10.0.0.3": "mx2.example"}
    one, two = to("10.0.0.2", 40_000), to("10.0.0.3", 40_001)
    mixed = Talk()
    mixed.packets = [packet for pair in zip(two.packets, one.packets, strict=True) for packet in pair]
    first = trace(one, two, names=names)
    assert told(first, trace(two, one, names=names)) == [
        "relay.example now goes to mx2.example first and to mx.example after it; before, the other way round"
    ]
    assert told(first, trace(mixed, names=names)) == []


def _between(packet: object, side: int, server: str) -> object:
    setattr(packet, "src" if side else "dst", server)
    return packet


def test_strangers_are_known_by_what_they_do() -> None:
    before = trace(Talk().ask("y.example", "MX", "MX 10 a.y.example"), FULL, names={})
    now = trace(Talk(v6=True).ask("y.example", "MX", "MX 10 a.y.example"), _v6(*refused("550 5.1.1 who?")), names={})
    compared = compare_analyses(before, now)
    assert compared.hosts == (("2001:db8::1", "10.0.0.1"), ("2001:db8::2", "10.0.0.2"))
    assert (
        "10.0.0.2 now refuses RCPT of 10.0.0.1 for good: 550 5.1.1 'who?'; before, for now: 452 4.2.2 'Mailbox full'"
        in _texts(compared)
    )
    assert not any(d.kind == "connections" for d in every(compared.differences))


def test_a_new_server_in_the_same_network_is_another_one() -> None:
    assert "relay.example no longer connects to mx.example (smtp); before, once" in told(
        trace(WHOLE), trace(WHOLE, names={"10.0.0.1": "relay.example", "10.0.0.2": "mx2.example"})
    )


def _v6(*lines: str) -> Talk:
    return Talk(v6=True).open().say(*HELLO, *lines, *BYE).close()


def _texts(compared: Comparison) -> list[str]:
    return [difference.text for difference in every(compared.differences)]


def test_who_runs_a_program_may_close_when_it_likes() -> None:
    program = (("relay.example", events.Exited(command="swaks", status=0)),)
    gentle, hasty = WHOLE, Talk().open().say(*HELLO, *BYE).segment(0, "RA")
    assert told(trace(gentle), trace(hasty))
    assert [
        text
        for text in told(trace(gentle, log=program), trace(hasty, log=program))
        if not text.startswith("a new finding")
    ] == []
    assert told(trace(gentle, log=program), trace(session("C NOOP", "S 250 ok"), log=program))


def lab(*parts: Part | Talk, struck: int = 0) -> Analysis:
    """The same as the trace of a lab, whose wire may have struck a frame (the log has the first)."""
    log = (("wire", events.Fault(line=1, at_frame=struck)),) if struck else ()
    return trace(*parts, started=True, log=log)


def test_a_machine_that_hesitates_is_no_wire_that_loses() -> None:
    """A lab's wire tells what it did; where it did nothing, TCP repeated itself because the machine was slow."""
    before, again = lab(WHOLE), split(b"QUIT\r\n", lost=True)
    assert told(before, lab(again)) == []
    assert any("lost and sent again" in text for text in told(before, lab(again, struck=12)))
    assert any("lost and sent again" in text for text in told(trace(WHOLE), trace(again)))


def test_how_much_was_on_its_way_when_the_server_cut_a_message_off_is_up_to_the_kernels() -> None:
    assert told(trace(cut(400, by=1)), trace(cut(900, by=1))) == []
    assert any("has 900 octets; before, 400" in text for text in told(trace(cut(400, by=0)), trace(cut(900, by=0))))
    finished = told(trace(cut(400, by=1)), trace(session(*mail())))
    assert "relay.example now says message nothing to mx.example; before, message unfinished" in finished


def test_a_refused_syn_sent_again_is_no_second_attempt() -> None:
    refusal = Talk().segment(0, "S").segment(1, "RA")
    hasty = Talk().segment(0, "S").segment(1, "RA").segment(0, "S", back=1).segment(1, "RA", back=0)
    twice = Talk(40_001).segment(0, "S").segment(1, "RA")
    assert told(lab(refusal), lab(hasty)) == []
    assert told(lab(refusal), lab(refusal, twice))


def test_hostile_words_are_escaped() -> None:
    [text] = [t for t in told(trace(FULL), trace(session(*refused("452 4.2.2 \x1b[2Jgo")))) if "go" in t]
    assert "\\x1b[2Jgo" in text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("one_s", "other_s", "same"),
    [(0, 9.9, True), (0, 10.1, False), (1_800, 1_880, True), (1_800, 1_900, False), (86_400, 90_000, True)],
)
def test_tolerance_of_times(one_s: float, other_s: float, same: bool) -> None:
    assert alike(int(one_s * _S), int(other_s * _S)) is same


def test_tolerance_of_sizes() -> None:
    assert about_as_large(300, 360)
    assert not about_as_large(300, 400)
    assert about_as_large(100_000, 101_000)


@pytest.mark.parametrize(
    ("verb", "argument", "rest", "octets"),
    [
        ("MAIL", "FROM:<a@x> SIZE=33 BODY=8BITMIME", "FROM:<a@x> SIZE=(size) BODY=8BITMIME", 33),
        ("MAIL", "FROM:<size=3@x>", "FROM:<size=3@x>", 0),
        ("BDAT", "345 LAST", "(size) LAST", 345),
        ("APPEND", '"A" {310}', '"A" {(size)}', 310),
        ("RETR", "12", "12", 0),
        ("RCPT", "TO:<b@y> NOTIFY=NEVER", "TO:<b@y> NOTIFY=NEVER", 0),
    ],
)
def test_sizes_are_taken_out_of_arguments(verb: str, argument: str, rest: str, octets: int) -> None:
    assert sized(verb, argument) == (rest, octets)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("try later, 4F1A2B3C4D9", "try later, (id)"),
        ("<ericlim220x@yahoo.com> unknown", "<ericlim220x@yahoo.com> unknown"),
        ("mail01234.example.com is full", "mail01234.example.com is full"),
        ("quota 52428800 exceeded", "quota 52428800 exceeded"),
        ("since Tue, 24 Nov 2026 18:36:45 +0000", "since (date)"),
        ("from [127.0.0.1]:4455", "from [127.0.0.1]:(port)"),
        ("at 10:30 we close", "at 10:30 we close"),
    ],
)
def test_words_lose_only_what_differs_from_run_to_run(text: str, left: str) -> None:
    assert wording(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("FROM:<SRS0=j+7X=JT=crepes.fr=alice@f.example>", "FROM:<SRS0=(seal)=(day)=crepes.fr=alice@f.example>"),
        ("srs0+abcd=JT=crepes.fr=a=b@f.example", "srs0+(seal)=(day)=crepes.fr=a=b@f.example"),
        ("SRS1=abcd=f.example==HHHH=JT=x=a@g.example", "SRS1=(seal)=f.example==HHHH=JT=x=a@g.example"),
        ("<alice=SRS0=1=2=3@x>", "<alice=SRS0=1=2=3@x>"),
        ("SRS0=@x", "SRS0=@x"),
    ],
)
def test_senders_lose_only_their_seal_and_its_day(text: str, left: str) -> None:
    assert unsealed(text) == left


def test_only_known_message_ids_are_renamed() -> None:
    assert named("550 <1@a> from <2@a>", {"<1@a>": "mail no. 1"}) == "550 mail no. 1 from <2@a>"

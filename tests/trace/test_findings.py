"""Every finding from a small capture that shows it; none on a healthy one."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from scapy.packet import Packet
from talk import Talk, watch

from testbed.trace.model.finding import Finding

HELLO = ("S 220 mx", "C EHLO a", "S 250 mx")
MAIL = ("C MAIL FROM:<a@x>", "S 250 ok")
RCPT = ("C RCPT TO:<b@y>", "S 250 ok")
DATA = ("C DATA", "S 354 go", "C Message-ID: <1@x>", "C ", "C hi", "C .")
BYE = ("C QUIT", "S 221 bye")
CLIENT_HELLO = b"\x16\x03\x01\x00\x60\x01\x00\x00\x5c\x03\x03" + bytes(90)


def healthy(port: int = 40_000) -> Talk:
    return Talk(port).open().say(*HELLO, *MAIL, *RCPT, *DATA, "S 250 2.0.0 taken", *BYE).close()


def after(*lines: str, port: int = 40_000) -> Talk:
    """A session with these lines behind the hello, then a goodbye."""
    return Talk(port).open().say(*HELLO, *lines, *BYE).close()


def cut(*lines: str, port: int = 40_000) -> Talk:
    """A session the server resets behind these lines."""
    return Talk(port).open().say(*lines).segment(1, "R")


REFUSED_IN_VAIN = {
    "RCPT": ["C MAIL FROM:<a@x>", "S 452 4.3.1 full", "C RCPT TO:<b@y>", "S 503 5.5.1 need MAIL"],
    "DATA": [*MAIL, "C RCPT TO:<b@y>", "S 452 4.3.1 full", "C DATA", "S 503 5.5.1 need RCPT"],
}

# The capture goes on for long enough that TCP would have repeated what it waited for.
MUCH_LATER = Talk(port=40_001).open().say(*HELLO, *("C NOOP", "S 250 ok") * 50, *BYE).close()
CASES: dict[str, list[Talk]] = {
    "connection-refused": [Talk().segment(0, "S").segment(1, "RA")],
    "syn-unanswered": [Talk().segment(0, "S").segment(0, "S", back=1)],
    "host-unreachable": [Talk().segment(0, "S").unreachable()],
    "handshake-incomplete": [Talk().segment(0, "S").segment(1, "SA"), MUCH_LATER],
    "syn-retransmitted": [
        Talk().segment(0, "S").segment(0, "S", back=1).segment(1, "SA").segment(0, "A").say(*HELLO, *BYE).close()
    ],
    "segment-retransmitted": [
        Talk().open().say("S 220 mx", "C EHLO a").segment(0, "PA", b"EHLO a\r\n", back=8).say("S 250 x", *BYE).close()
    ],
    "connection-reset": [cut(*HELLO)],
    "mailbox-full": [after(*MAIL, "C RCPT TO:<b@y>", "S 452 4.2.2 full")],
    "user-unknown": [after(*MAIL, "C RCPT TO:<b@y>", "S 550 5.1.1 who?")],
    "disk-full": [after(*MAIL, *RCPT, *DATA, "S 452 4.3.1 full")],
    "message-too-big": [after("C MAIL FROM:<a@x> SIZE=9", "S 552 5.3.4 too big")],
    "too-many-recipients": [after(*MAIL, "C RCPT TO:<b@y>", "S 452 4.5.3 enough")],
    "lone-dot": [after(*MAIL, "C RCPT TO:<b@y>", "S 550 5.1.1 who?", "C DATA", "S 354 go", "C .", "S 250 nothing")],
    "not-authorised": [after(*MAIL, "C RCPT TO:<b@y>", "S 550 5.7.1 no relaying")],
    "policy-refused-for-now": [after(*MAIL, "C RCPT TO:<b@y>", "S 450 4.7.1 come back in five minutes")],
    "wrong-credentials": [after("C AUTH PLAIN eA==", "S 535 5.7.8 no")],
    "refused-for-now": [after(*MAIL, "C RCPT TO:<b@y>", "S 450 wait")],
    "refused-for-good": [after("C VRFY b", "S 502 no")],
    "no-greeting": [Talk().open().close()],
    "no-reply": [Talk().open().say(*HELLO, "C MAIL FROM:<a@x>").close()],
    "server-hung-up": [cut(*HELLO, "C MAIL FROM:<a@x>")],
    "message-cut-off": [cut(*HELLO, *MAIL, *RCPT, *DATA[:-1])],
    "reply-to-message-lost": [cut(*HELLO, *MAIL, *RCPT, *DATA)],
    "no-quit": [Talk().open().say(*HELLO, *MAIL, *RCPT).close()],
    "idle-connection-closed": [
        Talk().open().say(*HELLO, *MAIL, *RCPT, *DATA, "S 250 taken", "S 451 4.7.0 Timeout waiting for client input")
    ],
    "spoke-to-closed-connection": [
        Talk()
        .open()
        .say(*HELLO, *MAIL, *RCPT, *DATA, "S 250 taken", "S 421 SMTP command timeout - closing connection")
        .segment(1, "FA")
        .say("C RSET")
        .segment(1, "R")
    ],
    "greeting-too-late": [Talk().open().segment(0, "FA").say("S 220 mx").segment(0, "R")],
    "nested-mail": [after(*MAIL, *RCPT, *MAIL, *RCPT, *DATA, "S 250 taken")],
    "dot-not-doubled": [
        Talk()
        .open()
        .say(*HELLO, *MAIL, *RCPT, *DATA[:-1], "C .\r\nworld\r\n.", "S 250 taken", "S 500 what", "S 500 what", *BYE)
        .close()
    ],
    "duplicate-possible": [cut(*HELLO, *MAIL, *RCPT, *DATA), healthy(40_001)],
    "delivery-retried": [after(*MAIL, "C RCPT TO:<b@y>", "S 452 4.2.2 full"), healthy(40_001)],
    "domain-unknown": [Talk().ask("y.example", "MX", rcode=3)],
    "name-server-failure": [Talk().ask("y.example", "MX", rcode=2)],
    "name-server-refuses": [Talk().ask("y.example", "MX", rcode=5)],
    "name-server-silent": [Talk().ask("y.example", "MX", rcode=None).wait(5).ask("y.example", "MX", rcode=None)],
    "answer-not-captured": [Talk().ask("y.example", "MX", rcode=None)],
    "host-unknown": [Talk().ask("mail.y.example", "A", rcode=3)],
    "null-mx": [Talk().ask("y.example", "MX", "MX 0 .")],
    "null-mx-not-alone": [Talk().ask("y.example", "MX", "MX 0 .", "MX 10 mx.y.example")],
    "null-mx-ignored": [Talk().ask("y.example", "MX", "MX 0 .").ask("y.example", "A", "A 10.0.0.2"), healthy()],
    "implicit-mx": [Talk().ask("y.example", "MX").ask("y.example", "A", "A 10.0.0.2"), healthy()],
    "mx-without-address": [
        Talk().ask("y.example", "MX", "MX 1 mx.y.example", "MX 2 m.y.example").ask("mx.y.example", "A")
    ],
    "no-mail-server": [Talk().ask("y.example", "MX", "MX 1 mx.y.example").ask("mx.y.example", "AAAA", rcode=3)],
    "mx-is-address": [Talk().ask("y.example", "MX", "MX 1 10.0.0.2", "MX 2 mx.y.example")],
    "mx-is-alias": [
        Talk().ask("y.example", "MX", "MX 1 mx.y.example").ask("mx.y.example", "A", "CNAME m.y.example", "A 10.0.0.2")
    ],
    "mx-is-self": [Talk().ask("y.example", "MX", "MX 1 mx.y.example").ask("mx.y.example", "A", "A 10.0.0.1")],
    "alias-loop": [Talk().ask("y.example", "A", "CNAME x.example", "CNAME y.example")],
    "answer-truncated": [Talk().ask("y.example", "MX", truncated=True)],
    "malformed-answer": [Talk().ask("y.example", "MX", "MX 1 mx.y.example", cut=5)],
    "answer-with-wrong-id": [Talk().ask("y.example", "MX", answered_id=8)],
}
# What else such a capture shows, beside the finding it stands for.
ALSO = {
    "server-hung-up": {"connection-reset"},
    "message-cut-off": {"connection-reset"},
    "reply-to-message-lost": {"connection-reset"},
    "duplicate-possible": {"connection-reset", "reply-to-message-lost", "delivery-retried"},
    "delivery-retried": {"mailbox-full"},
    "spoke-to-closed-connection": {"idle-connection-closed"},
    "dot-not-doubled": {"pipelining-not-offered"},
    "lone-dot": {"user-unknown"},
    "wrong-credentials": {"credentials-in-clear"},
    "null-mx-ignored": {"null-mx"},
    "no-mail-server": {"mx-without-address"},
    "answer-with-wrong-id": {"answer-not-captured"},
}


NO_RULE = {"answer-not-captured"}  # what only says that something is not in the capture


def findings(*talks: Talk) -> tuple[Finding, ...]:
    return watch(*talks).findings


@pytest.mark.parametrize("code", CASES)
def test_finding(code: str) -> None:
    analysis = watch(*CASES[code])
    assert {finding.code for finding in analysis.findings} == {code} | ALSO.get(code, set())
    for finding in analysis.findings:
        assert finding.reference.startswith("RFC ") or finding.code in NO_RULE
        assert finding.frames
        assert all(1 <= frame <= analysis.frames for frame in finding.frames)
        assert set(finding.connections) <= {connection.number for connection in analysis.connections}
        assert "{" not in finding.text


@pytest.mark.parametrize(
    "talk",
    [
        healthy(),
        after(),
        Talk(v6=True).open().say(*HELLO, *MAIL, *RCPT, *DATA, "S 250 ok", *BYE).close(),
        Talk().open().say(*HELLO, *BYE).segment(0, "FA").segment(1, "R"),  # after 221 the manner does not matter
        Talk().ask("y.example", "MX", rcode=0),
        Talk()
        .ask("y.example", "MX", "MX 1 mx.y.example")
        .ask("mx.y.example", "AAAA")
        .ask("mx.y.example", "A", "A 10.0.0.2"),
        Talk().ask("y.example", "MX", "MX 1 mx.y.example").ask("mx.y.example", "AAAA"),  # IPv4 may do
        Talk().ask("y.example", "MX").ask("y.example", "A", "A 10.0.0.2"),  # asked, and never connected
        Talk().ask("2.0.0.127.list.example", "A", rcode=3),  # not on the block list
        Talk().ask("y.example", "A", "A 10.0.0.2").ask("y.example.lan", "AAAA", rcode=3),  # a search list
        Talk().ask("y.example", "A", "CNAME x.example", "A 10.0.0.2"),
        Talk().ask("1.0.0.10.in-addr.arpa", "PTR", rcode=3),
    ],
)
def test_nothing_to_say_about_healthy_traffic(talk: Talk) -> None:
    assert findings(talk) == ()


@pytest.mark.parametrize("command", REFUSED_IN_VAIN)
def test_what_was_said_in_vain_is_no_second_refusal(command: str) -> None:
    assert {finding.code for finding in findings(after(*REFUSED_IN_VAIN[command]))} == {"disk-full"}


@pytest.mark.parametrize(
    ("last", "code"),
    [("MX 1 mx.y.example", "mx-is-self"), ("MX 0 .", "null-mx-not-alone"), ("MX 1 ::1", "mx-is-address")],
)
def test_the_sixtieth_mx_counts_although_fifty_are_shown(last: str, code: str) -> None:
    records = (*(f"MX 20 m{number}.y.example" for number in range(59)), last)
    analysis = watch(Talk().ask("y.example", "MX", *records).ask("mx.y.example", "A", "A 10.0.0.1"))
    assert code in {finding.code for finding in analysis.findings}
    [shown] = {len(e.reply.lines) for e in analysis.connections[0].exchanges if e.reply and e.command.verb == "MX"}
    assert shown == 50


def test_a_host_that_asks_for_its_own_domain_is_in_no_loop() -> None:
    """It may check the sender of a message, or deliver to its own users."""
    own = Talk().ask("own.example", "MX", "MX 1 own.example").ask("own.example", "A", "A 10.0.0.1")
    other = Talk().ask("y.example", "MX", "MX 1 own.example")
    assert [finding.code for finding in findings(own, other)] == ["mx-is-self"]


def test_odd_answers_count_one_each_whatever_ports_the_questions_came_from() -> None:
    twice = Talk().ask("x.example", "MX", "MX 1 mx.x.example", cut=5).ask("y.example", "MX", "MX 1 mx.y.example", cut=5)
    told = [finding.text for finding in findings(twice) if finding.code == "malformed-answer"]
    assert ["(MX x.example)" in told[0], "(MX y.example)" in told[1]] == [True, True]
    assert len(told) == 2


def test_so_many_odd_answers_are_all_counted() -> None:
    talk = Talk()
    for number in range(1_010):
        talk.ask(f"{number}.example", "MX", "MX 1 mx.example", cut=5)
    assert sum(finding.times for finding in findings(talk) if finding.code == "malformed-answer") == 1_010


def test_who_waits_is_told_the_refusal_of_mail_not_that_of_the_rcpt_behind_it() -> None:
    analysis = watch(after(*REFUSED_IN_VAIN["RCPT"]), after(*REFUSED_IN_VAIN["RCPT"], port=40_001), healthy(40_002))
    assert analysis.connections[0].outcome == "mail for b@y: 452 4.3.1 full"
    [retried] = [finding for finding in analysis.findings if finding.code == "delivery-retried"]
    assert "452 4.3.1" in retried.text
    assert "503" not in retried.text


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (
            cut(*HELLO, *MAIL, *RCPT, *DATA[:-1], "S 552 5.3.4 too big"),
            "the message for b@y from 10.0.0.1 before its end",
        ),
        (after("C STARTTLS", "S 502 no"), "STARTTLS had not been offered"),
        (after("C MAIL FROM:<a@x> SMTPUTF8 RET=HDRS", "S 555 no"), "SMTPUTF8, DSN had not been offered"),
        (after(*MAIL, "C MAIL FROM:<b@x>", "S 503 no"), "another mail transaction was open"),
        (Talk().open().say("S 220 mx", "C MAIL FROM:<a@x>", "S 503 no", *BYE).close(), "no EHLO or HELO came before"),
        (after(*MAIL, "C RCPT TO:<b@y>", "S 550-5.7.1 not\r\n550 5.7.1  today"), 'it said "not today"'),
        (after(*MAIL, "C RCPT TO:<b@y>", "S 550 " + "a" * 300), 'it said "' + "a" * 159 + '…"'),
    ],
)
def test_what_a_refusal_is_told_with(talk: Talk, words: str) -> None:
    refused = [finding for finding in findings(talk) if "refused" in finding.text and "it said" in finding.text]
    assert any(words in finding.text for finding in refused)


@pytest.mark.parametrize(
    ("reply", "words"),
    [("235 2.7.0 in", "logged in without encryption"), ("538 5.7.11 no", "tried in vain to log in without encryption")],
)
def test_a_login_in_clear(reply: str, words: str) -> None:
    found = findings(after("C STARTTLS", "S 454 no", "C AUTH PLAIN eA==", f"S {reply}"))
    assert any(words in finding.text for finding in found if finding.code == "plain-after-starttls")


def test_the_cause_of_a_refusal() -> None:
    (greylisted,) = findings(after(*MAIL, "C RCPT TO:<b@y>", "S 450 4.2.2 Greylisted, try later"))
    assert (greylisted.code, greylisted.cause) == ("refused-for-now", "greylisted")
    (unknown,) = findings(after(*MAIL, "C RCPT TO:<b@y>", "S 550 not today"))
    assert unknown.cause == ""


def test_mails_without_message_id_are_never_the_same() -> None:
    unnamed = [line for line in DATA if "Message-ID" not in line]
    first = after(*MAIL, *RCPT, *unnamed, "S 452 4.3.1 full")
    second = after(*MAIL, *RCPT, *unnamed, "S 250 taken", port=40_001)
    assert [finding.code for finding in findings(first, second)] == ["disk-full"]


def test_a_client_that_gives_up_itself_has_not_failed() -> None:
    talk = after(*MAIL, *RCPT, "C RSET", "S 250 ok", *MAIL, *RCPT, *DATA, "S 250 taken")
    assert findings(talk) == ()


CLOSING = ["S 421 4.3.2 back at noon"]


@pytest.mark.parametrize(
    ("lines", "also"),
    [
        (["C QUIT"], set()),  # both have said that this is the end
        (["C EHLO a"], {"spoke-to-closed-connection"}),  # a RST behind its own FIN answers what came too late
        ([], {"connection-reset"}),
    ],
)
def test_a_quit_that_crosses_a_421_meets_no_surprise(lines: list[str], also: set[str]) -> None:
    talk = Talk().open().say(*CLOSING).segment(1, "FA").say(*lines).segment(1, "R")
    assert {finding.code for finding in findings(talk)} == {"refused-for-now"} | also


def test_a_reply_that_broke_off_is_no_promise() -> None:
    """RFC 5321 §4.2: a reply ends with CRLF, so nobody has heard this one (RFC 1047)."""
    talk = Talk().open().say(*HELLO, *MAIL, *RCPT, *DATA).segment(1, "PA", b"250 2.0.0 taken").close()
    analysis = watch(talk)
    assert [finding.code for finding in analysis.findings] == ["reply-to-message-lost"]
    assert analysis.connections[0].outcome == "mail for b@y: message sent, and the reply broke off"


def test_frames_point_at_the_evidence() -> None:
    (finding,) = findings(*CASES["mailbox-full"])
    assert finding.frames == (10,)
    assert "b@y" in finding.text


def test_a_retry_that_succeeds_tells_how_long_it_took() -> None:
    found = {finding.code: finding for finding in findings(*CASES["delivery-retried"])}
    assert "tried 2 times" in found["delivery-retried"].text
    assert "was taken" in found["delivery-retried"].text


@pytest.mark.parametrize(
    ("pieces", "octets", "is_slow"),
    [
        (7, 3, False),  # too few pieces to tell
        (8, 3, True),
        (8, 4, False),  # each piece too large for crumbs
        (20, 1, True),
    ],
)
def test_a_reply_in_crumbs_is_slow_from_eight_pieces_of_three_octets_on(
    pieces: int, octets: int, is_slow: bool
) -> None:
    reply = b"250 ".ljust(pieces * octets - 2, b"x") + b"\r\n"
    talk = Talk().open().say("S 220 x", "C EHLO a")
    for start in range(0, len(reply), octets):
        talk.segment(1, "PA", reply[start : start + octets])
    found = [finding for finding in findings(talk.say("C QUIT", "S 221 x").close()) if finding.code == "slow-reply"]
    assert bool(found) is is_slow


class Home(Talk):
    """A host that speaks to itself."""

    def ip(self, side: int) -> Packet:
        return IP(src="10.0.0.1", dst="10.0.0.1")


def _home(port: int, reply: str = "250 ok") -> Talk:
    said = ("S 220 x", "C EHLO x", "S 250 x", "C MAIL FROM:<>", "S 250 ok", "C RCPT TO:<b@Y.example>", f"S {reply}")
    data = ("C DATA", "S 354 go", "C Message-ID: <1@y>\r\n\r\nhi\r\n.", "S 250 ok") if reply[0] == "2" else ()
    return Home(port=port).open().say(*said, *data, "C QUIT", "S 221 bye").close()


@pytest.mark.parametrize(
    ("hops", "found"),
    [([_home(40_000)], False), ([_home(40_000), _home(40_001)], True), ([_home(40_000, "550 no")], True), ([], True)],
    ids=["taken", "came round again", "refused", "not sent"],
)
def test_a_host_that_takes_mail_from_itself_is_no_loop(hops: list[Talk], found: bool) -> None:
    asked = Talk().ask("y.example", "MX", "MX 1 mx.y.example").ask("mx.y.example", "A", "A 10.0.0.1")
    codes = {finding.code for finding in watch(asked, *hops).findings}
    assert ("mx-is-self" in codes) == found


def test_a_client_that_never_begins_tls_is_not_kept_waiting() -> None:
    """RFC 3207 §4: after 220 it is the client who speaks first."""
    talk = Talk().open().say(*HELLO, "C STARTTLS", "S 220 go").close()
    assert [finding.code for finding in findings(talk)] == ["tls-not-begun"]
    waiting = Talk().open().say(*HELLO, "C STARTTLS", "S 220 go").segment(0, "PA", CLIENT_HELLO).close()
    assert "tls-not-begun" not in {finding.code for finding in findings(waiting)}


def test_of_a_command_that_never_arrived_no_reply_is_missed() -> None:
    octets = b"MAIL FROM:<a@x>\r\n"
    talk = Talk().open().say(*HELLO).segment(0, "PA", octets)
    for _ in range(4):
        talk.segment(0, "PA", octets, back=len(octets))
    talk.packets.extend(healthy(40_001).packets)
    assert [finding.code for finding in findings(talk)] == ["connection-dead"]

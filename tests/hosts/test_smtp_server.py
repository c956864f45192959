"""The SMTP server before clients that behave, that misbehave, and that mean harm (RFC 5321)."""

from __future__ import annotations

import re
import resource
import smtplib
import socket
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from testbed.hosts.smtp.commands import Terms
from testbed.scenario.faults import DialogueFault
from tests.patience import HANG_S

from .conftest import Running, Serve

GREETING = b"EHLO client.example\r\n"
TO_BOB = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<bob@someschool.edu>\r\n"
TO_CAROL = TO_BOB.replace(b"bob", b"carol")


def talk(server: Running, octets: bytes, *, until: bytes = b"221") -> bytes:
    """Send everything at once, then read until a reply begins with ``until`` or the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG_S) as sock:
        sock.sendall(octets)
        said = b""
        while not said.startswith(until) and b"\n" + until not in said:
            try:
                part = sock.recv(65536)
            except ConnectionResetError:
                return said + b"(gone)"
            if not part:
                return said + b"(gone)"
            said += part
        return said


def codes(said: bytes) -> list[str]:
    """The final line's code of each reply."""
    return [line[:3].decode() for line in said.splitlines() if line[3:4] != b"-"]


def test_a_pipelined_transaction_is_answered_command_by_command(serve: Serve) -> None:
    server = serve()
    said = talk(server, GREETING + TO_CAROL + b"DATA\r\nSubject: hi\r\n\r\nhello\r\n.\r\nQUIT\r\n")
    assert codes(said) == ["220", "250", "250", "250", "354", "250", "221"]
    [message] = server.messages("carol")
    assert message.startswith(b"Return-Path: <a@b.example>\r\nReceived: from client.example ([127.0.0.1])\r\n")
    assert message.endswith(b"Subject: hi\r\n\r\nhello\r\n")


@pytest.mark.parametrize("path", [b"<postmaster>", b"<Postmaster>", b"POSTMASTER", b"<PostMaster@SomeSchool.edu>"])
def test_the_postmaster_needs_no_domain_and_has_no_case(serve: Serve, path: bytes) -> None:
    server = serve()
    to_postmaster = b"MAIL FROM:<>\r\nRCPT TO:" + path + b"\r\n"
    said = talk(server, GREETING + to_postmaster + b"DATA\r\nSubject: hi\r\n\r\nhello\r\n.\r\nQUIT\r\n")
    assert codes(said) == ["220", "250", "250", "250", "354", "250", "221"]
    assert len(server.messages("postmaster")) == 1


def test_what_it_can_do_is_announced(serve: Serve) -> None:
    with smtplib.SMTP("127.0.0.1", serve().port) as client:
        client.ehlo("client.example")
        assert {"size", "8bitmime", "pipelining", "enhancedstatuscodes"} <= set(client.esmtp_features)


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (b"RCPT TO:<bob@someschool.edu>\r\n", ["503"]),
        (GREETING + b"RCPT TO:<bob@someschool.edu>\r\n", ["250", "503"]),
        (GREETING + b"DATA\r\n", ["250", "503"]),
        (GREETING + TO_CAROL + b"DATA now\r\n", ["250", "250", "250", "501"]),
        (GREETING + b"MAIL FROM:<>\r\nRCPT TO:<carol@someschool.edu>\r\n", ["250", "250", "250"]),
        (GREETING + TO_BOB.replace(b"bob", b"nobody"), ["250", "250", "550"]),
        (GREETING + TO_BOB.replace(b"bob", b"fay"), ["250", "250", "452"]),
        (GREETING + TO_BOB.replace(b"someschool.edu", b"elsewhere.example"), ["250", "250", "550"]),
        (GREETING + b"MAIL FROM:<a@b.example> SIZE=999999999999\r\n", ["250", "552"]),
        (GREETING + b"FROBNICATE\r\n\r\n\x00\xff\r\n", ["250", "500", "500", "500"]),
        (b"EHLO " + b"x" * 5000 + b"\r\n", ["500"]),
        (GREETING + b"MAIL FROM:<" + b"a" * 600 + b"@b.example>\r\n", ["250", "501"]),
        (GREETING + b"MAIL FROM:<\r\n", ["250", "553"]),
    ],
    ids=[
        "RCPT before EHLO",
        "RCPT before MAIL",
        "DATA before RCPT",
        "DATA with an argument",
        "the null path",
        "an unknown user",
        "a full mailbox",
        "somebody else's domain",
        "a size beyond the limit",
        "no commands at all",
        "an endless command",
        "an overlong path",
        "a path without an end",
    ],
)
def test_each_mistake_has_its_reply(serve: Serve, commands: bytes, expected: list[str]) -> None:
    assert codes(talk(serve(), commands + b"QUIT\r\n")) == ["220", *expected, "221"]


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (b"MAIL FROM:<a@b.example> SIZE=200 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x", ["250"]),
        (b"MAIL FROM:<a@b.example> FROB=1", ["555"]),
        (b"MAIL FROM:<a@b.example> BODY=9BIT", ["501"]),
        (b"MAIL FROM:<a@b.example> SIZE=10001", ["552"]),
        ("MAIL FROM:<ä@b.example>".encode(), ["550"]),
        ("MAIL FROM:<ä@b.example> SMTPUTF8".encode(), ["250"]),
        (b"MAIL FROM:<\xff@b.example> SMTPUTF8", ["501"]),
        (TO_CAROL.strip() + b" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@d", ["250", "250"]),
        (TO_CAROL.strip() + b" NOTIFY=NEVER,DELAY", ["250", "501"]),
        (TO_CAROL.strip() + b" SIZE=5", ["250", "555"]),
        (TO_CAROL.replace(b"carol", "cäröl".encode()).strip(), ["250", "553"]),
        (TO_CAROL + b"RCPT TO:<bob@someschool.edu>\r\nRCPT TO:<carol@someschool.edu>", ["250", "250", "250", "452"]),
        (b"NOOP\r\nMAIL TO:<a@b.example>", ["250", "501"]),
    ],
    ids=[
        "every parameter",
        "an unknown parameter",
        "an unknown body",
        "a size beyond the host's own limit",
        "an address that needs SMTPUTF8",
        "an address that has it",
        "an address that is no UTF-8",
        "what to tell the sender",
        "never and something",
        "a parameter of MAIL",
        "a recipient that needs SMTPUTF8",
        "more recipients than the host takes",
        "a path without its keyword",
    ],
)
def test_parameters_are_read_and_limits_kept(serve: Serve, commands: bytes, expected: list[str]) -> None:
    server = serve(terms=Terms(max_message=10_000, max_recipients=2))
    assert codes(talk(server, GREETING + commands + b"\r\nQUIT\r\n")) == ["220", "250", *expected, "221"]


COMMANDS = (
    *(b"NOOP", b"NOOP with words", b"RSET", b"RSET now", b"HELP", b"HELP MAIL", b"HELP FROB"),
    *(b"VRFY", b"VRFY bob", b"VRFY <", b"EXPN", b"EXPN list"),
    *(b"MAIL", b"MAIL FROM:<>", b"MAIL FROM:<a@b.example>", b"MAIL FROM:<", b"MAIL FROM:<> FROB=1"),
    *(b"RCPT", b"RCPT TO:<carol@someschool.edu>", b"RCPT TO:<nobody@someschool.edu>", b"RCPT TO:<"),
    *(b"DATA now", b"DATA\r\nSubject: hi\r\n\r\nhello\r\n.", b"BDAT 4 LAST\r\nyo\r\n", b"STARTTLS", b"STARTTLS now"),
    *(b"AUTH", b"AUTH PLAIN", b"AUTH PLAIN ==", b"ETRN x", b"TURN", b"FROB", b"", b"\x00\xff", b"x" * 5_000),
    *(b"BDAT", b"BDAT 2\r\nyo", b"QUIT now", b"QUIT"),
)
# What is said before, and how many of the replies greet.
STATES = {
    "before EHLO": (b"", 1),
    "after HELO": (b"HELO client.example\r\n", 2),
    "after EHLO": (GREETING, 2),
    "after MAIL": (GREETING + b"MAIL FROM:<a@b.example>\r\n", 2),
    "after RCPT": (GREETING + TO_CAROL, 2),
}


@pytest.mark.parametrize("state", STATES)
def test_every_reply_has_an_enhanced_code_of_its_class_where_they_are_offered(serve: Serve, state: str) -> None:
    """RFC 2034 §4: but for the greeting, and the replies to EHLO and HELO."""
    server = serve(terms=CHUNKING)
    before, greetings = STATES[state]
    for command in COMMANDS:
        replies = talk(server, before + command + b"\r\nQUIT\r\n").splitlines()
        replies = [line.decode() for line in replies if line[3:4] != b"-"][greetings:]
        assert replies, command
        for reply in replies:
            coded = re.match(r"([245])\d\d \1\.\d{1,3}\.\d{1,3} ", reply)
            assert coded or reply[0] == "3" or reply == "(gone)", (command, reply)


@pytest.mark.parametrize("greeting", [b"EHLO", b"HELO"])
def test_greetings_have_no_enhanced_code(serve: Serve, greeting: bytes) -> None:
    said = talk(serve(), greeting + b"\r\n" + greeting + b" client.example\r\nQUIT\r\n").decode().splitlines()
    assert said[1] == f"501 Syntax: {greeting.decode()} hostname"
    assert said[2].endswith("someschool.edu")
    assert said[-1].startswith("221 2.0.0 ")


def test_what_a_scenario_says_is_said_as_it_stands(serve: Serve) -> None:
    server = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": "RCPT", "reply": "452 full"}))
    assert b"\r\n452 full\r\n" in talk(server, GREETING + TO_CAROL + b"QUIT\r\n")


def test_no_enhanced_code_is_added_where_they_are_not_offered(serve: Serve) -> None:
    server = serve(terms=Terms(without=frozenset({"ENHANCEDSTATUSCODES"})))
    assert talk(server, GREETING + b"NOOP\r\nQUIT\r\n").endswith(b"250 OK\r\n221 Bye\r\n")


def test_starttls_that_is_not_offered_is_not_implemented(serve: Serve) -> None:
    assert codes(talk(serve(), GREETING + b"STARTTLS\r\nQUIT\r\n")) == ["220", "250", "502", "221"]


def test_a_host_offers_what_it_is_not_without(serve: Serve) -> None:
    server = serve(terms=Terms(without=frozenset({"SIZE", "DSN", "SMTPUTF8"})))
    said = talk(server, GREETING + b"MAIL FROM:<a@b.example> SIZE=1\r\nRSET\r\n" + TO_CAROL + b"QUIT\r\n")
    assert not any(b"250-" + word in said for word in (b"SIZE", b"DSN", b"SMTPUTF8"))
    assert b"250-8BITMIME" in said
    assert codes(said) == ["220", "250", "555", "250", "250", "250", "221"]


CHUNKING = Terms(max_message=100, besides=frozenset({"CHUNKING"}))
MAIL_IN_CHUNKS = GREETING + TO_CAROL


@pytest.mark.parametrize(
    ("commands", "expected", "message"),
    [
        (b"BDAT 19 LAST\r\nSubject: hi\r\n\r\nyo\r\n", "250", b"Subject: hi\r\n\r\nyo\r\n"),
        (b"BDAT 8\r\nSubject:BDAT 9\r\n hi\r\n\r\n.\rBDAT 1 LAST\r\n\n", "250 250 250", b"Subject: hi\r\n\r\n.\r\n"),
        (b"BDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\n", "250 250", b"QUIT\r\n"),
        (b"BDAT 2 last\r\nyo", "250", b"yo\r\n"),
        (b"BDAT 3 LAST\r\n.\r\n", "250", b".\r\n"),
        (b"BDAT 9\r\nforgottenRSET\r\n" + TO_CAROL + b"BDAT 4 LAST\r\nyo\r\n", "250 250 250 250 250", b"yo\r\n"),
        (b"BDAT\r\n", "501", None),
        (b"BDAT x LAST\r\n", "501", None),
        (b"BDAT -1\r\n", "501", None),
        (b"BDAT 0 FIRST\r\n", "501", None),
        (b"BDAT 0 LAST LAST\r\n", "501", None),
        (b"BDAT 101 LAST\r\n" + b"x" * 101, "552", None),
        (b"BDAT 99\r\n" + b"x" * 99 + b"BDAT 6\r\nRSET\r\nBDAT 0 LAST\r\n", "250 552 552", None),
        (b"BDAT 4 LAST\r\na\nb\r", "550", None),
        (b"BDAT 2\r\nyoDATA\r\n", "250 503", None),
        (b"BDAT 2\r\nyoRCPT TO:<carol@someschool.edu>\r\n", "250 503", None),
        (b"BDAT 2\r\nyoMAIL FROM:<a@b.example>\r\n", "250 503", None),
        (b"DATA\r\nyo\r\n.\r\nBDAT 6 LAST\r\nRSET\r\n", "354 250 503", b"yo\r\n"),
        (b"RSET\r\nBDAT 6\r\nRSET\r\nBDAT 6 LAST\r\nRSET\r\n", "250 503 503", None),
    ],
    ids=[
        *("one chunk", "three", "commands inside, and an empty last", "no CRLF at the end", "a lone dot"),
        *("RSET between", "no size", "no number", "less than nothing", "FIRST", "twice LAST"),
        *("too big", "too big together", "a bare LF", "DATA behind it", "RCPT behind it", "MAIL behind it"),
        *("behind DATA", "no recipients"),
    ],
)
def test_messages_come_in_chunks(serve: Serve, commands: bytes, expected: str, message: bytes | None) -> None:
    """RFC 3030 §2: whatever comes of a chunk, its octets are no commands."""
    server = serve(terms=CHUNKING)
    said = talk(server, MAIL_IN_CHUNKS + commands + b"QUIT\r\n")
    assert codes(said) == ["220", "250", "250", "250", *expected.split(), "221"]
    found = [content.partition(b"\r\n\t")[2].split(b"\r\n", 3)[-1] for content in server.messages("carol")]
    assert found == ([] if message is None else [message])


def test_chunks_are_offered_where_that_is_said(serve: Serve) -> None:
    unasked = talk(serve(), MAIL_IN_CHUNKS + b"BDAT 2 LAST\r\nQUIT\r\n")
    assert b"CHUNKING" not in unasked
    assert codes(unasked) == ["220", "250", "250", "250", "502", "221"]
    asked = talk(serve(terms=CHUNKING), MAIL_IN_CHUNKS + b"QUIT\r\n")
    assert b"250-CHUNKING\r\n" in asked
    assert b"BINARYMIME" not in asked


def test_a_client_that_leaves_in_mid_chunk_delivers_nothing(serve: Serve) -> None:
    server = serve(terms=CHUNKING)
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG_S) as sock:
        sock.sendall(MAIL_IN_CHUNKS + b"BDAT 9 LAST\r\nyo\r\n")
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    assert server.messages("carol") == []


def test_a_message_beyond_the_limit_is_refused_after_its_end(serve: Serve) -> None:
    server = serve(terms=Terms(max_message=100))
    said = talk(server, GREETING + TO_CAROL + b"DATA\r\n" + b"x" * 99 + b"\r\n.\r\nQUIT\r\n")
    assert codes(said)[-2:] == ["552", "221"]
    assert server.messages("carol") == []


def test_mail_data_for_nobody_is_refused(serve: Serve) -> None:
    """RFC 2920 §3.1: a server that says 354 all the same meets a lone dot, or worse."""
    server = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": "DATA", "reply": "354 Go"}))
    commands = TO_CAROL.replace(b"carol", b"nobody") + b"DATA\r\n.\r\nQUIT\r\n"
    assert codes(talk(server, GREETING + commands)) == ["220", "250", "250", "550", "354", "554", "221"]


@pytest.mark.parametrize(
    "smuggled",
    [b"\n.\n", b"\n.\r\n", b"\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\r\n.\r\r\n"],
    ids=lambda value: value.decode("latin-1").encode("unicode_escape").decode(),
)
def test_no_line_end_but_crlf_ends_the_message(serve: Serve, smuggled: bytes) -> None:
    """SMTP smuggling: the octets after a false end of data must not become commands, and the whole is refused."""
    server = serve()
    inner = b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<carol@someschool.edu>\r\nDATA\r\nevil\r\n"
    said = talk(server, GREETING + TO_CAROL + b"DATA\r\nSubject: x\r\n\r\nbody" + smuggled + inner + b".\r\nQUIT\r\n")
    assert codes(said) == ["220", "250", "250", "250", "354", "550", "221"]
    assert b"550 5.6.0 Bare CR or LF" in said
    assert server.messages("carol") == []


def test_nul_before_a_dot_ends_nothing(serve: Serve) -> None:
    server = serve()
    said = talk(server, GREETING + TO_CAROL + b"DATA\r\n\r\na\r\n\0.\r\nNOOP\r\n.\r\nQUIT\r\n")
    assert codes(said) == ["220", "250", "250", "250", "354", "250", "221"]
    [message] = server.messages("carol")
    assert message.endswith(b"\r\n\r\na\r\n\0.\r\nNOOP\r\n")


@pytest.mark.parametrize(("octets", "code"), [(998, "250"), (999, "500"), (1_001, "500"), (1_002, "500")])
@pytest.mark.parametrize("first", [b"x", b".."])
def test_a_line_has_a_thousand_octets_at_most(serve: Serve, octets: int, code: str, first: bytes) -> None:
    """CRLF counts, the dot stuffed before a line does not (RFC 5321 §4.5.3.1.6)."""
    server = serve()
    line = first + b"x" * (octets - 1)
    said = talk(server, GREETING + TO_CAROL + b"DATA\r\n" + line + b"\r\n.\r\nQUIT\r\n")
    assert codes(said) == ["220", "250", "250", "250", "354", code, "221"]


def test_smtplib_is_told_of_bare_line_feeds_and_may_go_on(serve: Serve) -> None:
    server = serve()
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.ehlo("client.example")
        for end, code in ((b"\n", 550), (b"\r", 550), (b"\r\n", 250)):
            client.mail("a@b.example")
            client.rcpt("carol@someschool.edu")
            client.putcmd("data")
            assert client.getreply()[0] == 354
            client.send(b"Subject: x\r\n\r\none" + end + b"two\r\n.\r\n")
            assert client.getreply()[0] == code
    [message] = server.messages("carol")
    assert message.endswith(b"\r\n\r\none\r\ntwo\r\n")


@given(st.lists(st.binary(max_size=60).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")), max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_lines_come_out_as_they_went_in(serve: Serve, lines: list[bytes]) -> None:
    """Dot-stuffing is undone, and nothing else is touched (RFC 5321 §4.5.2)."""
    server = serve()
    server.post_office.mailboxes["carol@someschool.edu"].empty()
    body = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    talk(server, GREETING + TO_CAROL + b"DATA\r\nSubject: x\r\n\r\n" + stuffed + b".\r\nQUIT\r\n")
    [message] = server.messages("carol")
    assert message.endswith(b"Subject: x\r\n\r\n" + body)


def test_an_endless_line_in_a_message_is_refused_and_costs_no_memory(serve: Serve) -> None:
    server = serve()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG_S) as sock:
        sock.sendall(GREETING + TO_CAROL + b"DATA\r\n")
        for _ in range(200):
            sock.sendall(b"x" * 1_000_000)
        sock.sendall(b"\r\n.\r\nQUIT\r\n")
        said = b""
        while b"\n221" not in said:
            said += sock.recv(65536)
    assert codes(said) == ["220", "250", "250", "250", "354", "500", "221"]
    assert server.messages("carol") == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB


def test_a_message_that_does_not_fit_the_quota_is_refused_and_not_stored(serve: Serve) -> None:
    server = serve()
    body = b"x" * 70 + b"\r\n"
    said = talk(server, GREETING + TO_BOB + b"DATA\r\n" + body * 400 + b".\r\nQUIT\r\n")
    assert codes(said) == ["220", "250", "250", "250", "354", "452", "221"]
    assert server.messages("bob") == []


@pytest.mark.parametrize(
    "where", [b"EHLO", GREETING, GREETING + TO_CAROL, GREETING + TO_CAROL + b"DATA\r\nhalf a mess"]
)
def test_a_client_that_vanishes_delivers_nothing_and_disturbs_nobody(serve: Serve, where: bytes) -> None:
    server = serve()
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), timeout=HANG_S) as sock:
            sock.sendall(where)
    assert codes(talk(server, GREETING + TO_CAROL + b"DATA\r\nwhole\r\n.\r\nQUIT\r\n"))[-2:] == ["250", "221"]
    assert len(server.messages("carol")) == 1


@example(b"NO\rSUCH COMMAND")  # quoted in the reply
@example(b"\r\x00")
@given(st.binary(max_size=400))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_no_octets_make_the_server_fail(serve: Serve, octets: bytes) -> None:
    said = talk(serve(), octets + b"\r\n.\r\nRSET\r\nQUIT\r\n")
    assert said.startswith(b"220 someschool.edu ESMTP\r\n")
    assert b"Traceback" not in said
    assert all(line[:3].isdigit() for line in said.splitlines())


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"on": "connect", "reply": "421 4.3.2 Too busy"}, ["421", "(go"]),
        (
            {"on": "connect", "reply": "554 5.3.2 No mail here"},
            ["554", "503", "503", "503", "503", "221"],
        ),
        ({"on": "EHLO", "then": "close"}, ["220", "(go"]),
        ({"on": "RCPT", "reply": "450 4.2.1 Later"}, ["220", "250", "250", "450", "503", "500", "500", "221"]),
        ({"on": "MAIL", "reply": "421 4.3.2 Shutting down"}, ["220", "250", "421", "(go"]),
        ({"on": "message", "reply": "451 4.3.0 Try again"}, ["220", "250", "250", "250", "354", "451", "221"]),
        ({"on": "QUIT", "then": "close"}, ["220", "250", "250", "250", "354", "250", "(go"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_faults_replace_what_the_server_would_say(serve: Serve, fault: dict[str, str], expected: list[str]) -> None:
    server = serve(DialogueFault.model_validate({"at": "someschool.edu", **fault}))
    said = talk(server, GREETING + TO_CAROL + b"DATA\r\nhello\r\n.\r\nQUIT\r\n")
    assert [line for line in codes(said) if line != "500" or "500" in expected] == expected
    assert len(server.messages("carol")) == (1 if expected[-2:] in (["250", "(go"], ["250", "221"]) else 0)


ONE_MAIL = TO_CAROL + b"DATA\r\nSubject: hi\r\n\r\nhello\r\n.\r\n"


@pytest.mark.parametrize(
    ("fault", "written"),
    [
        ({"on": "connect", "reply": "220 ****"}, b"220 ****\r\n250-"),
        ({"on": "connect", "reply": ["220-one", "220 two"]}, b"220-one\r\n220 two\r\n250-"),
        ({"on": "connect", "raw": "220 \xe9<LF>"}, b"220 \xe9\n250-"),
        ({"on": "EHLO", "reply": "250-mx\n250-SIZE 9\n250 XXXA\n"}, b"250-mx\r\n250-SIZE 9\r\n250 XXXA\r\n250 2.1.0"),
        ({"on": "RCPT", "reply": ["450-4.2.1 a", "550 5.1.1 b"]}, b"ok\r\n450-4.2.1 a\r\n550 5.1.1 b\r\n503 "),
        ({"on": "RCPT", "reply": "550 5.1.1 Boîte inconnue"}, "\r\n550 5.1.1 Boîte inconnue\r\n503 ".encode()),
        ({"on": "RCPT", "raw": "550-x<LF>450 y<CRLF>"}, b"\r\n550-x\n450 y\r\n503 "),
        ({"on": "message", "octet": 3, "reply": "552 5.3.4 Big"}, b"\r\n552 5.3.4 Big\r\n221 "),
        ({"on": "message", "octet": 3, "reply": "421 4.3.2 Down"}, b"\r\n421 4.3.2 Down\r\n(gone)"),
        ({"on": "message", "octet": 3, "reply": "552 5.3.4 Big", "then": "close"}, b"\r\n552 5.3.4 Big\r\n(gone)"),
        ({"on": "message", "reply": ["421-4.7.28 a", "421 4.7.28 b"]}, b"\r\n421-4.7.28 a\r\n421 4.7.28 b\r\n(gone)"),
        ({"on": "message", "delay": "200ms"}, b"250 2.0.0"),
        ({"on": "DATA", "reply": "354-go\n354 on"}, b"354-go\r\n354 on\r\n250 "),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_a_reply_is_sent_as_it_is_written(serve: Serve, fault: dict[str, object], written: bytes) -> None:
    server = serve(DialogueFault.model_validate({"at": "someschool.edu", **fault}))
    said = talk(server, GREETING + ONE_MAIL + b"QUIT\r\n")
    assert written in said
    assert len(server.messages("carol")) == (1 if b"250 2.0.0" in said else 0)


def test_a_late_reply_comes_whole_and_late(serve_in_scenario_time: Serve) -> None:
    fault = {"at": "someschool.edu", "on": "EHLO", "delay": "1h"}
    server = serve_in_scenario_time(DialogueFault.model_validate(fault))
    assert codes(talk(server, GREETING + ONE_MAIL + b"QUIT\r\n")) == ["220", "250", "250", "250", "354", "250", "221"]


@pytest.mark.parametrize(
    ("stage", "expected"), [("EHLO", ["220", "502", "250", "221"]), ("HELO", ["220", "250", "502", "221"])]
)
def test_helo_and_ehlo_are_two_stages(serve: Serve, stage: str, expected: list[str]) -> None:
    server = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": stage, "reply": "502 5.5.1 What"}))
    assert codes(talk(server, b"EHLO x\r\nHELO x\r\nQUIT\r\n")) == expected


def test_a_reset_is_felt_as_one(serve: Serve) -> None:
    server = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": "DATA", "then": "reset"}))
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.ehlo("client.example")
        client.mail("a@b.example")
        client.rcpt("carol@someschool.edu")
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)) as felt:
            client.docmd("DATA")
    assert "reset" in str(felt.value).lower()


def test_a_fault_is_used_up_after_its_times(serve: Serve) -> None:
    fault = {"at": "someschool.edu", "on": "RCPT", "reply": "450 4.2.1 Later", "times": 2}
    server = serve(DialogueFault.model_validate(fault))
    said = talk(server, GREETING + TO_CAROL + b"RCPT TO:<carol@someschool.edu>\r\n" * 2 + b"QUIT\r\n")
    assert codes(said) == ["220", "250", "250", "450", "450", "250", "221"]


@pytest.mark.program("swaks")
def test_swaks_delivers(serve: Serve) -> None:
    server = serve()
    ended = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{server.port}", "--to", "carol@someschool.edu", "--from", "a@b.example"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert len(server.messages("carol")) == 1


def test_a_client_that_never_finishes_is_told_to_go(serve_in_scenario_time: Serve) -> None:
    """RFC 5321 §4.5.3.2.7: five minutes, in scenario time."""
    server = serve_in_scenario_time()
    said = talk(server, GREETING + TO_CAROL + b"DATA\r\nand then nothing", until=b"421")
    assert b"421 4.4.2 someschool.edu closing: idle for too long\r\n" in said
    assert server.messages("carol") == []

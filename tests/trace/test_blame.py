"""How much a finding matters follows the fate of the mail; nobody is blamed for what the lab staged."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

import numpy as np
import pytest
from talk import Talk, watch

from testbed.pcap.read import parse_capture
from testbed.pcap.write import TraceWriter
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse
from testbed.trace.model.finding import Severity

_HELLO = ("S 220 mx", "C EHLO a", "S 250 mx")
_TAKEN = ("C MAIL FROM:<a@x>", "S 250 ok", "C RCPT TO:<b@y>", "S 250 ok", "C DATA", "S 354 go", "C hi\r\n.", "S 250 ok")
_BYE = ("C QUIT", "S 221 bye")


def smtp(*lines: str) -> Talk:
    return Talk().open().say(*lines)


HARMLESS: dict[str, Talk] = {
    "a RST behind mail that was taken": smtp(*_HELLO, *_TAKEN).segment(0, "R"),
    "HELO behind a refused EHLO": smtp(
        "S 220 mx", "C EHLO a", "S 500 5.5.1 what", "C HELO a", "S 250 mx", *_TAKEN, *_BYE
    ).close(),
    "HELP refused": smtp(*_HELLO, "C HELP", "S 502 5.5.1 no", *_TAKEN, *_BYE).close(),
    "an idle client is told to go": smtp(*_HELLO, *_TAKEN, "S 421 4.4.2 idle").segment(1, "FA").segment(0, "FA"),
    "RSET behind the server's FIN": smtp(*_HELLO, *_TAKEN, "S 421 4.4.1 idle")
    .segment(1, "FA")
    .say("C RSET")
    .segment(1, "R"),
}
HARMFUL: dict[str, Talk] = {
    "a RST before the mail": smtp(*_HELLO).segment(1, "R"),
    "an RST in the next mail": smtp(*_HELLO, *_TAKEN, "C MAIL FROM:<a@x>").segment(1, "R"),
    "MAIL refused behind mail that was taken": smtp(*_HELLO, *_TAKEN, "C MAIL FROM:<a@x>", "S 550 no", *_BYE).close(),
}


def is_worst(analysis: Analysis) -> bool:
    return any(finding.severity is Severity.ERROR for finding in analysis.findings)


@pytest.mark.parametrize("talk", HARMLESS.values(), ids=HARMLESS)
def test_nothing_is_an_error_where_all_mail_was_taken(talk: Talk) -> None:
    assert not is_worst(watch(talk)), [finding.text for finding in watch(talk).findings]


@pytest.mark.parametrize("talk", HARMFUL.values(), ids=HARMFUL)
def test_what_kept_mail_back_is_an_error(talk: Talk) -> None:
    assert is_worst(watch(talk))


def trace(
    talk: Talk,
    log: Iterable[tuple[int, str, str, dict[str, str]]],
    client: str = "client.example",
    seconds: int = 1,
) -> Analysis:
    """A lab's trace: a packet every so many seconds, and what hosts log behind the last."""
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    writer.names({"10.0.0.1": client, "10.0.0.2": "server.example"})
    for number, packet in enumerate(talk.packets, 1):
        writer.packet(number * seconds * 10**9, bytes(packet))
    for second, host, event, fields in log:
        writer.log(second * 10**9, host, event, event, fields)
    return analyse(parse_capture(np.frombuffer(file.getvalue(), np.uint8)))


# 7 packets; the RST is the last.
CUT = smtp(*_HELLO).segment(1, "R")
_FAULT = "a fault of the lab caused this"
LOGS: dict[str, tuple[list[tuple[int, str, str, dict[str, str]]], str]] = {
    "nothing": ([], ""),
    "the server crashed": ([(6, "server.example", "crashed", {})], "the lab made server.example crash"),
    "the server crashed and came back before": (
        [(0, "server.example", "crashed", {}), (0, "server.example", "restarted", {})], "",
    ),
    "the client crashed": ([(6, "client.example", "crashed", {})], ""),
    "a fault at that packet": ([(6, "wire", "fault", {"line": "3", "at_frame": "7"})], _FAULT),
    "a fault at another packet": ([(6, "wire", "fault", {"line": "3", "at_frame": "4"})], ""),
    "a fault of the server": ([(7, "server.example", "fault", {"line": "3"})], _FAULT),
    "a fault of the server long before": ([(3, "server.example", "fault", {"line": "3"})], ""),
}  # fmt: skip


@pytest.mark.parametrize(("log", "cause"), LOGS.values(), ids=LOGS)
def test_a_reset_that_the_lab_staged_is_told_as_such(
    log: list[tuple[int, str, str, dict[str, str]]], cause: str
) -> None:
    [reset] = [finding for finding in trace(CUT, log).findings if finding.code == "connection-reset"]
    assert reset.severity is (Severity.INFO if cause else Severity.ERROR)
    assert reset.text == "server.example reset the connection (RST) instead of closing it" + (
        f"; {cause}" if cause else ""
    )


@pytest.mark.parametrize(
    ("client", "has_read", "own"),
    [("reader.lab", True, True), ("client.example", True, False), ("reader.lab", False, False)],
)
def test_what_the_lab_itself_has_read_is_told_as_such(client: str, has_read: bool, own: bool) -> None:
    read = Talk(server_port=110).open().say("S +OK", "C USER b", "S +OK", "C PASS x", "S +OK").segment(1, "R")
    log = [(9, "server.example", "mailbox-read", {"mailbox": "b@y", "via": "POP3"})] if has_read else []
    found = trace(read, log, client).findings
    assert {finding.code for finding in found} == {"credentials-in-clear", "connection-reset"}
    assert {("the lab itself" in finding.text) for finding in found} == {own}
    assert all(finding.severity is Severity.INFO for finding in found) is own


def test_a_server_is_not_blamed_for_a_capture_that_ends_at_once() -> None:
    left = smtp(*_HELLO, "C MAIL FROM:<a@x>").segment(0, "FA")
    assert {(f.code, f.severity) for f in watch(left).findings} == {("capture-ends", Severity.INFO)}
    assert ("no-reply", Severity.ERROR) in {(f.code, f.severity) for f in trace(left, []).findings}


def test_a_probe_of_the_port_makes_no_greeting_late() -> None:
    probe = Talk().open().segment(0, "FA").say("S 220 mx").segment(1, "FA").segment(0, "A")
    for found, severity in ((watch(probe), Severity.INFO), (trace(probe, [], seconds=4), Severity.ERROR)):
        assert [(f.code, f.severity) for f in found.findings] == [("greeting-too-late", severity)]


def endings(port: int) -> list[Talk]:
    """Ways in which a connection to this port ends badly below its protocol."""
    return [
        Talk(server_port=port).segment(0, "S"),
        Talk(server_port=port).segment(0, "S").segment(1, "RA"),
        Talk(server_port=port).open().segment(1, "R"),
        Talk(server_port=port).open().segment(0, "PA", b"hello\r\n").segment(1, "R"),
        Talk(server_port=port).open().segment(1, "FA").segment(0, "FA"),
    ]


@pytest.mark.parametrize("port", [53, 80, 110, 143, 443, 853, 993, 995, 4190, 7777])
def test_rfc_5321_is_cited_for_smtp_alone(port: int) -> None:
    for talk in endings(port):
        assert [f.text for f in watch(talk).findings if "5321" in f.reference] == []


def test_how_long_a_client_waited_for_the_answer_to_its_syn() -> None:
    (finding,) = trace(Talk().segment(0, "S").segment(0, "R"), [], seconds=3).findings
    assert finding.text.endswith("its packets are dropped on the way; client.example gave up after 3 s")

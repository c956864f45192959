"""A server of POP3 that does not double the dot of a line cuts the message there (RFC 1939 §3)."""

from __future__ import annotations

import pytest
from talk import Talk, watch

_LOGIN = ("S +OK ready", "C USER b", "S +OK", "C PASS x", "S +OK")
_TEXT = "S +OK 40 octets\r\nSubject: x\r\n\r\nhello\r\n.\r\nworld\r\nand more\r\n."


def read(*lines: str, port: int = 110, v6: bool = False) -> Talk:
    return Talk(server_port=port, v6=v6).open().say(*_LOGIN, *lines, "C QUIT", "S +OK bye").close()


@pytest.mark.parametrize(("port", "v6"), [(110, False), (110, True), (1_110, False)])
@pytest.mark.parametrize("command", ["RETR 1", "TOP 1 99"])
def test_a_message_whose_lone_dot_was_not_doubled(command: str, port: int, v6: bool) -> None:
    analysis = watch(read(f"C {command}", _TEXT, "C NOOP", "S +OK", port=port, v6=v6))
    (finding,) = [one for one in analysis.findings if one.code == "dot-not-doubled"]
    assert finding.text.endswith(f"takes it for the end of the message of {command}; behind it came: world (3 times)")
    said = [(e.command.verb, e.reply and e.reply.code) for e in analysis.connections[0].exchanges if e.command]
    assert said[-2:] == [("NOOP", "+OK"), ("QUIT", "+OK")]


def test_commands_that_were_sent_before_get_their_own_replies() -> None:
    talk = read("C RETR 1\r\nRETR 2\r\nDELE 1", _TEXT + "\r\n+OK\r\nSubject: y\r\n\r\n.", "S +OK gone")
    (connection,) = watch(talk).connections
    said = [
        (e.command.verb, e.command.argument, e.reply.lines[0]) for e in connection.exchanges if e.command and e.reply
    ]
    assert said[-3:] == [("RETR", "2", ""), ("DELE", "1", "gone"), ("QUIT", "", "bye")]
    assert "dot-not-doubled" in {finding.code for finding in connection.findings}


@pytest.mark.parametrize("text", ["S +OK\r\nhello\r\n..\r\nworld\r\n.", "S -ERR no such message"])
def test_ordinary_replies(text: str) -> None:
    assert "dot-not-doubled" not in {f.code for f in watch(read("C RETR 1", text, "C NOOP", "S +OK")).findings}

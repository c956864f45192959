"""ManageSieve (RFC 5804): capabilities, literals, logins, and scripts that are taken or refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, watch

from testbed.report.fields import written
from testbed.report.json_fields import CONNECTION
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.connection import Connection
from testbed.trace.services.listening import Spoken, listen
from testbed.trace.services.managesieve.results import script_result
from testbed.trace.tcp.reassembly import Chunk, Gap

GREETING = (
    'S "IMPLEMENTATION" "Pigeonhole"\r\n"SIEVE" "fileinto vacation"\r\n"SASL" "PLAIN LOGIN"\r\n"STARTTLS"\r\nOK "ready"'
)
LOGIN = ('C AUTHENTICATE "PLAIN" "AGJvYgBzZWNyZXQ="', "S OK")
BYE = ("C LOGOUT", "S OK")
SCRIPT = 'C PUTSCRIPT "main" {23+}\r\nrequire ["fileinto"];\r\n'


def connection(*said: str, port: int = 4190) -> Connection:
    (only,) = watch(Talk(server_port=port).open().say(*said).close()).connections
    return only


def heard(*said: str | Gap, show: bool = False) -> Spoken:
    """``C``, ``S`` and what they say, a line end behind it; ``c`` and ``s`` were opened by keys."""
    items = [
        item
        if isinstance(item, Gap)
        else Chunk("CS".index(item[0].upper()), item[2:].encode() + b"\r\n", frame, frame * 1_000, item[0].islower())
        for frame, item in enumerate(said, 1)
    ]
    return listen("tcp", "managesieve", items, show_credentials=show)


def pairs(spoken: Spoken) -> list[str]:
    """Each exchange as ``VERB argument -> reply``."""
    told = []
    for exchange in spoken.exchanges:
        command, reply = exchange.command, exchange.reply
        asked = f"{command.verb} {command.argument}".strip() if command else "-"
        result = script_result(exchange)
        words = (reply.code, f"({result.code})" if result.code else "", result.text) if reply else ("-",)
        told.append(f"{asked} -> {' '.join(word for word in words if word)}")
    return told


TABLE: dict[str, tuple[list[str | Gap], list[str]]] = {
    "greeting": ([GREETING], ["connect -> OK ready"]),
    "a greeting in pieces": (
        ['S "IMPLEMENTATION" "x"', 'S "SIEVE" {3}', "S abc", "S OK {5}\r\nhello"],
        ["connect -> OK hello"],
    ),
    "turned away": (['S BYE (TRYLATER) "busy"'], ["connect -> BYE (TRYLATER) busy"]),
    "login": ([GREETING, *LOGIN], ["connect -> OK ready", "AUTHENTICATE PLAIN ******** -> OK"]),
    "login by a literal": (
        [GREETING, 'C authenticate "PLAIN" {16+}\r\nAGJvYgBzZWNyZXQ=', 'S NO "no such user"'],
        ["connect -> OK ready", "AUTHENTICATE PLAIN ******** -> NO no such user"],
    ),
    "login in steps": (
        [
            GREETING, 'C AUTHENTICATE "LOGIN"', 'S "VXNlcm5hbWU6"', 'C "Ym9i"', "S {12}\r\nUGFzc3dvcmQ6",
            "C {8+}\r\nc2VjcmV0", "S OK",
        ],
        ["connect -> OK ready", "AUTHENTICATE LOGIN -> OK"],
    ),
    "a script": ([GREETING, SCRIPT, "S OK"], ["connect -> OK ready", 'PUTSCRIPT "main" {23 octets} -> OK']),
    "a script that looks like commands": (
        [GREETING, 'C CHECKSCRIPT {16+}\r\nLOGOUT\r\nLOGOUT\r\n\r\nLOGOUT', "S OK", "S OK"],
        ["connect -> OK ready", "CHECKSCRIPT {16 octets} -> OK", "LOGOUT -> OK"],
    ),
    "a refusal of several lines": (
        [GREETING, SCRIPT, "S NO {28}\r\nline 1: what?\r\nline 2: eh?\r"],
        ["connect -> OK ready", 'PUTSCRIPT "main" {23 octets} -> NO line 1: what? line 2: eh?'],
    ),
    "warnings": (
        [GREETING, SCRIPT, 'S OK (WARNINGS) "line 1: deprecated"'],
        ["connect -> OK ready", 'PUTSCRIPT "main" {23 octets} -> OK (WARNINGS) line 1: deprecated'],
    ),
    "a code with arguments": (
        [GREETING, 'C NOOP "tag (1)"', 'S OK (TAG "tag (1)") "Done"'],
        ["connect -> OK ready", 'NOOP "tag (1)" -> OK (TAG) Done'],
    ),
    "a script fetched": (
        [GREETING, 'C GETSCRIPT "main"', "S {10}\r\nOK\r\nNO\r\nx;\r\nOK"],
        ["connect -> OK ready", 'GETSCRIPT "main" -> OK'],
    ),
    "pipelined": (
        [GREETING, 'C HAVESPACE "a" 9\r\nSETACTIVE "a"\r\nDELETESCRIPT "b"', "S OK\r\nOK\r\nNO (ACTIVE)"],
        ["connect -> OK ready", 'HAVESPACE "a" 9 -> OK', 'SETACTIVE "a" -> OK', 'DELETESCRIPT "b" -> NO (ACTIVE)'],
    ),
    "a name with quotes": (
        [GREETING, 'C RENAMESCRIPT "a\\"b" {3+}\r\nc d', "S OK"],
        ["connect -> OK ready", 'RENAMESCRIPT "a"b" "c d" -> OK'],
    ),
    "an end nobody asked for": (
        [GREETING, 'S BYE "idle too long"'],
        ["connect -> OK ready", "- -> BYE idle too long"],
    ),
    "cut off in a script": (
        [GREETING, "C PUTSCRIPT \"a\" {900+}\r\nkeep;"],
        ["connect -> OK ready", 'PUTSCRIPT "a" {900 octets} -> -'],
    ),
    "a hole in a script": (
        [GREETING, 'C PUTSCRIPT "a" {9+}\r\n12', Gap(CLIENT, 5, 3, 3_000), "C ", "S OK"],
        ["connect -> OK ready", 'PUTSCRIPT "a" {9 octets} -> OK'],
    ),
    "TLS, not opened": (
        [GREETING, "C STARTTLS", 'S OK "begin"', "C \x16\x03\x01", "S \x16\x03\x03"],
        ["connect -> OK ready", "STARTTLS -> OK begin"],
    ),
    "TLS, opened": (
        [GREETING, "C STARTTLS", "S OK", 's "SIEVE" "x"\r\nOK "again"', "c CAPABILITY", 's "SIEVE" "x"\r\nOK'],
        ["connect -> OK ready", "STARTTLS -> OK", "connect -> OK again", "CAPABILITY -> OK"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), TABLE.values(), ids=TABLE)
def test_dialogue(said: list[str | Gap], expected: list[str]) -> None:
    assert pairs(heard(*said)) == expected


@pytest.mark.parametrize(("said", "expected"), TABLE.values(), ids=TABLE)
def test_octet_by_octet_it_is_the_same(said: list[str | Gap], expected: list[str]) -> None:
    if any(isinstance(item, Gap) for item in said):
        return
    pieces = [
        Chunk("CS".index(item[0].upper()), bytes((octet,)), frame, frame, item[0].islower())
        for frame, item in enumerate(map(str, said), 1)
        for octet in item[2:].encode() + b"\r\n"
    ]
    assert pairs(listen("tcp", "managesieve", pieces)) == expected


@pytest.mark.parametrize(
    ("port", "said", "service"),
    [
        (4190, [GREETING], "managesieve"),
        (2000, [GREETING], "managesieve"),
        (143, [GREETING], "managesieve"),
        (9_999, ['S "sieve" "x"\r\nOK'], "managesieve"),
        (4190, ["S BYE", "C LOGOUT"], "managesieve"),
        (4190, ["S * OK [CAPABILITY IMAP4rev1] ready"], "imap"),
        (4190, ["S SSH-2.0-x"], ""),
        (9_999, ['S "quoted" "text"'], ""),
    ],
)
def test_it_is_known_by_its_capabilities_on_any_port(port: int, said: list[str], service: str) -> None:
    analysis = watch(Talk(server_port=port).open().say(*said).close())
    assert [found.service for found in analysis.connections] == [service]
    assert [kind.service for kind in analysis.summary().kinds] == [service]


LOGINS = {
    "initial response": (['C AUTHENTICATE "PLAIN" "AGJvYgBzZWNyZXQ="', "S OK"], ["user=bob password=secret"]),
    "a literal": (['C AUTHENTICATE "PLAIN" {16+}\r\nAGJvYgBzZWNyZXQ=', "S OK"], ["user=bob password=secret"]),
    "in steps": (
        ['C AUTHENTICATE "LOGIN"', 'S "x"', 'C "Ym9i"', 'S "x"', "C {8+}\r\nc2VjcmV0", "S OK"],
        ["user=bob", "password=secret"],
    ),
    "without quotes": (["C AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=", "S NO"], ["user=bob password=secret"]),
    "an answer without quotes": (['C AUTHENTICATE "PLAIN"', 'S ""', "C AGJvYgBzZWNyZXQ=", "S NO"], ["password=secret"]),
    "an answer behind the refusal": (['C AUTHENTICATE "PLAIN"', "S NO", 'C "AGJvYgBzZWNyZXQ="', "S NO"], []),
}


@pytest.mark.parametrize(("said", "shown"), LOGINS.values(), ids=LOGINS)
def test_credentials_are_masked_unless_asked_for(said: list[str], shown: list[str]) -> None:
    hidden = repr(heard(GREETING, *said))
    assert not [word for word in ("AGJvYgBz", "YM9I", "Ym9i", "c2VjcmV0", "secret", "AGJVYGBZ") if word in hidden]
    seen = repr(heard(GREETING, *said, show=True))
    assert [word for word in shown if word not in seen] == []


FINDINGS: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "all is well": ([GREETING, "C NOOP", "S OK", *BYE], []),
    "login in clear": ([GREETING, *LOGIN, *BYE], [("credentials-in-clear", "AUTH PLAIN")]),
    "login that cannot be read": ([GREETING, 'C AUTHENTICATE "SCRAM-SHA-1" "biwsbj11"', "S OK", *BYE], []),
    "login refused": (
        [GREETING, 'C AUTHENTICATE "SCRAM-SHA-1" "biwsbj11"', 'S NO "who?"', *BYE],
        [("login-refused", "wrong name or password, or no login allowed (who?)")],
    ),
    "login refused in clear": (
        [GREETING, 'C AUTHENTICATE "EXTERNAL" ""', "S NO (ENCRYPT-NEEDED)", *BYE],
        [("login-refused", "the mechanism is only allowed under TLS")],
    ),
    "script refused": (
        [GREETING, SCRIPT, 'S NO "line 1: fileinto?"', *BYE],
        [
            (
                "script-refused",
                "refused PUTSCRIPT from 10.0.0.1: it is not a script that the server can run (line 1: fileinto?)",
            )
        ],
    ),
    "script checked and refused": (
        [GREETING, "C CHECKSCRIPT {1+}\r\n;", "S NO", *BYE],
        [("script-refused", "refused CHECKSCRIPT")],
    ),
    "no room": (
        [GREETING, 'C HAVESPACE "a" 99999', 'S NO (QUOTA/MAXSIZE) "at most 1000"', *BYE],
        [("over-quota", "the script is too long")],
    ),
    "a name that is not there": ([GREETING, 'C GETSCRIPT "a"', "S NO (NONEXISTENT)", *BYE], []),
    "in clear behind STARTTLS": (
        [GREETING, "C STARTTLS\r\nNOOP", "S OK"],
        [("commands-behind-starttls", "NOOP in clear right after STARTTLS")],
    ),
    "login after TLS was refused": (
        [GREETING, "C STARTTLS", 'S NO "not today"', *LOGIN, *BYE],
        [("plain-after-starttls", "logged in without encryption"), ("credentials-in-clear", "AUTH PLAIN")],
    ),
}


@pytest.mark.parametrize(("said", "expected"), FINDINGS.values(), ids=FINDINGS)
def test_findings(said: list[str], expected: list[tuple[str, str]]) -> None:
    found = connection(*said).findings
    assert [finding.code for finding in found] == [code for code, _ in expected]
    for finding, (_, words) in zip(found, expected, strict=True):
        assert words in finding.text
        assert finding.frames


def test_a_connection_lost_instead_of_a_reply_is_told() -> None:
    talk = Talk(server_port=4190).open().say(GREETING, SCRIPT).segment(1, "R")
    (lost,) = [finding for finding in watch(talk).findings if finding.code == "server-hung-up"]
    assert "instead of sending 10.0.0.1 the reply to PUTSCRIPT" in lost.text


OUTCOMES = {
    "nothing done": ([GREETING, *BYE], "closed normally"),
    "a whole session": (
        [GREETING, *LOGIN, "C LISTSCRIPTS", 'S "a" ACTIVE\r\n"b"\r\nOK', SCRIPT, "S OK", 'C SETACTIVE "main"', "S OK"],
        "logged in, 2 listed, 1 stored, 1 activated",
    ),
    "no script": ([GREETING, 'C SETACTIVE ""', "S OK"], "1 deactivated"),
    "a script called two": ([GREETING, "C LISTSCRIPTS", 'S "2 listed, 99 stored"\r\nOK "9 listed"'], "1 listed"),
    "refused": ([GREETING, *LOGIN, SCRIPT, 'S NO "line 1"'], "logged in, PUTSCRIPT refused: line 1"),
    "no reply": ([GREETING, SCRIPT], "no reply to PUTSCRIPT"),
}


@pytest.mark.parametrize(("said", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome(said: list[str], expected: str) -> None:
    assert connection(*said).outcome == expected


def test_codes_and_counts_are_read_from_the_octets() -> None:
    spoken = heard(GREETING, "C LISTSCRIPTS", 'S "a"\r\n"b" ACTIVE\r\nOK', SCRIPT, 'S NO (QUOTA "OK") "(ACTIVE) no"')
    results = [script_result(exchange) for exchange in spoken.exchanges]
    assert [(result.code, result.text, result.listed) for result in results] == [
        ("", "ready", None),
        ("", "", 2),
        ("QUOTA", "(ACTIVE) no", None),
    ]


def test_phases_frames_and_octets() -> None:
    found = connection(GREETING, "C CAPABILITY", 'S "SIEVE" "x"\r\nOK', 'C PUTSCRIPT "a" {3+}\r\nabc', "S OK", *BYE)
    told = [(e.command.verb, str(e.phase), e.frames) for e in found.exchanges if e.command]
    assert told == [
        ("connect", "handshake", (4,)),
        ("CAPABILITY", "handshake", (5, 6)),
        ("PUTSCRIPT", "transfer", (7, 8)),
        ("LOGOUT", "closure", (9, 10)),
    ]
    command = found.exchanges[2].command
    assert command is not None
    assert command.octets == len('PUTSCRIPT "a" {3+}\r\nabc\r\n')
    said = json.loads(json.dumps(written(CONNECTION, found)))
    assert [exchange["code"] for exchange in said["dialogue"]] == ["OK"] * 4


PIECES = st.lists(
    st.tuples(
        st.sampled_from("CS"),
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [b"\r\n", b'"a', b"{3+}\r\n", b"{0}\r\n", b"OK\r\n", b"NO (", b"BYE\r\n", b"AUTHENTICATE "]
            ),
        ),
    )
)


@given(PIECES)
def test_whatever_is_said_it_can_be_told(pieces: list[tuple[str, bytes]]) -> None:
    items = [Chunk(CLIENT if who == "C" else SERVER, said, n, n) for n, (who, said) in enumerate(pieces, 1)]
    for exchange in listen("tcp", "managesieve", items).exchanges:
        assert exchange.command or exchange.reply
        assert list(exchange.frames[-1:]) <= [len(items)]
        texts = [exchange.note, *(exchange.reply.lines if exchange.reply else ())]
        assert all(text.isprintable() for text in texts)

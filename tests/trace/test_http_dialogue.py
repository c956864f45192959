"""The HTTP/1.1 dialogue as pairs of request and reply: each line of a table is a conversation."""

from __future__ import annotations

import http.client
import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import agreement
import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, watch

from testbed.protocols.http import parse_request_line, parse_status_line, shown_target
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.glance.kind import kind_of
from testbed.trace.glance.summary import summarise
from testbed.trace.inspect import inspect
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.listening import Spoken, listen
from testbed.trace.services.table import name_by_content
from testbed.trace.tcp.reassembly import Chunk, Gap

Said = str | Gap

GET = "C GET / HTTP/1.1\nHost: mail.example\n\n"
OK = "S HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"
BOTH = ["GET / (mail.example) -> 200 OK 2 octets"]
LOGIN = "_user=bob%40x&_pass=s%20ecret"


def items(*said: Said) -> list[Chunk | Gap]:
    """``C ...`` and ``S ...`` are octets of client and server, one frame each from 1; a line end is sent as CRLF."""
    return [
        item
        if isinstance(item, Gap)
        else Chunk("CS".index(item[0]), item[2:].replace("\n", "\r\n").encode("latin-1"), frame, frame * 1_000)
        for frame, item in enumerate(said, 1)
    ]


def heard(*said: Said, show: bool = False) -> Spoken:
    return listen("tcp", "http", items(*said), show_credentials=show)


def told(exchanges: tuple[Exchange, ...]) -> list[str]:
    """Each exchange as ``GET /target (facts) -> 200 text {note}``."""
    result = []
    for exchange in exchanges:
        asked = f"{exchange.command.verb} {exchange.command.argument}" if exchange.command else "-"
        answered = f"{exchange.reply.code} {exchange.reply.text}" if exchange.reply else "-"
        result.append(f"{asked} -> {answered}" + (f" {{{exchange.note}}}" if exchange.note else ""))
    return result


def hole(side: int, octets: int) -> Gap:
    return Gap(side, octets, 99, 99_000)


UNKNOWN = "{its request is not in the capture, or nobody can tell which it is}"
TALKS: dict[str, tuple[tuple[Said, ...], list[str]]] = {
    "a page": ((GET, OK), BOTH),
    "what is worth knowing of a body": (
        (
            "C POST /send HTTP/1.1\nHost: a\nContent-Type: text/plain; charset=utf-8\nContent-Length: 3\n\nabc",
            "S HTTP/1.1 201 Created\nContent-Type: application/json\nContent-Encoding: gzip\nContent-Length: 1\n\nx",
        ),
        ["POST /send (a; text/plain, 3 octets) -> 201 Created application/json 1 octet gzip"],
    ),
    "one after the other": ((GET, OK, GET, OK), BOTH * 2),
    "pipelined": (
        ("C GET /1 HTTP/1.1\n\nHEAD /2 HTTP/1.1\n\nGET /3 HTTP/1.1\n\n",
         "S HTTP/1.1 200 A\nContent-Length: 1\n\naHTTP/1.1 200 B\nContent-Length: 9\n\nHTTP/1.1 200 C\n"
         "Content-Length: 1\n\nc"),
        ["GET /1 -> 200 A 1 octet", "HEAD /2 -> 200 B", "GET /3 -> 200 C 1 octet"],
    ),
    "HEAD, 204 and 304 have no body": (
        ("C HEAD /1 HTTP/1.1\n\n", "S HTTP/1.1 200 OK\nContent-Length: 5\n\n",
         "C GET /2 HTTP/1.1\n\n", "S HTTP/1.1 204 No Content\n\n",
         "C GET /3 HTTP/1.1\n\n", "S HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n", GET, OK),
        ["HEAD /1 -> 200 OK", "GET /2 -> 204 No Content", "GET /3 -> 304 Not Modified", *BOTH],
    ),
    "interim replies end nothing": (
        ("C PUT / HTTP/1.1\nExpect: 100-continue\nContent-Length: 2\n\n", "S HTTP/1.1 100 Continue\n\n", "C hi",
         "S HTTP/1.1 103 Early Hints\nLink: </s>\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n", GET, OK),
        ["- -> 100 Continue", "- -> 103 Early Hints", "PUT / (2 octets) -> 200 OK 0 octets", *BOTH],
    ),
    "refused before the body": (
        ("C PUT / HTTP/1.1\nContent-Length: 2\n\n", "S HTTP/1.1 413 Too Large\nContent-Length: 0\n\n", "C hi", GET, OK),
        ["PUT / -> 413 Too Large {the request is too large}", *BOTH],
    ),
    "answered before the body": (
        ("C PUT / HTTP/1.1\nContent-Length: 2\n\n", "S HTTP/1.1 200 OK\nContent-Length: 0\n\n", "C hi", GET, OK),
        ["PUT / -> 200 OK 0 octets {the reply came before the request had ended}", *BOTH],
    ),
    "chunked, with extensions and a trailer": (
        ("C POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n3;a=b\nabc\nA\n0123456789\n0\nX-Sum: 1\n\n",
         "S HTTP/1.1 200 OK\nTransfer-Encoding: gzip, Chunked\n\n2 ;q=\"x\"\nhi\n0\n\n", GET, OK),
        ["POST / (13 octets) -> 200 OK 2 octets", *BOTH],
    ),
    "up to the close": (
        (GET, "S HTTP/1.0 200 OK\n\nall\n\nHTTP/1.1 200 of\n", "S this"),
        ["GET / (mail.example) -> 200 OK 28 octets"],
    ),
    "an encoding that is not chunked lasts up to the close": (
        (GET, "S HTTP/1.1 200 OK\nTransfer-Encoding: gzip\n\nHTTP/1.1 200 of this"),
        ["GET / (mail.example) -> 200 OK 20 octets"],
    ),
    "Content-Length and chunked: chunked counts": (
        (GET, "S HTTP/1.1 200 OK\nContent-Length: 99\nTransfer-Encoding: chunked\n\n1\nx\n0\n\n", GET, OK),
        ["GET / (mail.example) -> 200 OK 1 octet", *BOTH],
    ),
    "the same length twice is one": (
        (GET, "S HTTP/1.1 200 OK\nContent-Length: 2, 2\nContent-Length: 02\n\nhi", GET, OK), BOTH * 2,
    ),
    "lengths that differ end all understanding": (
        ("C POST / HTTP/1.1\nContent-Length: 1\nContent-Length: 2\n\nxGET /2 HTTP/1.1\n\n",
         "S HTTP/1.1 400 Bad Request\nContent-Length: 0\n\n"),
        ["POST / -> 400 Bad Request {the server did not understand the request}"],
    ),
    "all forms of target": (
        ("C GET http://mail.example/x HTTP/1.1\nHost: mail.example\n\n", OK, "C OPTIONS * HTTP/1.1\nHost: a\n\n", OK),
        ["GET http://mail.example/x -> 200 OK 2 octets", "OPTIONS * (a) -> 200 OK 2 octets"],
    ),
    "a tunnel": (
        ("C CONNECT mx:25 HTTP/1.1\nHost: mx:25\n\n", "S HTTP/1.1 200 Go\nContent-Length: 7\n\n", "S 220 mx\n",
         "C GET / HTTP/1.1\n\n", "S HTTP/1.1 200 no\n\n"),
        ["CONNECT mx:25 -> 200 Go from here on a tunnel, which is not followed"],
    ),
    "a tunnel refused": (
        ("C CONNECT mx:25 HTTP/1.0\n\nGET / HTTP/1.1\nHost: mail.example\n\n",
         "S HTTP/1.1 403 No\nContent-Length: 0\n\n", OK),
        ["CONNECT mx:25 (HTTP/1.0) -> 403 No {the server understood and refuses}", *BOTH],
    ),
    "another protocol": (
        ("C GET /ws HTTP/1.1\nUpgrade: websocket\nConnection: upgrade\n\n",
         "S HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n\x81\x05hello",
         "C \x81\x85....", "C GET / HTTP/1.1\n"),
        ["GET /ws -> 101 Switching Protocols from here on websocket, which is not followed"],
    ),
    "another protocol offered and not taken": (
        ("C GET / HTTP/1.1\nHost: mail.example\nUpgrade: h2c\n\n" + GET[2:], OK[:-1], "S i", OK), BOTH * 2,
    ),
    "no reply": ((GET, OK, GET), [*BOTH, "GET / (mail.example) -> - {no reply}"]),
    "a reply cut off": (
        (GET, "S HTTP/1.1 200 OK\nContent-Length: 1000\n\nhi"),
        ["GET / (mail.example) -> 200 OK {the reply is cut off: 2 of 1,000 octets of its body}"],
    ),
    "chunks cut off": (
        (GET, "S HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhi"),
        ["GET / (mail.example) -> 200 OK {the reply is cut off: 2 octets of its body and no last chunk}"],
    ),
    "a header cut off": (
        (GET, "S HTTP/1.1 200 OK\nContent-"), ["GET / (mail.example) -> 200 OK {the reply is cut off in its header}"],
    ),
    "a request cut off": (
        ("C PUT / HTTP/1.1\nContent-Length: 9\n\nabc",),
        ["PUT / -> - {the request is cut off: 3 of 9 octets of its body}"],
    ),
    "a reply to nothing": (("S HTTP/1.1 408 Timeout\nContent-Length: 0\n\n",), [
        "- -> 408 Timeout {the server did not wait any longer for the request}",
    ]),
    "where it leads": (
        ("C GET / HTTP/1.0\n\n", "S HTTP/1.1 302 Found\nLocation: /login?next=1&password=x\nContent-Length: 0\n\n"),
        ["GET / (HTTP/1.0) -> 302 Found to /login?next=1&password=********"],
    ),
    "empty lines before a request": (("C \n\nGET / HTTP/1.1\nHost: mail.example\n\n", OK), BOTH),
    "a reply that is no HTTP": (
        (GET, "S SSH-2.0-x\n"), ["GET / (mail.example) -> - {what the server sent is not HTTP}"],
    ),
    "no HTTP at all": (("S SSH-2.0-x\n", "C SSH-2.0-y\n"), []),
    "HTTP/2": (("C PRI * HTTP/2.0\n\nSM\n\n", "C GET / HTTP/1.1\n\n"), []),
    "a hole in a body": (
        (GET, "S HTTP/1.1 200 OK\nContent-Length: 9\n\nab", hole(SERVER, 5), "S 89", GET, OK),
        ["GET / (mail.example) -> 200 OK 9 octets", *BOTH],
    ),
    "a hole in a chunk": (
        (GET, "S HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n9\nab", hole(SERVER, 7), "S \n0\n\n", GET, OK),
        ["GET / (mail.example) -> 200 OK 9 octets", *BOTH],
    ),
    "a hole in what lasts up to the close": (
        (GET, "S HTTP/1.1 200 OK\n\nab", hole(SERVER, 7), "S HTTP/1.1 200 no\n\n"),
        ["GET / (mail.example) -> 200 OK"],
    ),
    "a hole over the end of a body": (
        (GET, "S HTTP/1.1 200 OK\nContent-Length: 9\n\nab", hole(SERVER, 8), "S x\n\n", GET, OK),
        ["GET / (mail.example) -> 200 OK 9 octets", *BOTH],
    ),
    "a hole over chunks": (
        (GET, "S HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n9\nab", hole(SERVER, 9), "S b\n0\n\n", GET, OK),
        ["GET / (mail.example) -> 200 OK {octets of it are missing from the capture}", *BOTH],
    ),
    "a hole in a header": (
        (GET, "S HTTP/1.1 200 OK\nX", hole(SERVER, 8), "S x\n\nhi", GET, OK),
        ["GET / (mail.example) -> 200 OK {octets of it are missing from the capture}", *BOTH],
    ),
    "a hole for a reply": (
        (GET, hole(SERVER, 80), "C GET /2 HTTP/1.1\n\n", OK),
        ["GET / (mail.example) -> - {its reply is not in the capture}", "GET /2 -> 200 OK 2 octets"],
    ),
    "a hole for one of many replies": (
        ("C GET /1 HTTP/1.1\n\nGET /2 HTTP/1.1\n\n", hole(SERVER, 40), OK, GET, OK),
        ["GET /1 -> - {octets are missing from the capture: nobody can tell which reply is its own}",
         "GET /2 -> - {octets are missing from the capture: nobody can tell which reply is its own}",
         f"- -> 200 OK 2 octets {UNKNOWN}", *BOTH],
    ),
    "a hole for a request": ((hole(CLIENT, 40), OK, GET, OK), [f"- -> 200 OK 2 octets {UNKNOWN}", *BOTH]),
    "a hole for one of many requests": (
        ("C GET /1 HTTP/1.1\n\n", hole(CLIENT, 20), "C GET /3 HTTP/1.1\n\n", OK, OK, OK),
        ["GET /1 -> 200 OK 2 octets",
         "GET /3 -> - {octets are missing from the capture: nobody can tell which reply is its own}",
         f"- -> 200 OK 2 octets {UNKNOWN}", f"- -> 200 OK 2 octets {UNKNOWN}"],
    ),
    "a hole for the first of two requests in a row": (
        (GET, OK, hole(CLIENT, 20), "C GET /2 HTTP/1.1\n\n", OK, OK),
        [*BOTH, "GET /2 -> - {octets are missing from the capture: nobody can tell which reply is its own}",
         f"- -> 200 OK 2 octets {UNKNOWN}", f"- -> 200 OK 2 octets {UNKNOWN}"],
    ),
    "a hole for HEAD": (
        (GET, OK, hole(CLIENT, 20), "S HTTP/1.1 200 OK\nContent-Length: 9\n\n", GET, OK),
        [*BOTH, f"- -> 200 OK 0 octets {UNKNOWN}", *BOTH],
    ),
    "a capture that begins in the middle": (("S half a body\n", GET, OK), BOTH),
    "a header without end": (
        (GET, "S HTTP/1.1 200 OK\n", *(["S " + "x" * 60_000] * 3), OK),
        ["GET / (mail.example) -> 200 OK {a header of more than 65,536 octets}"],
    ),
    "header fields without end": (
        (GET, "S HTTP/1.1 200 OK\n", *(["S " + "a: b\n" * 10_000] * 5), OK),
        ["GET / (mail.example) -> 200 OK {a header of more than 262,144 octets}"],
    ),
    "a chunk extension without end": (
        (GET, "S HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1;", *(["S " + "x" * 60_000] * 3), OK),
        ["GET / (mail.example) -> 200 OK 0 octets {a chunk whose size cannot be read: 1;" + "x" * 58 + "}"],
    ),
    "a chunk larger than it says": (
        (GET, "S HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nab\n0\n\n"),
        ["GET / (mail.example) -> 200 OK 1 octet {a chunk that does not end where its size says}"],
    ),
    "what a terminal must not see": (
        ("C GET /\x1b[2J HTTP/1.1\nHost: \x07\n\n", "S HTTP/1.1 200 \x9b\nContent-Length: 0\n\n"),
        ["GET /\\x1b[2J (\\x07) -> 200 \\x9b 0 octets"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), TALKS.values(), ids=TALKS)
def test_the_exchanges(said: tuple[Said, ...], expected: list[str]) -> None:
    assert told(heard(*said).exchanges) == expected


SECRETS: dict[str, tuple[str, str, str]] = {
    "Basic": (
        "C GET / HTTP/1.1\nAuthorization: Basic Ym9iOnNlY3JldA==\n\n",
        "GET / (Basic bob:********) -> -", "GET / (Basic bob:secret) -> -",
    ),
    "Basic that is malformed": (
        "C GET / HTTP/1.1\nAuthorization: basic secret\n\n",
        "GET / (basic ********) -> -", "GET / (basic secret) -> -",
    ),
    "Bearer": (
        "C GET / HTTP/1.1\nAuthorization: Bearer secret\n\n",
        "GET / (Bearer ********) -> -", "GET / (Bearer secret) -> -",
    ),
    "a form": (
        "C POST /login HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 29\n\n" + LOGIN,
        "POST /login (application/x-www-form-urlencoded, 29 octets; form with a password) -> -",
        "POST /login (application/x-www-form-urlencoded, 29 octets; form with _user=bob@x _pass=s ecret) -> -",
    ),
    "a query": (
        "C GET /?a=1&passwd=secret&b=2 HTTP/1.1\n\n",
        "GET /?a=1&passwd=********&b=2 -> -", "GET /?a=1&passwd=secret&b=2 -> -",
    ),
    "a fragment": (
        "C GET /#access_token=secret HTTP/1.1\n\n", "GET /#access_token=******** -> -",
        "GET /#access_token=secret -> -",
    ),
    "no scheme": (
        "C GET / HTTP/1.1\nAuthorization: secret\n\n", "GET / (********) -> -", "GET / (secret) -> -",
    ),
    "folded": (
        "C GET / HTTP/1.1\nAuthorization:\n Basic Ym9iOnNlY3JldA==\n\n",
        "GET / (Basic bob:********) -> -", "GET / (Basic bob:secret) -> -",
    ),
    "userinfo": (
        "C GET http://bob:secret@x/ HTTP/1.1\n\n", "GET http://bob:********@x/ -> -", "GET http://bob:secret@x/ -> -",
    ),
    "a cookie": ("C GET / HTTP/1.1\nCookie: session=secret\n\n", "GET / -> -", "GET / -> -"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "masked", "shown"), SECRETS.values(), ids=SECRETS)
def test_credentials_are_masked_unless_asked_for(said: str, masked: str, shown: str) -> None:
    assert told(heard(said).exchanges) == [masked + " {no reply}"]
    assert told(heard(said, show=True).exchanges) == [shown + " {no reply}"]
    hidden = repr(heard(said, "S HTTP/1.1 401 No\nContent-Length: 0\n\n"))
    assert not [word for word in ("secret", "s ecret", "Ym9i") if word in hidden]


@pytest.mark.parametrize(
    "said",
    [
        "GET /1 HTTP/1.1\n\nuser=bob&pass=secret\n",
        "GET /1 HTTP/1.1\n\nGET /?pass=secret",
        "POST /1 HTTP/1.1\nTransfer-Encoding: chunked\n\npass=secret\n",
        "GET /?pass=secret HTTP/1.1\nContent-Length: 1\nTransfer-Encoding: chunked\n bare\n\n0\n\n",
    ],
    ids=["behind a request", "cut off", "for a chunk", "named in a remark"],
)
def test_what_cannot_be_followed_gives_no_secret_away(said: str) -> None:
    spoken = heard(f"C {said}", OK)
    assert spoken.remarks
    assert "secret" not in repr(spoken)


def test_times_frames_and_octets() -> None:
    (exchange,) = heard(
        "C PUT / HTTP/1.1\n", "C Content-Length: 3\n\n", "C ab", "C c", "S HTTP/1.1 200 OK\n\n", "S a", "S b", "S c"
    ).exchanges
    assert exchange.command is not None
    assert exchange.reply is not None
    assert (exchange.command.frames, exchange.reply.frames) == ((1, 2, 4), (5, 8))
    assert (exchange.command.octets, exchange.reply.octets) == (16 + 21 + 3, 19 + 3)
    assert exchange.latency_ns == 1_000


SERVICES: dict[str, tuple[bytes, bytes, str]] = {
    "a request": (b"GET /inbox HTTP/1.1\r\n", b"", "http"),
    "eight octets of it": (b"OPTIONS ", b"", "http"),
    "a proxy's request": (b"CONNECT mx:25 HTTP/1.1\r\n", b"", "http"),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"", "http"),
    "a reply": (b"", b"HTTP/1.0 200 OK\r\n", "http"),
    "a command of another protocol": (b"GET key\r\n", b"", ""),
    "a word": (b"GETTING /", b"", ""),
    "SMTP": (b"EHLO a\r\n", b"220 mx\r\n", "smtp"),
}


@pytest.mark.parametrize(("client", "server", "service"), SERVICES.values(), ids=SERVICES)
def test_it_is_known_by_its_content(client: bytes, server: bytes, service: str) -> None:
    assert name_by_content(client, server) == service


@pytest.mark.parametrize(
    ("said", "service"),
    [((GET,), "http"), (("C PRI * HTTP/2.0\n\nSM\n\n",), "http2"), (("S SSH-2.0-x\n",), ""), ((), "")],
    ids=["HTTP/1.1", "HTTP/2", "another", "nothing"],
)
def test_what_only_uses_the_port_is_not_taken_for_http(said: tuple[Said, ...], service: str) -> None:
    assert heard(*said).service == service


def test_start_lines() -> None:
    assert parse_request_line(b"GET  /a b  HTTP/1.1") is not None
    assert [parse_request_line(line) for line in (b"GET / HTTP/2.0", b"get / HTTP/1.1", b"GET /", b"")] == [None] * 4
    assert [parse_status_line(line) for line in (b"HTTP/1.1 99 x", b"HTTP/1.1 200OK", b"ICY 200 OK")] == [None] * 3
    assert shown_target(b"/?" + b"pass" * 50_000)[1] is False


# Any segmentation gives the same.

TEXT_TALKS = [said for said, _ in TALKS.values() if sum(len(one) for one in said if isinstance(one, str)) < 2_000]


@given(st.data())
def test_any_segmentation_gives_the_same(data: st.DataObject) -> None:
    whole = [
        replace(item, frame=1, time_ns=1) if isinstance(item, Chunk) else item
        for item in items(*data.draw(st.sampled_from(TEXT_TALKS)))
    ]
    pieces: list[Chunk | Gap] = []
    for item in whole:
        if isinstance(item, Gap) or any(isinstance(piece, Gap) for piece in pieces):
            pieces.append(item)  # behind a hole, a message is found again where a packet begins
            continue
        cuts = sorted(data.draw(st.sets(st.integers(0, len(item.octets)), max_size=12)))
        for start, end in zip([0, *cuts], [*cuts, len(item.octets)], strict=True):
            pieces.append(replace(item, octets=item.octets[start:end]))
    assert listen("tcp", "http", pieces) == listen("tcp", "http", whole)


def test_octet_by_octet_gives_the_same() -> None:
    for said in TEXT_TALKS:
        if any(isinstance(one, Gap) for one in said):
            continue
        whole = [replace(item, frame=1, time_ns=1) for item in items(*said)]
        single = [
            part
            for item in whole
            for part in (
                [item]
                if isinstance(item, Gap)
                else [replace(item, octets=item.octets[at : at + 1]) for at in range(len(item.octets))]
            )
        ]
        assert listen("tcp", "http", single) == listen("tcp", "http", whole)


SIDES = st.sampled_from((CLIENT, SERVER))
WORDS = [
    b"GET / HTTP/1.1\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 101 x\r\n\r\n", b"HTTP/1.1 100 x\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: 6\r\n", b"\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Upgrade: x\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b" folded\n", b"a : b\r\n",
    b"Content-Type: application/x-www-form-urlencoded\r\n", b"user=%ff&pass=%1b\r\n", b"fffffffffffffff\r\n",
    b"Authorization: Basic Og==\r\n", b"Content-Length: 99999999999999999\r\n", b"PRI * HTTP/2.0\r\n", b"\r", b"\0\xff",
]  # fmt: skip
PIECES = st.one_of(
    st.builds(lambda side, octets: Chunk(side, octets, 1, 1), SIDES, st.binary(max_size=40)),
    st.builds(lambda side, octets: Chunk(side, octets, 1, 1), SIDES, st.sampled_from(WORDS)),
    st.builds(lambda side, octets: Chunk(side, octets, 1, 1, True), SIDES, st.sampled_from(WORDS)),
    st.builds(lambda side, count: Gap(side, count, 1, 1), SIDES, st.integers(1, 50)),
)


@given(st.lists(PIECES, max_size=40), st.booleans())
def test_nothing_makes_it_fail(pieces: list[Chunk | Gap], show: bool) -> None:
    spoken = listen("tcp", "http", pieces, show_credentials=show)
    for exchange in spoken.exchanges:
        words = [exchange.note, *(exchange.reply.lines if exchange.reply else ())]
        words += [exchange.command.verb, exchange.command.argument] if exchange.command else []
        assert all(word.isprintable() for word in words)
    assert all(remark.detail.isprintable() for remark in spoken.remarks)


# What is written comes back.

TOKENS = st.text("abcXYZ019-_", min_size=1, max_size=12)
BODIES = st.binary(max_size=200)


@st.composite
def _bodies(draw: st.DrawFn) -> tuple[bytes, int]:
    """The fields and octets of a body in one of the framings, and how many octets it has."""
    body = draw(BODIES)
    if draw(st.booleans()):
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body), len(body)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(body))), max_size=4)) | {len(body)})
    chunks = [body[start:end] for start, end in zip([0, *cuts], cuts, strict=False) if body[start:end]]
    coded = b"".join(b"%x;%b\r\n%b\r\n" % (len(chunk), b"e=1", chunk) for chunk in chunks)
    return b"Transfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\nA-Trailer: 1\r\n\r\n", len(body)


def sized(count: int) -> str:
    return "1 octet" if count == 1 else f"{count} octets"


@given(st.lists(st.tuples(TOKENS, _bodies(), st.integers(200, 203), _bodies()), max_size=8), st.booleans())
def test_what_is_written_comes_back(
    visits: list[tuple[str, tuple[bytes, int], int, tuple[bytes, int]]], pipelined: bool
) -> None:
    said: list[Chunk | Gap] = []
    expected = []
    for number, (path, (sent, length), code, (answer, answered)) in enumerate(visits):
        said.append(Chunk(CLIENT, b"POST /%b HTTP/1.1\r\n%b" % (path.encode(), sent), number, number))
        said.append(Chunk(SERVER, b"HTTP/1.1 %d x\r\n%b" % (code, answer), number, number))
        asked = f"POST /{path} ({sized(length)})" if length else f"POST /{path}"
        expected.append(f"{asked} -> {code} x {sized(answered)}")
    if pipelined:
        said.sort(key=lambda item: item.side)
    spoken = listen("tcp", "http", said)
    assert told(spoken.exchanges) == expected
    assert spoken.remarks == ()


# A real client and a real server.


class _Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            return
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "5000")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"x" * 5_000)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302)
        self.send_header("Location", "/inbox")
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Recorded(socket.socket):
    """A socket that keeps what passes it, in order."""

    said: list[Chunk | Gap]

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        super().sendall(data, flags)
        self.keep(CLIENT, bytes(data))

    def recv_into(self, buffer: bytearray, nbytes: int = 0, flags: int = 0) -> int:  # type: ignore[override]
        count = super().recv_into(buffer, nbytes, flags)
        self.keep(SERVER, bytes(buffer[:count]))
        return count

    def keep(self, side: int, octets: bytes) -> None:
        self.said.append(Chunk(side, octets, len(self.said) + 1, len(self.said) + 1))


@contextmanager
def _served() -> Iterator[tuple[str, int]]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[0], server.server_address[1]  # type: ignore[misc]
        finally:
            server.shutdown()
            thread.join()


def test_a_real_visit() -> None:
    with _served() as address, _Recorded() as recorded:
        recorded.said = []
        recorded.connect(address)
        client = http.client.HTTPConnection(*address)
        client.sock = recorded
        for method, path in (("GET", "/"), ("HEAD", "/"), ("GET", "/chunks"), ("GET", "/missing")):
            client.request(method, path, headers={"Host": "mail.example"})
            client.getresponse().read()
            client.sock = recorded  # a server's error closes, for the client; this socket stays
            if path == "/missing":
                break
    spoken = listen("tcp", "http", recorded.said)
    assert told(spoken.exchanges[:3]) == [
        "GET / (mail.example) -> 200 OK text/html 5,000 octets",
        "HEAD / (mail.example) -> 200 OK",
        "GET /chunks (mail.example) -> 200 OK 11 octets",
    ]
    (missing,) = spoken.exchanges[3:]
    assert missing.reply is not None
    assert missing.reply.status == "404"
    assert spoken.remarks == ()


def test_a_real_login() -> None:
    with _served() as address, _Recorded() as recorded:
        recorded.said = []
        recorded.connect(address)
        client = http.client.HTTPConnection(*address)
        client.sock = recorded
        client.request(
            "POST", "/login", LOGIN, {"Host": "mail.example", "Content-Type": "application/x-www-form-urlencoded"}
        )
        client.getresponse().read()
    spoken = listen("tcp", "http", recorded.said)
    assert told(spoken.exchanges) == [
        "POST /login (mail.example; application/x-www-form-urlencoded, 29 octets; form with a password)"
        " -> 302 Found to /inbox"
    ]
    assert [remark.code for remark in spoken.remarks] == ["credentials-in-clear"]


# In captures.


def _on_port(talk: Talk, port: int) -> Talk:
    """The talk as if the server listened there."""
    for packet in talk.packets:
        for name in ("sport", "dport"):
            if getattr(packet["TCP"], name) == 25:
                setattr(packet["TCP"], name, port)
    return talk


def _visit(port: int, *said: str) -> Talk:
    talk = Talk().open()
    for item in items(*said):
        assert isinstance(item, Chunk)
        talk.segment(item.side, "PA", item.octets)
    return _on_port(talk.close(), port)


@pytest.mark.parametrize("port", [80, 8000, 8080, 31_337])
def test_outcomes(port: int) -> None:
    analysis = watch(_visit(port, GET, OK))
    (connection,) = analysis.connections
    assert (connection.service, connection.outcome) == ("http", "GET / (mail.example): 200 OK")
    analysis = watch(_visit(port, GET, OK, GET, OK, GET, "S HTTP/1.1 404 Gone\nContent-Length: 0\n\n"))
    assert next(iter(analysis.connections)).outcome == "3 requests: 2 × 200 OK, 404 Gone"


def test_outcome_of_http_2() -> None:
    (connection,) = watch(_visit(31_337, "C PRI * HTTP/2.0\n\nSM\n\n", "S \0\0\0\4\0\0\0\0\0")).connections
    assert (connection.service, connection.outcome) == ("http2", "HTTP/2, which is not followed")


@pytest.mark.parametrize("port", [80, 31_337])
@pytest.mark.parametrize(
    "said",
    [
        (GET, OK),
        (GET,),
        ("C OPTIONS * HTTP/1.1\n\n",),
        ("C CONNECT mx:25 HTTP/1.1\n\n",),
        ("C PRI * HTTP/2.0\n\nSM\n\n",),
    ],
    ids=["visit", "no reply", "OPTIONS", "CONNECT", "HTTP/2"],
)
def test_large_captures_take_the_exact_way(port: int, said: tuple[str, ...]) -> None:
    analysis = watch(_visit(port, *said))
    summary = summarise(analysis.understanding)
    assert summary.exact == 1
    assert [summary.kinds[kind] for kind in summary.kind] == [kind_of(one) for one in analysis.connections]


# Against Wireshark.

corpus = pytest.mark.skipif(not agreement.CORPUS.is_dir(), reason="the corpus of captures is not on this machine")
IN_ORDER = ("-o", "tcp.reassemble_out_of_order:TRUE")
WEB = ["wikipedia.pcap", "http/no_crlf.pcap", "http/get.pcap", "http/concurrent-range-requests.pcap"]


@corpus
@pytest.mark.program("tshark")
@pytest.mark.parametrize("name", WEB)
def test_wireshark_reads_the_same(name: str) -> None:
    capture = agreement.CORPUS / "zeek" / name
    fields = ("frame.number", "http.request.method", "http.request.uri", "http.response.code")
    theirs = [row for row in agreement.tshark(capture, *fields, extra=IN_ORDER) if any(row[1:])]
    requests = {(row[1], row[2]) for row in theirs if row[1]}
    exchanges = [
        exchange for one in inspect(capture).connections if one.service == "http" for exchange in one.exchanges
    ]
    commands = [exchange.command for exchange in exchanges if exchange.command is not None]
    assert {(one.verb, one.argument.partition(" ")[0]) for one in commands} == requests
    assert len(commands) == sum(1 for row in theirs if row[1])
    codes = sorted(exchange.reply.code for exchange in exchanges if exchange.reply is not None)
    whole = sorted(row[3] for row in theirs if row[3])
    assert codes == whole

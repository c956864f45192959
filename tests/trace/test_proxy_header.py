"""A load balancer tells by a header whose connection it passes on; it is no part of the dialogue."""

from __future__ import annotations

import struct

import pytest
from talk import Talk, watch
from test_glance import differences

from testbed.protocols.proxy_header import SIGNATURE, ProxyHeader, parse_proxy_header

_V4 = bytes((203, 0, 113, 7, 192, 0, 2, 25)) + struct.pack(">HH", 51_000, 25)
_V6 = bytes.fromhex("20010db8000000000000000000000007" * 2) + struct.pack(">HH", 51_000, 25)


def version_2(family: int, addresses: bytes, command: int = 1) -> bytes:
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(addresses)) + addresses


HEADERS = {
    "version 1": (b"PROXY TCP4 203.0.113.7 192.0.2.25 51000 25\r\n", 1, "203.0.113.7:51000"),
    "version 1, IPv6": (b"PROXY TCP6 2001:db8::7 2001:db8::9 51000 25\r\n", 1, "[2001:db8::7]:51000"),
    "version 1, unknown": (b"PROXY UNKNOWN\r\n", 1, ""),
    "version 2": (version_2(0x11, _V4), 2, "203.0.113.7:51000"),
    "version 2, IPv6 and more": (version_2(0x21, _V6 + b"\x04\x00\x01x"), 2, "[2001:db8::7]:51000"),
    "version 2, local": (version_2(0x00, b"", command=0), 2, ""),
}
NO_HEADERS = [
    b"",
    b"PROXY",
    b"EHLO a\r\n",
    b"PROXY TCP4 203.0.113.7 192.0.2.25\r\n",
    b"PROXY TCP4 " + b"1" * 100 + b" 1 1 1\r\n",
    SIGNATURE,
    version_2(0x11, _V4)[:-1],
]


@pytest.mark.parametrize(("octets", "version", "source"), HEADERS.values(), ids=HEADERS.keys())
def test_headers(octets: bytes, version: int, source: str) -> None:
    assert parse_proxy_header(octets + b"EHLO a\r\n") == ProxyHeader(version, source, len(octets))


@pytest.mark.parametrize("octets", NO_HEADERS)
def test_what_is_none(octets: bytes) -> None:
    assert parse_proxy_header(octets) is None


@pytest.mark.parametrize(("octets", "version", "source"), HEADERS.values(), ids=HEADERS.keys())
@pytest.mark.parametrize("port", [25, 143, 4_000])
def test_the_dialogue_behind_it_is_followed(octets: bytes, version: int, source: str, port: int) -> None:
    talk = Talk(server_port=port).open().segment(0, "PA", octets)
    if port == 143:
        talk.say("S * OK hello", "C a LOGOUT", "S a OK bye")
    else:
        talk.say("S 220 mx", "C EHLO a", "S 250 mx", "C MAIL FROM:<a@b.example>", "S 250 ok", "C QUIT", "S 221 bye")
    analysis = watch(talk.close())
    (connection,) = analysis.connections
    assert connection.exchanges[-1].reply is not None
    assert connection.exchanges[-1].reply.code in ("221", "OK")
    (finding,) = analysis.findings
    whose = f"of {source}, the true client" if source else "its own"
    assert finding.text.endswith(f"whose connection this is: {whose} (version {version})")
    assert differences(analysis, analysis.summary()) == []


@pytest.mark.parametrize("cut", [1, 5, 12, 20])
@pytest.mark.parametrize(("octets", "version", "source"), HEADERS.values(), ids=HEADERS.keys())
def test_a_header_may_come_in_pieces(octets: bytes, version: int, source: str, cut: int) -> None:
    talk = Talk().open().segment(0, "PA", octets[:cut])
    talk.segment(0, "PA", octets[cut:]) if octets[cut:] else talk
    talk.say("S 220 mx", "C EHLO a", "S 250 mx", "C QUIT", "S 221 bye").close()
    analysis = watch(talk)
    (finding,) = analysis.findings
    whose = f"of {source}, the true client" if source else "its own"
    assert finding.text.endswith(f"whose connection this is: {whose} (version {version})")
    assert [e.command.verb for e in analysis.connections[0].exchanges if e.command] == ["connect", "EHLO", "QUIT"]


def test_a_header_may_come_with_the_first_command() -> None:
    header = HEADERS["version 2"][0]
    talk = Talk().open().segment(0, "PA", header[:20]).segment(0, "PA", header[20:] + b"EHLO a\r\n")
    (connection,) = watch(talk.say("S 220 mx\r\n250 mx", "C QUIT", "S 221 bye").close()).connections
    assert [e.command.verb for e in connection.exchanges if e.command] == ["connect", "EHLO", "QUIT"]

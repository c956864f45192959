"""Dialogues that keys open, of captures with packets lost, twice, late or damaged: less is told, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.pcap.read import parse_capture
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse
from tests.tls_talk import TLS_1_2, TLS_1_3, TlsTalk, client_context, pcapng, server_context

MAIL = ("C MAIL FROM:<a@x>", "S 250 2.1.0 ok", "C RCPT TO:<b@y>", "S 452 4.2.2 full", "C QUIT", "S 221 bye")
HELLO = ("C EHLO a", "S 250 mx")
DIALOGUES: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "submissions": (465, (), ("S 220 mx", *HELLO, *MAIL)),
    "SMTP STARTTLS": (
        25,
        ("S 220 mx", "C EHLO a", "S 250 STARTTLS", "C STARTTLS", "S 220 go"),
        (*HELLO, *MAIL),
    ),
    "imaps": (993, (), ("S * OK hi", "C a LOGIN u p", "S a NO wrong", "C b NOOP", "S b OK", "C c LOGOUT", "S c OK")),
    "pop3s": (
        995,
        (),
        ("S +OK hi", "C USER u", "S +OK", "C PASS p", "S -ERR no", "C CAPA", "S +OK\r\nTOP\r\n.", "C QUIT", "S +OK"),
    ),
}
VERSIONS = {"TLS 1.2": TLS_1_2, "TLS 1.3": TLS_1_3}


class Talks(dict[tuple[str, str], TlsTalk]):
    """All that is said, by the dialogue and the version."""

    def __repr__(self) -> str:
        return "talks"


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Talks:
    found = Talks()
    for name, (port, before, under) in DIALOGUES.items():
        for version, tls in VERSIONS.items():
            talk = TlsTalk(tmp_path_factory.mktemp("keys") / "keys", port=port, most=700).open().say(*before)
            talk.secure(client_context(tls), server_context(tls)).say(*under).goodbye(1).close()
            found[name, version] = talk
    return found


def look(talk: TlsTalk) -> Analysis:
    return analyse(parse_capture(np.frombuffer(pcapng(talk, secrets=talk.keylog.read_bytes()), np.uint8)))


def told(analysis: Analysis) -> list[tuple[str, str, str]]:
    """Verb, argument and code of each exchange, ``""`` for what is unknown."""
    return [
        (
            exchange.command.verb if exchange.command else "",
            exchange.command.argument if exchange.command else "",
            exchange.reply.code if exchange.reply else "",
        )
        for connection in analysis.connections
        for exchange in connection.exchanges
    ]


CHANGES = st.lists(
    st.tuples(st.sampled_from(["drop", "again", "swap", "damage"]), st.integers(0, 200), st.integers(0, 2_000)),
    min_size=1,
    max_size=3,
)


@given(name=st.sampled_from(list(DIALOGUES)), version=st.sampled_from(list(VERSIONS)), changes=CHANGES)
def test_less_is_told_and_nothing_else(
    name: str,
    version: str,
    changes: Sequence[tuple[str, int, int]],
    talks: Talks,
) -> None:
    talk = talks[name, version]
    whole = told(look(talk))
    packets = list(talk.packets)
    for what, place, octet in changes:
        at = place % len(packets)
        if what == "drop":
            del packets[at]
        elif what == "again":
            packets.insert(at, packets[at])
        elif what == "swap":
            packets[at - 1], packets[at] = packets[at], packets[at - 1]
        elif len(packets[at]) > 45 and packets[at][40] in range(20, 24):  # a record, not a line in clear
            damaged = bytearray(packets[at])
            damaged[45 + octet % (len(damaged) - 45)] ^= 0x55
            packets[at] = bytes(damaged)
    analysis = look(replace(talk, packets=packets))
    found = told(analysis)
    commands = Counter((verb, argument) for verb, argument, _ in whole)
    for verb, argument, code in found:
        if verb and code:
            assert (verb, argument, code) in whole
        elif verb and analysis.connections[0].service:
            assert (verb, argument) in commands
    for connection in analysis.connections:
        unanswered = [e.command.verb for e in connection.exchanges if e.note == "no reply" and e.command is not None]
        assert not unanswered, unanswered

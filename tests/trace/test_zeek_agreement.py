"""conn_state and history against the rows Zeek itself wrote (its test suite, BSD licence)."""

from __future__ import annotations

from pathlib import Path

import agreement
import pytest

from testbed.trace.inspect import inspect

pytestmark = pytest.mark.skipif(not agreement.CORPUS.is_dir(), reason="the corpus of captures is not on this machine")

TIMER = "Zeek's timers split one connection at a long pause"
# Differences that are no disagreement on the definitions: file, how many of Zeek's rows, why.
EXCEPTIONS = {
    "localhost-bad-chksum.pcap": (2, "checksums are not verified: captures on the sender show unfinished ones"),
    "fake-long-commands.pcap": (1, "X tells that Zeek's FTP parser gave up"),
    "modbus-and-non-modbus-p502.pcap": (2, TIMER),
    "ssh.client-side-half-duplex.pcap": (10, TIMER),
    "retransmit-timeout.pcapng": (2, TIMER),
    "pppoe-over-qinq.pcap": (1, "the IP packet is longer than PPPoE tells; Zeek goes by the former, we by the latter"),
    "wikipedia.pcap": (1, "the test ends before the reply: Zeek counts 1 packet of 3"),
}


def test_differences_are_the_known_ones() -> None:
    rows = 0
    found: dict[str, int] = {}
    for capture in agreement.captures():
        rows += len(agreement.zeek_rows(capture))
        different = list(agreement.zeek_differences(capture))
        if different:
            found[capture.name] = len(different)
    assert found == {name: count for name, (count, _) in EXCEPTIONS.items()}
    agreement.told_in_docs("`conn_state`, `history`", "public captures", rows, sum(found.values()))


@pytest.mark.parametrize(
    ("file", "state", "history"),
    [
        ("tcp/missing-syn.pcap", "SF", "^hADdFaf"),
        ("tls/irc-starttls.pcap", "SF", "ShADadFRf"),  # RST after FIN, then the peer's FIN
        ("pop3/pop3.pcap", "REJ", "Sr"),
        ("ftp/bigtransfer.pcap", "SF", "ShAdgfFa"),  # the gap stands where it was seen
    ],
)
def test_vectors(file: str, state: str, history: str) -> None:
    analysis = inspect(agreement.CORPUS / "zeek" / file)
    assert (state, history) in {(c.transport.conn_state, c.transport.history) for c in analysis.connections}


@pytest.mark.parametrize("capture", agreement.captures(), ids=lambda path: path.name)
def test_every_capture_is_inspected_whole(capture: Path) -> None:
    analysis = inspect(capture)
    rows = list(analysis.packets())
    assert len(rows) == len(analysis.capture.frame)
    assert sum(c.packets for c in analysis.connections) <= len(rows)
    for connection in analysis.connections:
        assert len(list(analysis.packets(connection.number))) >= connection.packets

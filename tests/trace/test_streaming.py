"""A capture told as a stream, in pieces, is told as when it lies there whole."""

from __future__ import annotations

import gc
from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from random_mail import RandomMail

from testbed.pcap.pcapng import BlockReader
from testbed.pcap.read import read_capture
from testbed.pcap.stream import segments
from testbed.trace import streaming
from testbed.trace.inspect import inspect
from testbed.trace.model.connection import Connection
from testbed.trace.streaming import stream
from tests.bench.make_capture import make
from tests.traces import TRACES

# Without those that carry TLS keys: they open only what ends in the same piece.
# A server that missed the reset speaks up minutes later, when a stream has long told of the connection's end.
_SPEAKS_AFTER_THE_RESET = ("kept-connection-forgotten-reset",)
PLAIN = [path for path in TRACES if not read_capture(path).secrets and path.stem not in _SPEAKS_AFTER_THE_RESET]


def unnumbered(connection: Connection) -> Connection:
    findings = tuple(replace(finding, connections=()) for finding in connection.findings)
    return replace(connection, number=0, findings=findings)


def whole(path: Path) -> list[Connection]:
    found = sorted(inspect(path).connections, key=lambda c: c.first_frame)
    return [unnumbered(connection) for connection in found]


def streamed(path: Path, most_octets: int) -> list[Connection]:
    source = BytesIO(path.read_bytes())
    found = [c for analysis in stream(segments(source.read, "stream", most_octets)) for c in analysis.connections]
    assert sorted(c.number for c in found) == list(range(1, len(found) + 1))
    return [unnumbered(connection) for connection in sorted(found, key=lambda c: c.first_frame)]


@pytest.mark.parametrize("trace", PLAIN, ids=lambda path: path.stem)
def test_reference_traces_in_small_pieces(trace: Path) -> None:
    for most_octets in (700, 5_000, 1 << 20):
        assert names_removed(streamed(trace, most_octets)) == names_removed(whole(trace))


def names_removed(found: list[Connection]) -> list[Connection]:
    """In a stream, names are known only from their block on: what is said in words may still lack them."""
    return [
        replace(c, client=replace(c.client, name=""), server=replace(c.server, name=""), findings=(), outcome="")
        for c in found
    ]


def test_many_connections_in_pieces(tmp_path: Path) -> None:
    make(tmp_path / "large.pcap", 600)
    assert streamed(tmp_path / "large.pcap", 100_000) == whole(tmp_path / "large.pcap")


@pytest.mark.parametrize("seed", range(3))
def test_odd_mail_in_pieces(tmp_path: Path, seed: int) -> None:
    RandomMail(seed, 60, 20).write(tmp_path / "mail.pcapng")
    assert streamed(tmp_path / "mail.pcapng", 9_000) == whole(tmp_path / "mail.pcapng")


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many open at once, the oldest are told before they end, and that is said."""
    make(tmp_path / "large.pcap", 200)
    monkeypatch.setattr(streaming, "_MOST_KEPT", 20_000)
    capture = read_capture(tmp_path / "large.pcap")
    analyses = list(stream(segments(BytesIO((tmp_path / "large.pcap").read_bytes()).read, "stream", 50_000)))
    assert sum(connection.packets for a in analyses for connection in a.connections) == len(capture.frame)
    assert any("too many are open at once" in problem for a in analyses for problem in a.problems)


def test_a_piece_that_was_told_is_gone_before_garbage_is_looked_for() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in stream(segments(BytesIO(PLAIN[0].read_bytes()).read, "stream", 700)):
            pass
        assert not [one for one in gc.get_objects() if isinstance(one, BlockReader)]
    finally:
        gc.enable()


@pytest.mark.parametrize(("most_octets", "says"), [(700, True), (20_000, True), (1 << 20, False)])
def test_keys_that_may_be_for_another_piece_are_told(most_octets: int, says: bool) -> None:
    [trace] = [path for path in TRACES if path.stem == "read-through-tls"]
    analyses = list(stream(segments(BytesIO(trace.read_bytes()).read, "stream", most_octets)))
    problems = [problem for analysis in analyses for problem in analysis.problems]
    assert any("same piece" in problem for problem in problems) is says
    assert not any("none of the TLS keys" in problem for problem in problems)

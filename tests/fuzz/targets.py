"""What is fuzzed: one table, a row for each door by which a stranger's octets come in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice, product

import numpy as np

from testbed.errors import CaptureError
from testbed.pcap.capture import Capture, JournalEntry
from testbed.pcap.journal import journal_fields
from testbed.pcap.keylog import parse_key_log
from testbed.pcap.read import parse_capture, read_capture
from testbed.pcap.stream import Cutter
from testbed.protocols.events import event_of
from testbed.protocols.header import header_field
from testbed.protocols.tcp import parse_options
from testbed.protocols.tls import parse_hello
from testbed.reproduce.alike import of_capture
from testbed.reproduce.composed import Way, composed
from testbed.reproduce.evidence import MOST_CONNECTIONS
from testbed.reproduce.reproduction import attempt
from testbed.scenario.problems import ScenarioError
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import log_entry
from testbed.trace.services.service import MakeDialogue
from testbed.trace.tls.session import TlsWatch
from tests.fuzz.checks import (
    check_analysis,
    check_capture,
    check_comparison,
    check_dialogue,
    check_outputs,
    services,
)
from tests.fuzz.dialogues import items
from tests.fuzz.packets import pcap, recorded, small_captures
from tests.fuzz.scripts import SCRIPTS
from tests.metamorphic.changes import CHANGES
from tests.metamorphic.told import MENDED, otherwise


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` takes any octets and raises when something is wrong; ``seeds`` gives good ones to begin with."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def _read(octets: bytes) -> None:
    check_capture(parse_capture(np.frombuffer(octets, np.uint8)))


def _inspect(octets: bytes) -> None:
    check_analysis(octets)


def _outputs(octets: bytes) -> None:
    check_outputs(check_analysis(octets))


def _diff(octets: bytes) -> None:
    """A capture against itself, and against a healthy one."""
    check_comparison(check_analysis(octets), _healthy())


@cache
def _healthy() -> Analysis:
    return check_analysis(next(iter(recorded())))


def _reproduce(octets: bytes) -> None:
    """Scenarios of a capture, each way, unplayed; where none can be made, a sentence says so."""
    analysis = check_analysis(octets)
    if len(analysis.connections) > MOST_CONNECTIONS:
        return
    for way, keep_names in product(Way, (False, True)):
        draft, parties = composed(analysis, way, keep_names=keep_names)
        if draft.steps and draft.expect:
            with suppress(ScenarioError):
                attempt(way, draft, of_capture(analysis, parties), "capture")


def _less(octets: bytes) -> None:
    """A capture of which all is known, changed: what it is, then four octets for each change."""
    if len(octets) < 6:
        return
    name = MENDED[int.from_bytes(octets[:2], "big") % len(MENDED)]
    steps = [
        (CHANGES[octets[at] % len(CHANGES)].__name__, int.from_bytes(octets[at + 1 : at + 3], "big"), octets[at + 3])
        for at in range(2, min(len(octets) - 3, 10), 4)
    ]
    assert not otherwise(name, *steps), (name, steps)


def _link(octets: bytes) -> None:
    """One packet of any link type: two octets tell which."""
    check_analysis(pcap([octets[2:]], int.from_bytes(octets[:2], "big")))


def _packed(octets: bytes) -> None:
    """A file, so that what packs it is unpacked."""
    with tempfile.NamedTemporaryFile(prefix="testbed-fuzz-") as file:
        file.write(octets)
        file.flush()
        check_capture(read_capture(file.name))


def _stream(octets: bytes) -> None:
    """In pieces, a capture says what it says as a whole; the first octet tells how long pieces are."""
    size, data = 1 + (octets[0] if octets else 0), octets[1:]
    try:
        whole: Capture | None = parse_capture(np.frombuffer(data, np.uint8))
    except CaptureError:
        whole = None
    try:
        parts = list(_cut(data, size))
    except CaptureError:
        assert whole is None, "cut into segments, it is no capture any more"
        return
    assert whole is not None, "only cut into segments, it is a capture"
    for name in ("frame", "time_ns", "length", "original", "interface"):
        mine = [number for part in parts for number in getattr(part, name).tolist()]
        assert mine == getattr(whole, name).tolist(), f"the segments have another {name}"
    assert [part.octets(row) for part in parts for row in range(len(part.frame))] == [
        whole.octets(row) for row in range(len(whole.frame))
    ]


def _cut(data: bytes, size: int) -> Iterator[Capture]:
    cutter = Cutter("capture", size * 16)
    for at in range(0, len(data), size):
        yield from cutter.feed(data[at : at + size])
    yield from cutter.finish()


def _dialogue(make: MakeDialogue, octets: bytes) -> None:
    """The first octet tells whether credentials are shown."""
    check_dialogue(make, items(octets[1:]), show_credentials=bool(octets[:1] > b"\x7f"))


def _tls(octets: bytes) -> None:
    watch = TlsWatch(None)
    for _ in watch.over(items(octets)):
        pass
    watch.session()


def _header(octets: bytes) -> None:
    for name in ("Subject", "Message-ID", "From"):
        assert header_field(octets, name).isprintable()


_STARTED = b'MESSAGE=x\nTESTBED_EVENT=started\nTESTBED_COMMAND=y\nTESTBED_TAKES=a@b "c d"@e "f\n\n'


def _small(octets: bytes) -> None:
    """The small grammars together."""
    parse_hello(octets)
    parse_options(octets[:40])
    parse_key_log(octets)
    fields = dict(journal_fields(octets))
    assert all(name.isprintable() for name in fields)
    entry = log_entry(JournalEntry(1, fields))
    assert (entry.host + entry.message).isprintable()
    if entry.event is not None:
        assert event_of(entry.event.word, entry.event.fields()) == entry.event


def _captures() -> Iterator[bytes]:
    yield from small_captures()
    yield from (capture for capture in recorded() if len(capture) < 20_000)


def _packed_seeds() -> Iterator[bytes]:
    import gzip

    for capture in small_captures()[:3]:
        yield gzip.compress(capture, mtime=0)
        try:
            import zstandard
        except ImportError:
            continue
        yield zstandard.ZstdCompressor().compress(capture)


def _scripts(transport: str, service: str) -> Iterable[bytes]:
    return [bytes((show,)) + told for told in SCRIPTS.get((transport, service), ()) for show in (0, 0xFF)]


_HELLO = bytes.fromhex("0100002f0303") + bytes(32) + bytes.fromhex("00000213010100000c000000080006000003612e62")
_TLS_TALK = bytes.fromhex("000038" + "1603010033") + _HELLO
_HEADER = b"Subject: =?utf-8?b?aGVsbG8=?=\r\n =?iso-8859-1?q?=E9?=\r\nMessage-ID: <1@example.org>\r\n\r\n"


def targets() -> dict[str, Target]:
    """All targets by name."""
    found = [
        Target("read", _read, _captures),
        Target("stream", _stream, lambda: [b"\x1f" + capture for capture in _captures()]),
        Target("packed", _packed, _packed_seeds),
        Target("inspect", _inspect, _captures),
        Target("outputs", _outputs, _captures),
        Target("diff", _diff, _captures),
        Target("reproduce", _reproduce, lambda: islice(_captures(), 0, None, 40)),
        Target("less", _less, lambda: [bytes((0, place, 0, 0, 9, 1)) for place in range(len(MENDED))]),
        Target("link", _link, _frames),
        Target("tls", _tls, lambda: [_TLS_TALK]),
        Target("header", _header, lambda: [_HEADER]),
        Target("small", _small, lambda: [_HELLO, b"\2\4\5\xb4\1\3\3\7", b"A=b\nC\n\1\0\0\0\0\0\0\0d\n\n", _STARTED]),
    ]
    for (transport, service), make in services().items():
        found.append(Target(f"{transport}-{service}", partial(_dialogue, make), partial(_scripts, transport, service)))
    return {target.name: target for target in found}


def _frames() -> Iterator[bytes]:
    """Packets of the small captures with their link types."""
    for octets in small_captures():
        try:
            capture = parse_capture(np.frombuffer(octets, np.uint8))
        except CaptureError:
            continue
        for row in range(min(4, len(capture.frame))):
            link_type = capture.interfaces[int(capture.interface[row])].link_type
            yield link_type.to_bytes(2, "big") + capture.octets(row)

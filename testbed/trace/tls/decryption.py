"""Which connections of a capture the keys at hand open, and what was in their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from testbed.errors import UsageError
from testbed.pcap.condition import conditions, hops_left
from testbed.pcap.keylog import KeyLog, parse_key_log, read_key_log
from testbed.pcap.table import TCP
from testbed.pcap.tshark import Sealed, installed, open_records
from testbed.protocols.cipher_suites import cipher_name
from testbed.protocols.tls import HANDSHAKE, Plaintext
from testbed.trace.flows import Flows
from testbed.trace.tcp.proxied import ProxyWatch
from testbed.trace.tcp.reassembly import Chunk, Gap, reassemble
from testbed.trace.tcp.taken import taken
from testbed.trace.tls.records import OpenedRecords, RecordReader, TlsRecord
from testbed.trace.tls.session import TlsWatch

if TYPE_CHECKING:
    from testbed.protocols.record_protection.opening import Opened

_MOST_OCTETS = 256 << 20  # of records, and so of plain text in memory
_MOST_RECORDS = 2_000_000
_MOST_CONNECTIONS = 1 << 20
_MOST_NAMED = 10


class Decrypted(Struct, frozen=True):
    """What was opened, by the index of its flow, and sentences about what stayed closed.

    ``for_tshark`` tells that some of it tshark would open, which is not here.
    """

    flows: Mapping[int, OpenedRecords] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    for_tshark: bool = False

    def of(self, flow: int) -> OpenedRecords:
        """What was opened of a flow."""
        return self.flows.get(flow, {})


def decrypt(
    found: Flows, secrets: Sequence[memoryview], keylog: str | None = None, *, piece: bool = False
) -> Decrypted:
    """Open what the capture's own keys (``secrets``) and those of the file ``keylog`` open.

    Raises UsageError when the file is no key log.  What stays closed is among the problems.  The keys in a ``piece`` of
    a capture may be those of other pieces.
    """
    named = () if keylog is None else (read_key_log(keylog),)
    keys = parse_key_log(*named, *secrets)
    if not keys:
        return Decrypted()
    chosen = _with_keys(found, keys)
    if not chosen:
        where = "in the capture" if keylog is None else f"of {keylog}"
        return Decrypted(
            {}, () if piece else (f"none of the TLS keys {where} belongs to a connection of this capture",)
        )
    return _Decryption(found, keys).of(chosen)


def likely_tls(found: Flows) -> list[int]:
    """The indexes of flows with a segment that begins as a handshake record does; no other can hold a ClientHello."""
    table = found.table
    rows = np.flatnonzero((table.protocol == TCP) & (table.captured() > 0))
    likely = np.zeros(len(table) + 1, np.int64)
    likely[rows[table.capture.data[table.payload(rows)] == HANDSHAKE]] = 1
    before = np.concatenate(([0], np.cumsum(likely[found.order])))
    chosen: list[int] = np.flatnonzero(before[found.stop] > before[found.start]).tolist()
    return chosen


def _with_keys(found: Flows, keys: KeyLog) -> dict[int, bytes]:
    """The randoms of the flows that TLS keys are for, by the index of the flow."""
    randoms = ((index, _random(found, index)) for index in likely_tls(found))
    return dict(islice(((index, random) for index, random in randoms if random in keys.lines), _MOST_CONNECTIONS))


def _random(found: Flows, index: int) -> bytes:
    """The random of a flow's ClientHello, ``b""`` where there is none."""
    watch = TlsWatch()
    for _ in watch.over(_said(found, index)):
        if watch.random is not None:
            break
    return watch.random or b""


def _said(found: Flows, index: int) -> Iterator[Chunk | Gap]:
    """What both sides of a flow were told, behind what a proxy put in front."""
    table = found.table
    flow = taken(
        found[index],
        table.octets,
        lambda rows: conditions(table, np.array(rows, np.int64)).tolist(),
        lambda rows: hops_left(table, np.array(rows, np.int64)).tolist(),
    )
    return ProxyWatch().over(reassemble(flow, table.octets))


def _records(found: Flows, index: int) -> Iterator[TlsRecord]:
    reader = RecordReader()
    for item in _said(found, index):
        for part in reader.feed(item):
            if isinstance(part, TlsRecord):
                yield part


class _Decryption:
    def __init__(self, found: Flows, keys: KeyLog) -> None:
        self._found = found
        self._keys = keys
        self._flows: dict[int, dict[tuple[int, int], Plaintext | None]] = {}
        self._room_octets, self._room_records = _MOST_OCTETS, _MOST_RECORDS
        self._closed: dict[str, list[int]] = {}  # flows by the sentence about them, which has a place for their names
        self._foreign: dict[int, tuple[bytes, str]] = {}  # random and suite of what is not opened here
        self._left_out = 0

    def of(self, chosen: Mapping[int, bytes]) -> Decrypted:
        """What the keys open of some flows; the randoms of their clients are given."""
        for count, (index, random) in enumerate(chosen.items()):
            if not self._open(index, random):
                self._left_out = len(chosen) - count
                break
        problems = [*self._by_tshark(), *(text.format(_named(flows)) for text, flows in self._closed.items())]
        if self._left_out:
            most = f"more than {_MOST_OCTETS >> 20} MiB or {_MOST_RECORDS:,} records of TLS"
            rest = f"{self._left_out:,} of {len(chosen):,} connections with keys"
            problems.append(f"{most}: {rest} were not decrypted, or not to the end")
        return Decrypted(self._flows, tuple(problems), bool(self._foreign) and not installed())

    def _open(self, index: int, random: bytes) -> bool:
        """Open a flow; False where there is no room for all of it."""
        from testbed.protocols.record_protection.closed import Closed
        from testbed.protocols.record_protection.opening import open_connection

        records, fits = self._fitting(_records(self._found, index))
        opened = open_connection(((one.side, one.octets) for one in records), self._keys.secrets)
        whys = dict.fromkeys(opened.closed.values())
        if Closed.SUITE in whys and not opened.plain:
            self._foreign[index] = random, cipher_name(opened.cipher)
        else:
            for why in whys:
                part = "stays encrypted" if not opened.plain else "stays encrypted in part"
                self._closed.setdefault(f"the TLS of {{}} {part}: {why.value}", []).append(index)
            self._flows.update({index: by_place} if (by_place := _by_place(records, opened)) else {})
        return fits

    def _fitting(self, records: Iterable[TlsRecord]) -> tuple[list[TlsRecord], bool]:
        """The records that there is room for, and whether those are all."""
        kept: list[TlsRecord] = []
        for record in records:
            self._room_octets -= len(record.octets)
            self._room_records -= 1
            if self._room_octets < 0 or self._room_records < 0:
                return kept, False
            kept.append(record)
        return kept, True

    def _by_tshark(self) -> Iterator[str]:
        """Let tshark open the suites that are not opened here; what is to be said of them."""
        if not self._foreign:
            return
        names = ", ".join(sorted({name for _, name in self._foreign.values()})[:_MOST_NAMED])
        unknown = f"the TLS of {_named(self._foreign)} stays encrypted: testbed cannot decrypt {names}"
        if not installed():
            yield f"{unknown}, but tshark can: 'testbed doctor' says how to install it"
            return
        records = [(index, one) for index in self._foreign for one in _records(self._found, index)]
        places = {index: place for place, index in enumerate(self._foreign)}
        sealed = (Sealed(places[index], one.side, one.octets) for index, one in records)
        keys = self._keys.of(random for random, _ in self._foreign.values())
        try:
            for number, plain in open_records(sealed, keys):
                if number < len(records):
                    index, one = records[number]
                    self._flows.setdefault(index, {})[one.place] = plain
        except UsageError as error:
            yield f"{unknown}, and {error}"
        except OSError as error:
            yield f"{unknown}, and for tshark no temporary file could be written: {error.strerror}"
        else:
            if closed := [index for index in self._foreign if index not in self._flows]:
                yield f"the TLS of {_named(closed)} stays encrypted: tshark could decrypt nothing with the keys"


def _by_place(records: Sequence[TlsRecord], opened: Opened) -> dict[tuple[int, int], Plaintext | None]:
    """What was opened and what stays closed in the midst of it; nothing where nothing was opened."""
    if not opened.plain:
        return {}
    kept = {**dict.fromkeys(opened.closed), **opened.plain}
    return {records[at].place: plain for at, plain in sorted(kept.items())}


def _named(flows: Iterable[int]) -> str:
    numbers = [f"#{index + 1}" for index in flows]
    return ", ".join(numbers[:_MOST_NAMED]) + (" …" if len(numbers) > _MOST_NAMED else "")

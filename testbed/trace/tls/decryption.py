"""Which connections of a capture the keys at hand open, and what was in their records."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from testbed.errors import UsageError
from testbed.pcap.keylog import KeyLog, parse_key_log, read_key_log
from testbed.pcap.table import TCP
from testbed.pcap.tshark import Sealed, installed, open_records
from testbed.protocols.tls import APPLICATION_DATA, HANDSHAKE, Plaintext
from testbed.trace.flows import Flows
from testbed.trace.tcp.proxied import ProxyWatch
from testbed.trace.tcp.reassembly import reassemble
from testbed.trace.tls.records import RecordReader, TlsRecord
from testbed.trace.tls.session import TlsWatch

_MOST_OCTETS = 256 << 20  # of records, and so of plain text in memory
_MOST_RECORDS = 2_000_000
_MOST_CONNECTIONS = 1 << 20


@dataclass(frozen=True, slots=True)
class Decrypted:
    """Plain text by the index of its flow and the number of its record, and sentences about what stayed closed."""

    flows: Mapping[int, Mapping[int, Plaintext]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def of(self, flow: int) -> Mapping[int, Plaintext]:
        """What was opened of a flow, by :attr:`~testbed.trace.tls.records.TlsRecord.number`."""
        return self.flows.get(flow, {})


def decrypt(
    found: Flows, secrets: Sequence[memoryview], keylog: str | None = None, *, piece: bool = False
) -> Decrypted:
    """Open what the capture's own keys (``secrets``) and those of the file ``keylog`` open.

    Raises UsageError when the file is no key log, or when it was named and there is no tshark.  Without a file, and
    when tshark fails, that is among the problems: the rest of the capture can be told all the same.  The keys in a
    ``piece`` of a capture may be those of other pieces.
    """
    named = () if keylog is None else (read_key_log(keylog),)
    keys = parse_key_log(*named, *secrets)
    if not keys:
        return Decrypted()
    randoms = _with_keys(found, keys)
    if not randoms:
        where = "in the capture" if keylog is None else f"of {keylog}"
        return Decrypted(
            {}, () if piece else (f"none of the TLS keys {where} belongs to a connection of this capture",)
        )
    sealed = _Sealed(found, list(randoms))
    opened: dict[int, dict[int, Plaintext]] = {}
    try:
        for number, content in open_records(sealed, keys.of(randoms.values())):
            if number < len(sealed.flow):
                opened.setdefault(sealed.flow[number], {})[sealed.number[number]] = content
    except UsageError as error:
        if keylog is not None and not installed():
            raise
        return Decrypted({}, (f"TLS stays encrypted, although there are keys: {error}",))
    except OSError as error:
        return Decrypted({}, (f"TLS stays encrypted, as no temporary file could be written: {error.strerror}",))
    return Decrypted(opened, tuple(_problems(sealed, opened, len(randoms))))


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
    randoms: dict[int, bytes] = {}
    for index in likely_tls(found):
        random = _random(found, index)
        if random in keys.lines and len(randoms) < _MOST_CONNECTIONS:
            randoms[index] = random
    return randoms


def _random(found: Flows, index: int) -> bytes:
    """The random of a flow's ClientHello, ``b""`` where there is none."""
    watch = TlsWatch()
    for _ in watch.over(ProxyWatch().over(reassemble(found[index], found.table.octets))):
        if watch.random is not None:
            break
    return watch.random or b""


class _Sealed:
    """The records of flows, one after the other; remembers where each came from."""

    def __init__(self, found: Flows, chosen: Sequence[int]) -> None:
        self._found = found
        self._chosen = chosen
        self.flow = array("q")
        self.number = array("q")
        self.protected: dict[int, None] = {}  # flows that have something to open
        self.left_out = 0  # flows that were too much

    def __iter__(self) -> Iterator[Sealed]:
        octets = 0
        for connection, index in enumerate(self._chosen):
            reader = RecordReader()
            for item in ProxyWatch().over(reassemble(self._found[index], self._found.table.octets)):
                for record in reader.feed(item):
                    if not isinstance(record, TlsRecord):
                        continue
                    octets += len(record.octets)
                    if octets > _MOST_OCTETS or len(self.flow) >= _MOST_RECORDS:
                        self.left_out = len(self._chosen) - connection
                        return
                    self.flow.append(index)
                    self.number.append(record.number)
                    if record.kind == APPLICATION_DATA:
                        self.protected[index] = None
                    yield Sealed(connection, record.side, record.octets)


def _problems(sealed: _Sealed, opened: Mapping[int, Mapping[int, Plaintext]], chosen: int) -> Iterator[str]:
    closed = [index + 1 for index in sealed.protected if index not in opened]
    if closed:
        named = ", ".join(f"#{number}" for number in closed[:10]) + (" …" if len(closed) > 10 else "")
        yield f"the TLS keys for {named} are wrong: tshark could decrypt nothing with them"
    if sealed.left_out:
        most = f"more than {_MOST_OCTETS >> 20} MiB or {_MOST_RECORDS:,} records of TLS"
        yield f"{most}: {sealed.left_out:,} of {chosen:,} connections with keys were not decrypted, or not to the end"

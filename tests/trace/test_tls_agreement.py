"""What keys open, against tshark: the same octets of the same records, on every capture that holds keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import agreement
import pytest

from testbed.pcap.read import read_capture
from testbed.pcap.tshark import Sealed, open_records
from testbed.protocols.tls import APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Plaintext
from testbed.trace.inspect import inspect
from testbed.trace.tcp.proxied import ProxyWatch
from testbed.trace.tcp.reassembly import reassemble
from testbed.trace.tls.decryption import likely_tls
from testbed.trace.tls.records import RecordReader, TlsRecord
from testbed.trace.understanding import Understanding

pytestmark = [pytest.mark.program("tshark"), pytest.mark.timeout(600)]

CAPTURES = sorted((agreement.PROJECT / "captures").glob("*.pcapng")) + agreement.captures()


def records(understanding: Understanding, index: int) -> Iterator[TlsRecord]:
    reader = RecordReader()
    for item in ProxyWatch().over(reassemble(understanding.received(index), understanding.flows.table.octets)):
        yield from (part for part in reader.feed(item) if isinstance(part, TlsRecord))


def in_clear(record: TlsRecord) -> bool:
    """Whether it is an alert that nobody encrypted; tshark shows those as well."""
    return len(record.fragment) == 2


def test_tshark_opens_the_same() -> None:
    sealed: list[Sealed] = []
    names: list[tuple[Path, int, TlsRecord]] = []
    ours: list[Plaintext | None] = []
    keys, connections = b"", 0
    for path in CAPTURES:
        secrets = read_capture(path).secrets
        if not secrets:
            continue
        understanding = inspect(path).understanding
        keys += b"".join(bytes(secret) + b"\n" for secret in secrets)
        for index in likely_tls(understanding.flows):
            opened = understanding.decrypted.of(index)
            for record in records(understanding, index):
                sealed.append(Sealed(connections, record.side, record.octets))
                names.append((path, index, record))
                ours.append(opened.get(record.place))
            connections += 1
    theirs = dict(open_records(sealed, keys))
    different = []
    for number, plain in enumerate(ours):
        other = theirs.get(number)
        said = plain if plain is not None and plain.kind not in (HANDSHAKE, CHANGE_CIPHER_SPEC) else None
        told = other if other is not None and other.kind != HANDSHAKE else None
        if said != told and not in_clear(names[number][2]) and said != Plaintext(APPLICATION_DATA, b""):
            different.append((names[number], said, told))
    assert not different
    assert sum(plain is not None for plain in ours) > 2_000

"""Which connections went alike, as the compiled pass finds out (``testbed/native/glance.c``).

It reduces every connection to two sequences of tokens: what Zeek's history notes, and what was said; SYN, FIN and RST
stand in both.  Connections with the same tokens went alike.  What it is not sure of is *odd*, and alike to none.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from testbed.native.columns import Column, address, column, octets
from testbed.native.library import Octets, library
from testbed.pcap.parts import in_threads, parts
from testbed.pcap.table import TCP
from testbed.protocols.refusals import cause_of
from testbed.protocols.smtp import parse_reply_line
from testbed.protocols.status import split_enhanced
from testbed.trace.flows import Flows
from testbed.trace.glance.heads import telling_octets
from testbed.trace.services.smtp.holes import tells_of_message
from testbed.trace.services.table import name_by_port, port_of, service_of

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_TOGETHER = 1 << 12  # connections a thread takes at a time
_QUESTIONS = 1 << 13  # there may be of them

COLUMNS = ("start_ns", "end_ns", "client_octets", "server_octets", "retransmissions", "gaps", "rtt_ns")
_DIGESTS = [("transport", "u8"), ("said", "u8")]
ROW = np.dtype([*_DIGESTS, *((name, "i8") for name in COLUMNS), ("odd", "u8")])
"""What the pass tells of a connection; of those that are odd, :data:`COLUMNS` mean nothing."""
_QUESTION = np.dtype([("connection", "u8"), ("where", "u8"), ("octets", "u8")])
Rows = NDArray[np.void]


_COLUMNS = (
    *("time", "offset", "captured"),
    *("packet", "v6", "sender", "port", "headers", "header", "length", "flags"),
    *("order", "start", "stop", "from_client", "service", "spoken", "left_out"),
)


class _Scene(ctypes.Structure):
    _fields_ = (
        ("data", Octets),
        *((name, Column) for name in _COLUMNS),
        ("telling", Octets),
        ("end_ns", ctypes.c_int64),
        ("key", ctypes.c_uint64 * 4),
    )


class _Questions(ctypes.Structure):
    _fields_ = (("at", ctypes.c_void_p), ("room", ctypes.c_uint64), ("count", ctypes.c_uint64))


def scan(flows: Flows, apart: Bools) -> tuple[Ints, Rows]:
    """For each connection the place of the one it went like, and a row of :data:`ROW`.

    Its own place has a connection that is to be analysed itself: those ``apart`` do, and without the library all.
    """
    native, rows = library(), np.zeros(len(flows), ROW)
    if native is None:
        return np.arange(len(flows)), rows
    pass_ = _Pass(native, flows, apart, rows)
    refusals = [np.zeros(0, _QUESTION), *in_threads(pass_.fill, parts(len(flows), _TOGETHER))]
    causes = _causes(flows, np.concatenate(refusals))
    return _alike(rows, causes, rows["odd"] != 0, flows.stop - flows.start), rows


def _alike(rows: Rows, cause: Ints, odd: Bools, packets: Ints) -> Ints:
    """For each connection the shortest of those with the same tokens, of these the first."""
    like = np.arange(len(rows))
    regular = np.flatnonzero(~odd)
    keys = [column[regular] for column in (rows["transport"], rows["said"], cause)]
    order = np.lexsort((regular, packets[regular], *keys))
    if not len(order):
        return like
    new = np.ones(len(order), np.bool_)
    new[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    group = np.cumsum(new) - 1
    like[regular[order]] = regular[order[np.flatnonzero(new)]][group]
    return like


def _causes(flows: Flows, refusals: NDArray[np.void]) -> Ints:
    """For each connection a number for what the words of its replies tell, where they matter; 0 where none do."""
    data = flows.table.capture.data
    told: dict[int, tuple[str, ...]] = {}
    for connection, where, size in refusals.tolist():
        told[connection] = (*told.get(connection, ()), _cause(data[where : where + size].tobytes()))
    numbers: dict[tuple[str, ...], int] = {}
    result = np.zeros(len(flows), np.int64)
    for connection, causes in told.items():
        result[connection] = numbers.setdefault(causes, len(numbers) + 1)
    return result


@lru_cache(maxsize=4_096)
def _cause(line: bytes) -> str:
    reply = parse_reply_line(line.rstrip(b"\r\n"))
    if reply is None:
        return ""
    enhanced, text = split_enhanced(reply.text)
    if reply.code.startswith("2"):
        return "taken" * tells_of_message(enhanced, text)
    cause = cause_of(reply.code, enhanced, text)
    return cause.name if cause is not None else ""


class _Pass:
    """Calls the library; several threads may do so at once."""

    def __init__(self, native: ctypes.CDLL, flows: Flows, apart: Bools, rows: Rows) -> None:
        self._call = native.glance
        self._call.restype = None
        given = columns(flows, apart)
        telling = np.frombuffer(telling_octets(), np.uint8)
        self._kept = (*given, telling)  # for as long as the library reads them
        self._rows = rows
        capture = flows.table.capture
        end_ns = int(capture.time_ns[-1]) if len(capture.time_ns) else 0
        key = (ctypes.c_uint64 * 4).from_buffer_copy(os.urandom(32))  # so that nobody can make two that look alike
        self._scene = _Scene(octets(capture.data), *map(column, given), octets(telling), end_ns, key)

    def fill(self, part: slice) -> NDArray[np.void]:
        """Fills the rows of some connections, and gives the refusals they met."""
        refusals = np.zeros(_QUESTIONS, _QUESTION)
        asked = _Questions(refusals.ctypes.data, len(refusals), 0)
        self._call(
            ctypes.byref(self._scene),
            ctypes.c_uint64(part.start),
            ctypes.c_uint64(part.stop),
            address(self._rows[part]),
            ctypes.byref(asked),
        )
        return refusals[: asked.count].copy()


def columns(flows: Flows, apart: Bools) -> tuple[NDArray[np.generic], ...]:
    """What the library is given, in the order of :data:`_COLUMNS`."""
    table, capture = flows.table, flows.table.capture
    service, spoken, left_out = _services(flows)
    return (
        *(capture.time_ns, capture.offset, capture.length),
        *(table.row, table.v6, table.sender, table.source_port),
        *(table.headers, table.header, table.length, table.flags),
        *(flows.order, flows.start, flows.stop, flows.from_client),
        *(service, spoken, left_out | apart | flows.repeats),
    )


def _services(flows: Flows) -> tuple[Ints, Bools, Bools]:
    """For each flow a number for the service told by its port, whether its lines are read, and whether it is left out.

    Left out are datagrams, services that are followed though their lines are not read here, and TLS from the first
    octet, where it matters how long both were silent.
    """
    table, first = flows.table, flows.order[flows.start]
    ports = np.where(flows.from_client, table.destination_port[first], table.source_port[first])
    found, index = np.unique(ports, return_inverse=True)
    names = [name_by_port("tcp", port) for port in found.tolist()]
    services = [service_of(name) for name in names]
    tls = [(port := port_of("tcp", number)) is not None and bool(port.inside) for number in found.tolist()]
    left_out = [
        (one.stream is not None and not one.in_columns) or inside for one, inside in zip(services, tls, strict=True)
    ]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return (
        np.array([numbers[name] for name in names], np.int64)[index],
        np.array([service.in_columns for service in services], np.bool_)[index],
        np.array(left_out, np.bool_)[index] | (table.protocol[first] != TCP),
    )

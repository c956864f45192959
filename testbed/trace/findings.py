"""Findings: sentences of diagnosis with their evidence.

A finder looks at one connection, or at several together, and yields findings.  It sees what any capture shows: packets
and dialogue, never a host's log or the list of faults.  A finder is one function; that of a service stands in its
description, any other in a table below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from testbed.plural import count
from testbed.trace.consequences import with_causes_first
from testbed.trace.gathered import OF_A_CONNECTION, gathered
from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding
from testbed.trace.services.dns.mail_routes import mail_routes
from testbed.trace.services.kept_promises import kept_promises
from testbed.trace.services.mismatch import mismatch
from testbed.trace.services.sealed import sealed_dialogues
from testbed.trace.services.service import CaptureFinder, Finder
from testbed.trace.services.table import SERVICES, service_of
from testbed.trace.tcp.findings import OPENING, failed_handshake, lost_segments, lost_syn, one_side_only, resets
from testbed.trace.tcp.on_the_way import on_the_way
from testbed.trace.tls.findings import old_tls, plain_after_starttls, tls_alerts

_OF_TRANSPORT: tuple[Finder, ...] = (failed_handshake, one_side_only, lost_syn, lost_segments, on_the_way, resets)
_OF_TLS: tuple[Finder, ...] = (tls_alerts, old_tls, plain_after_starttls)
_ACROSS_SERVICES: tuple[CaptureFinder, ...] = (mail_routes, sealed_dialogues, kept_promises)
_OF_THE_CAPTURE = frozenset({"captured-again"})  # what is as true of the whole of it as of a connection
_MOST_FRAMES = 20
_MOST_HELD = 1 << 16  # packets of connections that are held, some 64 MB


class _Together:
    """Connections that are gone through several times: the first are held, the others analysed anew in their turn."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections
        self._held: list[Connection] = []
        packets = 0
        for connection in connections:
            packets += connection.packets
            if packets > _MOST_HELD:
                break
            self._held.append(connection)

    def of(self, places: Iterable[int]) -> Iterator[Connection]:
        """Those at some places."""
        held = len(self._held)
        return ((self._held if place < held else self._connections)[place] for place in places)


class _Some(Struct, frozen=True):
    """Some of them."""

    together: _Together
    places: Sequence[int]

    def __iter__(self) -> Iterator[Connection]:
        return self.together.of(self.places)


def find_in_connection(connection: Connection) -> tuple[Finding, ...]:
    """What there is to say about one connection."""
    if told := tuple(mismatch(connection)):
        return (*told, *on_the_way(connection))
    service = service_of(connection.service)
    finders = (*_OF_TRANSPORT, *service.findings, *_OF_TLS, service.remarks)
    found = with_causes_first(connection, (finding for finder in finders for finding in finder(connection)))
    return gathered(found, OF_A_CONNECTION)


def find_in_capture(connections: Sequence[Connection]) -> tuple[Finding, ...]:
    """What there is to say about all of them together."""
    together, every = _Together(connections), range(len(connections))
    places: dict[str, list[int]] = defaultdict(list)
    for place, connection in enumerate(together.of(every)):
        for name in service_of(connection.service).names[:1]:
            places[name].append(place)
    found: list[Finding] = []
    for service in SERVICES:
        of_service = _Some(together, places[service.names[0]])
        found += (finding for finder in service.across for finding in finder(of_service))
    found += (finding for finder in _ACROSS_SERVICES for finding in finder(_Some(together, every)))
    return tuple(found)


def told_once(findings: Iterable[Finding], together: Iterable[Finding] = ()) -> Iterator[Finding]:
    """The findings, those that connections share because they are about the capture told but once, at the first.

    What is told of connections ``together`` is left out, and handshakes in which the capture ends are counted.
    """
    silent = {frame for finding in together if finding.code == "name-server-silent" for frame in finding.frames}
    found = [one for one in findings if one.code != "answer-not-captured" or not silent.issuperset(one.frames)]
    shared: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        if finding.code in _OF_THE_CAPTURE:
            shared[finding.text].append(finding)
        elif finding.cause == OPENING:
            shared[finding.cause].append(finding)
    for finding in found:
        if finding.cause == OPENING:
            alike = shared[finding.cause]
        else:
            alike = shared[finding.text] if finding.code in _OF_THE_CAPTURE else [finding]
        if alike[0] is finding:
            yield _as_one(alike)


def _as_one(alike: Sequence[Finding]) -> Finding:
    """What is told of some connections, of all of them."""
    first, numbers = alike[0], tuple(number for one in alike for number in one.connections)
    if len(alike) == 1 or first.cause != OPENING:
        return replace(first, connections=numbers)
    frames = tuple(frame for one in alike[:_MOST_FRAMES] for frame in one.frames)
    text = f"{first.text}, and {count(len(alike) - 1, 'more connection')} that nobody has answered so far"
    return replace(first, text=text, frames=frames, connections=numbers, times=len(alike))

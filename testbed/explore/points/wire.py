"""The wire: what becomes of a packet from one host to another, TCP alone.

Losses cost real time, as the kernel's timers run in it: a few deeds a packet, and of data only those packets that end a
command, or begin a reply, around the promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from testbed.explore.candidate import Candidate, Point
from testbed.scenario.faults.wire import COUNTING
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_RANK = 4
_AROUND_PROMISES = ("DATA", "message", "QUIT")
_LOSE: Mapping[str, object] = {"lose": 1}
_DEEDS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "SYN": {
        "lost": _LOSE,
        "twice": {"duplicate": 1},
        "RST": {"reset": "sender"},
        "unreachable": {"unreachable": "host"},
        "late": {"delay": "90s"},
    },
    "SYN-ACK": {"lost": _LOSE, "twice": {"duplicate": 1}, "damaged": {"corrupt": 1}},
    "third ACK": {"lost": _LOSE},
    "data": {
        "lost": _LOSE,
        "twice": {"duplicate": 1},
        "behind the next": {"reorder": 1},
        "damaged": {"corrupt": 1},
        "RST to both": {"reset": "both"},
        "RST to sender": {"reset": "sender"},
        "RST to receiver": {"reset": "receiver"},
        "forgotten": {"forget": "silence"},
    },
    "FIN": {"lost": _LOSE, "behind the next": {"reorder": 1}, "RST": {"reset": "both"}},
}


def wire(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """What can become of the packets of a run's mail connections."""
    counts: Counter[tuple[str, str, str]] = Counter()
    seen: Counter[str] = Counter()
    for connection in analysis.connections:
        if service_of(connection.service).mail is not Mail.PUSHED:
            continue
        said = dict(_said(connection))
        for sender, receiver, kind, frame in _packets(analysis, connection):
            counts[sender, receiver, kind] += 1
            if sender not in scenario.hosts or receiver not in scenario.hosts or (kind == "data" and frame not in said):
                continue
            what = f"{sender} → {receiver} {said.get(frame, kind)}"
            seen[what] += 1
            point = Point("wire", what, seen[what], _RANK - 2 * (frame in said))
            yield from _about(point, sender, receiver, kind, counts[sender, receiver, kind])


def _said(connection: Connection) -> Iterator[tuple[int, str]]:
    """The frames that end a command, or begin a reply, and which."""
    for exchange in connection.exchanges:
        if exchange.command is not None and exchange.command.verb in _AROUND_PROMISES:
            yield from ((frame, exchange.command.verb) for frame in exchange.command.frames[-1:])
            yield from ((frame, f"reply to {exchange.command.verb}") for frame in exchange.reply_frames[:1])


def _packets(analysis: Analysis, connection: Connection) -> Iterator[tuple[str, str, str, int]]:
    """Sender, receiver, kind and frame of each packet that faults can tell apart, in order."""
    client, server = connection.client, connection.server
    for packet in analysis.packets(connection.number):
        ends = (client.label, server.label) if packet.source == str(client) else (server.label, client.label)
        if kind := _kind(packet.flags.split("-"), packet.payload):
            yield (*ends, kind, packet.frame)


def _kind(flags: list[str], payload: int) -> str:
    if "RST" in flags:
        return ""
    if "SYN" in flags:
        return "SYN-ACK" if "ACK" in flags else "SYN"
    if "FIN" in flags:
        return "FIN"
    return "data" if payload else ""


def _about(point: Point, sender: str, receiver: str, kind: str, nth: int) -> Iterator[Candidate]:
    fault: dict[str, object] = {"between": [sender, receiver], "packets": kind, **({"nth": nth} if nth > 1 else {})}
    for deed, words in _DEEDS[kind].items():
        once = {} if set(words) & set(COUNTING) else {"times": 1}
        yield Candidate(point, deed, {**fault, **words, **once})

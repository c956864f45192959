"""Faults of those who read: what a server can say and do instead at each command of a POP3 or IMAP dialogue of a run.

No RFC says how long a client waits for a reply; the lab's own do so for five minutes (``hosts/reading/client.py``), and
a POP3 server waits for ten (RFC 1939 §3).  ``late`` is within all of that, ``too late`` beyond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import get_args

from testbed.explore.candidate import Candidate, Point
from testbed.scenario.faults.reading import ReadingStage, protocol_of
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_STAGES = frozenset(get_args(ReadingStage))
_RANKS = {"POP3 QUIT": 0, "POP3 DELE": 1, "POP3 RETR": 2}
_RANKS |= {f"IMAP {verb}": 0 for verb in ("APPEND", "COPY", "MOVE", "EXPUNGE")}
_RANKS |= {"IMAP STORE": 1, "IMAP CLOSE": 1, "IMAP FETCH": 2}
_FARTHEST = 4

_Deeds = Mapping[str, Mapping[str, object]]

_REFUSALS: Mapping[str, _Deeds] = {
    "POP3": {
        "-ERR": {"reply": "-ERR [SYS/TEMP] Try again later"},
        "garbled": {"raw": "?!  This is no reply.<CRLF>"},
        "cut short": {"raw": "+OK 12", "then": "close"},
    },
    "IMAP": {
        "NO": {"reply": "NO [UNAVAILABLE] Try again later"},
        "BAD": {"reply": "BAD Not understood"},
        "BYE and FIN": {"reply": "BYE Closing", "then": "close"},
    },
}
_ALWAYS: _Deeds = {
    "-ERR always": _REFUSALS["POP3"]["-ERR"],
    "NO always": _REFUSALS["IMAP"]["NO"],
}
_SILENCES: _Deeds = {
    "late": {"delay": "4m"},
    "too late": {"delay": "31m"},
    "stall": {"then": "stall", "after": "command"},
    "stall when done": {"then": "stall", "after": "act"},
}
_ENDS: _Deeds = {
    "FIN before": {"then": "close", "after": "command"},
    "RST before": {"then": "reset", "after": "command"},
    "FIN when done": {"then": "close", "after": "act"},
    "RST when done": {"then": "reset", "after": "act"},
    "killed when done, back in 2 s": {"then": "crash", "after": "act", "restart": "2s"},
}


def reading(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """Everything that fits the commands of a run's readers, a web mail among them."""
    counts: Counter[tuple[str, str]] = Counter()
    for connection in analysis.connections:
        if service_of(connection.service).mail is not Mail.PULLED or connection.server.label not in scenario.hosts:
            continue
        for exchange in connection.exchanges:
            verb = exchange.command.verb if exchange.command is not None else ""
            stage = f"{service_of(connection.service).word} {verb.removeprefix('UID ')}"
            if stage in _STAGES:
                counts[connection.server.label, stage] += 1
                yield from _at(connection.server.label, stage, counts[connection.server.label, stage])


def _at(server: str, stage: str, nth: int) -> Iterator[Candidate]:
    point = Point("reading", f"{server} {stage}", nth, _RANKS.get(stage, _FARTHEST))
    refusals = _REFUSALS[protocol_of(stage)]
    fault: dict[str, object] = {"at": server, "on": stage, **({"nth": nth} if nth > 1 else {})}
    for deed, said in {**refusals, **_SILENCES, **_ENDS}.items():
        yield Candidate(point, deed, {**fault, "times": 1, **said})
    for deed, said in _ALWAYS.items():
        if deed.removesuffix(" always") in refusals:
            yield Candidate(point, deed, {**fault, **said})

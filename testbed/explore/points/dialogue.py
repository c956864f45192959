"""Faults of SMTP dialogues: at each command a server was sent, in a run, what it can say and do instead.

Times: RFC 5321 §4.5.3.2 gives a client's patience; ``late`` is within, ``too late`` beyond all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import get_args

from testbed.explore.candidate import Candidate, Point
from testbed.scenario.faults.dialogue import Stage
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_STAGES = frozenset(get_args(Stage))
_RANKS = {"message": 0, "RCPT": 1, "DATA": 1, "MAIL": 2, "QUIT": 2, "STARTTLS": 2, "AUTH": 3}
_FARTHEST = 4
_FOR_NOW, _FOR_GOOD = "4.3.0 Try again later", "5.3.0 Not here"
_REFUSALS = {"connect": ("421", "554"), "EHLO": ("421", "502"), "LHLO": ("421", "502"), "STARTTLS": ("454", "554")}
_PATIENCE = {"message": "10m", "DATA": "2m", "connect": "5m"}

_Deeds = Mapping[str, Mapping[str, object]]


def dialogue(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """Everything that fits the commands of a run's SMTP and LMTP."""
    counts: Counter[tuple[str, str]] = Counter()
    for connection in analysis.connections:
        for stage in _stages(connection):
            server, client = connection.server.label, connection.client.label
            counts[server, stage] += 1
            nth = counts[server, stage]
            yield from _at_server(server, stage, nth)
            if client in scenario.hosts:
                counts[f"{client} as client", stage] += 1
                yield from _at_client(scenario, client, stage, counts[f"{client} as client", stage])


def _stages(connection: Connection) -> Iterator[str]:
    """What a server was asked, in order."""
    if service_of(connection.service).mail is Mail.PUSHED:
        for exchange in connection.exchanges:
            if exchange.command is not None and exchange.command.verb in _STAGES:
                yield exchange.command.verb


def _at_server(server: str, stage: str, nth: int) -> Iterator[Candidate]:
    point = Point("dialogue", f"{server} {stage}", nth, _RANKS.get(stage, _FARTHEST))
    for deed, said in {**_refusals(stage), **_silences(stage), **_ends(stage)}.items():
        fault: dict[str, object] = {"at": server, "on": stage}
        if nth > 1:
            fault["nth"] = nth
        if deed not in ("4yz always", "5yz always"):
            fault["times"] = 1
        yield Candidate(point, deed, {**fault, **said})


def _refusals(stage: str) -> _Deeds:
    now, good = _REFUSALS.get(stage, ("451", "554"))
    for_now, for_good = f"{now} {_FOR_NOW}", f"{good} {_FOR_GOOD}"
    return {
        "4yz": {"reply": for_now},
        "5yz": {"reply": for_good},
        "4yz always": {"reply": for_now},
        "5yz always": {"reply": for_good},
        "421 and FIN": {"reply": "421 4.3.2 Closing", "then": "close"},
        "4yz in lines": {"reply": [f"{now}-{_FOR_NOW}", f"{now} {_FOR_NOW}"]},
        "garbled": {"then": "garble"},
        "cut short": {"raw": f"{now} 4.3", "then": "close"},
    }


def _silences(stage: str) -> _Deeds:
    patience = _PATIENCE.get(stage, "5m")
    return {
        "late": {"delay": f"{int(patience[:-1]) - 1}m"},
        "too late": {"delay": "31m"},
        "stall": {"then": "stall", "after": "command"},
        "drip": {"then": "drip"},
    }


def _ends(stage: str) -> _Deeds:
    before: _Deeds = {
        "FIN before": {"then": "close", "after": "command"},
        "RST before": {"then": "reset", "after": "command"},
        "FIN after": {"then": "close", "after": "reply"},
        "RST after": {"then": "reset", "after": "reply"},
    }
    if stage != "message":
        return before
    return {
        **before,
        "FIN when stored": {"then": "close", "after": "act"},
        "RST when stored": {"then": "reset", "after": "act"},
        "stall when stored": {"then": "stall", "after": "act"},
        "FIN in mid-message": {"then": "close", "octet": 100},
        "RST in mid-message": {"then": "reset", "octet": 100},
        "deaf in mid-message": {"then": "deaf", "octet": 100},
        "421 in mid-message": {"reply": "421 4.3.2 Closing", "then": "close", "octet": 100},
    }


def _at_client(scenario: Scenario, client: str, stage: str, nth: int) -> Iterator[Candidate]:
    """What a client of the lab's own does once it has heard the reply."""
    if scenario.hosts[client].is_program:
        return
    point = Point("dialogue", f"{client} heard {stage}", nth, _RANKS.get(stage, _FARTHEST))
    fault: dict[str, object] = {"at": client, "on": stage, "times": 1, **({"nth": nth} if nth > 1 else {})}
    if "user agent" not in scenario.hosts[client].nouns:
        fault["as"] = "client"
    for deed in ("close", "reset", "stall"):
        yield Candidate(point, deed, {**fault, "then": deed})

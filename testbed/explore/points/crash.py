"""Crashes: a mail server dies at each moment of its dialogues, and is back two seconds, or a day, later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from testbed.explore.candidate import Candidate, Point
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

_RANKS = {"message": 0, "DATA": 1, "RCPT": 2, "QUIT": 2}
_STAGES = ("connect", "RCPT", "DATA", "message", "QUIT")
_AS_SERVER, _AS_CLIENT = ("been asked", "done", "answered"), ("sent", "been answered")


def crash(scenario: Scenario, analysis: Analysis) -> Iterator[Candidate]:
    """At the moments near a promise, of either end."""
    servers = {name for name, host in scenario.hosts.items() if "mail server" in host.nouns}
    counts: Counter[tuple[str, str]] = Counter()
    for connection in analysis.connections:
        if service_of(connection.service).mail is not Mail.PUSHED or connection.tls is not None:
            continue
        for exchange in connection.exchanges:
            if exchange.command is None or exchange.command.verb not in _STAGES:
                continue
            for host, words in ((connection.server.label, _AS_SERVER), (connection.client.label, _AS_CLIENT)):
                if host in servers:
                    yield from _at(host, exchange.command.verb, words, counts)


def _at(host: str, stage: str, words: tuple[str, ...], counts: Counter[tuple[str, str]]) -> Iterator[Candidate]:
    for word in words:
        if stage == "connect" and word in ("been asked", "sent"):
            continue
        moment = f"it has {word} {stage}"
        counts[host, moment] += 1
        nth = counts[host, moment]
        point = Point("crash", f"{host} has {word} {stage}", nth, _RANKS.get(stage, 4))
        fault = {"host": host, "is": "crashed", "when": moment, "times": 1, **({"nth": nth} if nth > 1 else {})}
        yield Candidate(point, "killed, back in 2 s", {**fault, "for": "2s"})
        if stage == "message":
            yield Candidate(point, "killed, back in 1 day", {**fault, "for": "1d"})

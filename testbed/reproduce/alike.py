"""Whether a played scenario tells the same as the capture it was made from.

Compared are findings, by code and between whom, and what became of mail for each recipient at each server, over all
attempts.  Compared is what the capture has: connections of hosts between which it shows none set the scene only.
What it does not hold is unknown, and never a difference: fates that do not show, and findings about connections of
which it lacks the beginning or octets.  How it was taken is not compared either.

Both are read from packets alone, but for one thing: where a machine in haste made TCP repeat itself and the lab's wire
let all pass, a repetition is no finding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from msgspec import Struct

from testbed.reproduce.parties import Cast
from testbed.trace.analysis import Analysis
from testbed.trace.compare.fingerprint import fingerprint
from testbed.trace.model.connection import Handshake
from testbed.trace.model.exchange import UNSEEN, Recipient

OF_THE_CAPTURE = frozenset(
    ("captured-again", "capture-ends", "one-side-only", "message-not-captured", "answer-not-captured")
)
"""Findings about how a capture was taken, which no lab repeats."""

_UNKNOWN = "?"
Between = tuple[str, ...]
Fate = tuple[str, str, str]  # who sent, to which server, for whom


class Account(Struct, frozen=True):
    """``ways`` are pairs of hosts and services between which there were connections, ``findings`` count by code and
    hosts, ``fates`` are the replies that decided, by sender, server and recipient.  ``holed`` are pairs of hosts of
    whose connections something is not in the capture.
    """

    ways: frozenset[tuple[str, str, str]]
    findings: Counter[tuple[str, Between]]
    fates: dict[Fate, tuple[str, ...]]
    holed: frozenset[frozenset[str]] = frozenset()


class Difference(Struct, frozen=True):
    """Something that was told of the capture otherwise than of the trace."""

    what: str
    capture: str
    played: str


def account(analysis: Analysis, host: Callable[[str], str], address: Callable[[str], str]) -> Account:
    """What a capture tells; ``host`` and ``address`` give the names under which it is compared."""
    ways, holed = set(), set()
    findings: Counter[tuple[str, Between]] = Counter()
    fates: dict[Fate, list[str]] = defaultdict(list)
    for connection in analysis.connections:
        client, server = host(connection.client.label), host(connection.server.label)
        ways.add((client, server, _kind(connection.service)))
        tcp = connection.transport.protocol == "tcp"
        if tcp and (connection.opening.handshake is Handshake.UNSEEN or connection.transport.gaps):
            holed.add(frozenset((client, server)))
        for transaction in connection.transactions:
            for to in transaction.recipients:
                if to.address and to.address != UNSEEN:
                    fates[client, server, address(to.address)].append(_fate(to))
    for clue in fingerprint(analysis).clues:
        if clue.code in OF_THE_CAPTURE:
            continue
        findings[clue.code, tuple(sorted({host(name) for name in clue.between}))] += 1
    return Account(frozenset(ways), findings, {key: tuple(value) for key, value in fates.items()}, frozenset(holed))


def _fate(to: Recipient) -> str:
    """The reply that decided; of those that took the message their code alone, as servers word them as they like."""
    if to.unseen:
        return _UNKNOWN
    if to.decisive is None:
        return "" if to.accepted else "no reply"
    return to.decisive.code if to.accepted else to.decisive.status


def _kind(service: str) -> str:
    return {"submission": "smtp", "submissions": "smtp"}.get(service, service)


def of_capture(analysis: Analysis, cast: Cast) -> Account:
    """What the capture tells, under the scenario's names."""

    def host(label: str) -> str:
        party = cast.labelled(label)
        return party.name if party is not None else label

    return account(analysis, host, cast.names.address)


def of_played(analysis: Analysis) -> Account:
    """What the trace of the scenario tells."""
    return account(analysis, lambda label: label, lambda address: address)


def differences(capture: Account, played: Account) -> list[Difference]:
    """What is not the same; nothing where all is."""
    return [*_findings(capture, played), *_fates(capture, played)]


def _findings(capture: Account, played: Account) -> Iterator[Difference]:
    pairs = {frozenset(way[:2]) for way in capture.ways}
    shown = {name for way in capture.ways for name in way[:2]}
    for key in sorted(capture.findings.keys() | played.findings.keys()):
        code, between = key
        before, now = capture.findings[key], played.findings[key]
        corresponds = frozenset(between) in pairs if len(between) == 2 else not between or bool(set(between) & shown)
        unknown = not before and frozenset(between) in capture.holed
        if before != now and (before or corresponds) and not unknown:
            yield Difference(f"finding {code} ({', '.join(between)})", str(before), str(now))


def _fates(capture: Account, played: Account) -> Iterator[Difference]:
    ways = {way[:2] for way in capture.ways}
    for key in sorted(capture.fates.keys() | played.fates.keys()):
        client, server, address = key
        before, now = capture.fates.get(key, ()), played.fates.get(key, ())
        if _UNKNOWN in before:
            continue
        if before != now and (before or (client, server) in ways):
            what = f"mail for {address} at {server}"
            yield Difference(what, ", ".join(before) or "not offered", ", ".join(now) or "not offered")

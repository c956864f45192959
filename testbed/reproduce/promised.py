"""What domains promise of TLS on the way to them: MTA-STS and DANE, as it changed."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from testbed.durations import SECOND
from testbed.reproduce.answers import Asked
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.parties import Cast, Party, is_mail
from testbed.reproduce.runs import windows
from testbed.reproduce.secured import flaw_of
from testbed.reproduce.spans import written
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.services.promised_tls import PolicySeen, told_of_tls
from testbed.transport_security.certificates import read_chain
from testbed.transport_security.tlsa import read_tlsa, selected_of

_HTTPS = 443
_HUGE = 200_000  # octets
_LONG_NS = 20 * SECOND


def promised(draft: Draft, cast: Cast, analysis: Analysis, questions: Sequence[Asked]) -> set[str]:
    """Add it to receivers and to what relays want; gives the names that are published so."""
    names: set[str] = set()
    for one in questions:
        if one.kind == "TXT" and one.name.startswith("_mta-sts."):
            names |= {one.name, f"mta-sts.{one.name.removeprefix('_mta-sts.')}"}
        elif one.kind == "TLSA":
            names.add(one.name)
    if not names:
        return names
    if any(one.answer is not None and one.answer.authenticated for one in questions):
        draft.host("ns.lab")["dnssec"] = True
    _wishes(draft, cast, questions)
    _policies(draft, cast, analysis, questions)
    _records(draft, cast, analysis, questions)
    return names


def _wishes(draft: Draft, cast: Cast, questions: Sequence[Asked]) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    for one in questions:
        party = cast.named(one.client)
        if party is None or party.role != "relay":
            continue
        if one.kind == "TLSA":
            asked[party.name].add("dane")
        elif one.kind == "TXT" and one.name.startswith("_mta-sts."):
            asked[party.name].add("mta-sts")
    for name, ways in asked.items():
        draft.host(name)["tls"] = "published" if len(ways) > 1 else next(iter(ways))


def _policies(draft: Draft, cast: Cast, analysis: Analysis, questions: Sequence[Asked]) -> None:
    connections = list(analysis.connections)
    seen: dict[str, list[PolicySeen]] = defaultdict(list)
    for told in told_of_tls(connections).values():
        for domain, policies in told.policies.items():
            seen[domain.lower()] += policies
    domains = {one.name.removeprefix("_mta-sts.") for one in questions if one.name.startswith("_mta-sts.")}
    for domain in domains:
        neutral = cast.names.domain(domain)
        served = [party for party in cast.serving(neutral) if party.role == "receiver"]
        announced = [one for one in questions if one.name == f"_mta-sts.{domain}" and one.records]
        if not served or not (seen[domain] or announced):
            continue
        phases = list(_phases(draft, cast, seen[domain], announced, analysis.start_ns))
        host = draft.host(served[0].name)
        host["mta_sts"] = phases[0] if len(phases) == 1 else phases
        host["starttls"] = True
        _fetches(draft, [c for c in connections if c.server.port == _HTTPS], neutral, analysis.start_ns)


def _phases(
    draft: Draft, cast: Cast, seen: Sequence[PolicySeen], announced: Sequence[Asked], start_ns: int
) -> Iterator[Data]:
    """Policies as they were fetched, or as their ids announce them."""
    ids = [(one.at_ns, _id(one), one.frames) for one in announced]
    fetched = [(one.time_ns - start_ns, one.policy, one.frames) for one in sorted(seen, key=lambda one: one.time_ns)]
    last = ""
    for window in windows(fetched) if fetched else ():
        policy, begin = window.value, window.from_ns or 0
        told: Data = {"mode": policy.mode, "max_age": written(policy.max_age * SECOND)}
        if mx := [cast.names.text(pattern) for pattern in policy.mx]:
            told["mx"] = mx
        known = [word for at, word, _ in ids if at <= next(at for at, one, _ in fetched if one == policy)]
        if known and known[-1] == last:
            told["id"] = last
        last = known[-1] if known else ""
        yield {"from": written(begin), **told} if begin else told
    if not fetched and ids:
        draft.assumed.append("what a policy of MTA-STS said that was not fetched")
        yield {"mode": "enforce"}


def _id(one: Asked) -> str:
    found = re.search(r"id=([A-Za-z0-9]{1,32})", " ".join(record.text for record in one.records))
    return found[1] if found else ""


def _fetches(draft: Draft, fetches: Sequence[Connection], domain: str, start_ns: int) -> None:
    events = [(c.start_ns - start_ns, _fetch(c), (c.first_frame,)) for c in fetches]
    for window in windows(events) if events else ():
        if window.value:
            data: Data = {"policy": domain, "is": window.value}
            if window.until_ns is not None:
                data["times"] = len(window.frames)
            draft.faults.append(Part(data, window.frames, window.from_ns or 0))


def _fetch(connection: Connection) -> str:
    """What went wrong with a policy's fetch."""
    reply = next((e.reply for e in connection.exchanges if e.reply is not None), None)
    flaw = flaw_of(connection)
    if flaw in ("expired", "wrong-name", "self-signed"):
        return flaw
    if connection.transport.server_octets > _HUGE:
        return "huge"
    if reply is None:
        if connection.ending.closure is Closure.RESET and connection.ending.by == "server":
            return "reset"
        return "stalled" if connection.end_ns - connection.start_ns > _LONG_NS else ""
    if reply.code == "404":
        return "not-found"
    if reply.code.startswith("3"):
        return "redirected"
    if connection.end_ns - connection.start_ns > _LONG_NS:
        return "endless"
    told = told_of_tls([connection])
    if any(one.policies for one in told.values()):
        return ""
    kind = " ".join(reply.lines)
    return "malformed" if "text/plain" in kind else "no-text"


def _records(draft: Draft, cast: Cast, analysis: Analysis, questions: Sequence[Asked]) -> None:
    asked: dict[str, list[Asked]] = defaultdict(list)
    for one in questions:
        if one.kind == "TLSA":
            asked[one.name].append(one)
    for name, several in asked.items():
        party = cast.named(name.partition("._tcp.")[2])
        if party is None or party.role != "receiver":
            continue
        keys = _keys(analysis, cast, party)
        phases = []
        for window in windows([(one.at_ns, _tlsa(one), one.frames) for one in several]):
            texts = [text for text in window.value.split("\n") if text]
            if not texts:
                continue
            phase = _phase(texts, [octets for octets, _ in keys])
            phases.append({"from": written(window.from_ns), **phase} if window.from_ns else phase)
        if not phases:
            continue
        host = draft.host(party.name)
        host["dane"] = phases[0] if len(phases) == 1 else phases
        host["starttls"] = True
        later = [at for _, at in keys[1:]]
        most = max((key for phase in phases for key in _numbers(phase)), default=1)
        while len(later) < most - 1:
            later.append((later[-1] if later else analysis.end_ns - analysis.start_ns) + 3_600 * SECOND)
        if later:
            host["new_key"] = written(later[0]) if len(later) == 1 else [written(at) for at in later]


def _numbers(phase: Data) -> list[int]:
    keys = phase.get("keys", [1])
    return list(keys) if isinstance(keys, list) else [1]


def _tlsa(one: Asked) -> str:
    return "\n".join(sorted(record.text for record in one.records if record.kind == "TLSA"))


def _phase(texts: Sequence[str], keys: Sequence[bytes]) -> Data:
    """A set of TLSA records; ``keys`` are the certificates that the server showed, in order."""
    records = read_tlsa(texts)
    first = records[0] if records else None
    told: Data = {"usage": first.usage if first is not None else 3}
    if first is not None and first.selector != 1:
        told["selector"] = first.selector
    if first is not None and first.matching != 1:
        told["matching"] = first.matching
    if first is None or first.usage in (0, 2):
        return told
    fitting = [
        number
        for number, octets in enumerate(keys, 1)
        if any(_fits(octets, record.selector, record.matching, record.data) for record in records)
    ]
    if fitting != [1]:
        told["keys"] = fitting or [len(keys) + 1]
    return told


def _fits(certificate: bytes, selector: int, matching: int, data: bytes) -> bool:
    [read] = read_chain([certificate])
    octets = selected_of(read, selector)
    hashed = {0: octets, 1: hashlib.sha256(octets).digest(), 2: hashlib.sha512(octets).digest()}
    return hashed.get(matching) == data


def _keys(analysis: Analysis, cast: Cast, party: Party) -> list[tuple[bytes, int]]:
    """The certificates that a server showed, by their keys, and since when, half way from the last other one."""
    shown: list[tuple[int, str, tuple[int, ...]]] = []
    octets: dict[str, bytes] = {}
    for connection in analysis.connections:
        if is_mail(connection) and cast.server(connection) is party and connection.tls and connection.tls.certificate:
            [read] = read_chain([connection.tls.certificate])
            key = selected_of(read, 1).hex()
            octets.setdefault(key, connection.tls.certificate)
            shown.append((connection.start_ns - analysis.start_ns, key, ()))
    found: dict[str, int] = {}
    for window in windows(shown) if shown else ():
        found.setdefault(window.value, window.from_ns or 0)
    return [(octets[key], at) for key, at in found.items()]

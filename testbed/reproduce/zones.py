"""What the name server says otherwise than the lab's does by itself: records it publishes, answers that fail."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence

from testbed.reproduce.answers import Asked
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.parties import Cast
from testbed.reproduce.runs import Window, windows
from testbed.scenario.defaults import with_defaults

_FAILURES = frozenset({"NXDOMAIN", "SERVFAIL", "REFUSED"})
_OURS = frozenset({"A", "AAAA", "MX"})
_PUBLISHED = frozenset({"TXT", "TLSA", "SRV", "CNAME", "PTR", "MX", "A", "AAAA"})
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_SIGNATURES = frozenset({"RRSIG", "NSEC", "NSEC3"})
_Event = tuple[int, str, tuple[int, ...]]


def zones(draft: Draft, cast: Cast, questions: Sequence[Asked], published: Container[str], *, ipv6: bool) -> None:
    """Add the records of the name server, and the faults of its answers; ``published`` names have their records."""
    there = with_defaults(dict(draft.hosts))
    known = {*there, *(party.name for party in cast.parties.values())}
    domains = {party.domain for party in cast.parties.values() if party.domain}
    domains |= {str(host["domain"]) for host in there.values() if isinstance(host, dict) and "domain" in host}
    by_question: dict[tuple[str, str], list[Asked]] = defaultdict(list)
    for one in questions:
        by_question[one.name, one.kind].append(one)
    records: dict[str, list[str]] = {}
    for (name, kind), asked in by_question.items():
        neutral = _name(cast, name)
        events = [(one.at_ns, _said(cast, one), one.frames) for one in _over_udp(asked)]
        usual = _usual(cast, known, domains, neutral, kind, ipv6=ipv6)
        found = list(windows(events))
        lasting = [window for window in found if _is_records(window.value)]
        constant = name not in published and lasting and all(window.value == lasting[0].value for window in lasting)
        if constant and lasting[0].value != usual and kind in _PUBLISHED:
            records.setdefault(neutral, []).extend(_lines(lasting[0].value, neutral))
            usual = lasting[0].value
        for window in found:
            if name in published and _is_records(window.value):
                continue
            unsaid = (
                window.value in ("nothing", "NXDOMAIN")
                and name not in published
                and (kind not in _OURS or usual == "NXDOMAIN")
            )
            if window.value != usual and window.value and not unsaid:
                draft.faults.extend(_fault(neutral, kind, window, usual))
    if records:
        lines = [line for several in records.values() for line in dict.fromkeys(several)]
        draft.host("ns.lab")["records"] = list(dict.fromkeys(lines))


def _over_udp(asked: Iterable[Asked]) -> list[Asked]:
    """Questions over UDP, one for those that were asked again over TCP because the answer was cut off."""
    return [one for one in asked if not one.over_tcp] or list(asked)


def _name(cast: Cast, name: str) -> str:
    party = cast.named(name)
    if party is not None:
        return party.name
    return cast.names.text(name)


def _said(cast: Cast, one: Asked) -> str:
    """What was answered, in a line: records as in a zone file below each other, or a word."""
    if one.answer is not None and one.answer.truncated:
        return "truncated"
    if one.answer is not None and not one.answer.whole:
        return "garbled"
    if one.said == "":
        return "silent"
    if one.said != "NOERROR":
        return one.said
    if not one.records:
        return "nothing"
    if one.answer is not None and one.kind == "MX" and [t for _, t in one.answer.exchangers()] == [""]:
        return "null-mx"
    if one.answer is not None and one.answer.aliases_loop(one.name):
        return "loop"
    shown = [record for record in one.records if record.kind not in _SIGNATURES]
    aliases = [_record(cast, str(record)) for record in shown if record.kind == "CNAME"]
    if aliases:
        return aliases[0]  # what the other name holds is said there
    return "\n".join(sorted(_record(cast, str(record)) for record in shown))


def _record(cast: Cast, text: str) -> str:
    """A record with the scenario's names: hosts for their addresses."""
    kind, _, data = text.partition(" ")
    if kind in ("A", "AAAA"):
        return f"{kind} {_host_at(cast, data)}"
    if kind in ("MX", "CNAME", "PTR", "SRV"):
        words = data.split(" ")
        words[-1] = _name(cast, words[-1].lower().rstrip(".")) + "."
        return f"{kind} {' '.join(words)}"
    data = _IPV4.sub(lambda found: _fact(cast, found[0]), data)
    return f"{kind} {cast.names.text(data)}"


def _fact(cast: Cast, address: str) -> str:
    """An address of a host, as a record's text has it."""
    name = cast.names.at(address)
    return f"{{address:{name}}}" if name else address


def _host_at(cast: Cast, address: str) -> str:
    return cast.names.at(address) or address


def _usual(cast: Cast, known: Container[str], domains: Container[str], name: str, kind: str, *, ipv6: bool) -> str:
    """What the lab says by itself; ``NXDOMAIN`` where it knows no such name."""
    if kind == "MX" and name in domains:
        served = [(p.preference if p.preference is not None else 10, p.name) for p in cast.serving(name)]
        return "\n".join(sorted(f"MX {preference} {host}." for preference, host in served))
    if kind == "A" and name in known:
        return f"A {name}"
    if kind == "AAAA" and name in known:
        return f"AAAA {name}" if ipv6 else "nothing"
    return "nothing" if name in known or name in domains else "NXDOMAIN"


def _is_records(value: str) -> bool:
    return " " in value


def _lines(value: str, name: str) -> Iterator[str]:
    for line in value.split("\n"):
        yield f"{name} {line}"


def _fault(name: str, kind: str, window: Window[str], usual: str) -> Iterator[Part]:
    data: Data = {"zone": name}
    if _is_records(window.value):
        data["records"] = window.value.split("\n")
    elif window.value == "null-mx":
        data["answer"] = "null-mx"
    else:
        data["kind"] = kind
        data["answer"] = window.value
    yield Part({**data, **window.when}, window.frames, window.from_ns or 0)

"""Records as a scenario writes them: lines of zone files, in which hosts of the lab stand for their addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from testbed.scenario.names import Names
from testbed.scenario.problems import Found, Path, did_you_mean

if TYPE_CHECKING:
    from testbed.protocols.zone_file import ZoneFileRecord

MAX_RECORDS = 10_000
ROOT = "."
"""The origin of lines that stand in no zone."""

_ZONES = 32  # that are at hand
_FACT = re.compile(r"\{(address|ipv4|ipv6):([\w.-]+)\}")
_SAMPLES = {"address": "192.0.2.1", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1"}
_FAMILIES = {"A": "ipv4", "AAAA": "ipv6"}
_TARGETS = {"MX": 1, "CNAME": 0, "NS": 0, "PTR": 0, "SRV": 3}  # which word of the data is a name


def _as_zones(value: object) -> object:
    zones = value if isinstance(value, dict) else {ROOT: value}
    return {origin: _as_text(lines) for origin, lines in zones.items()}


def _as_text(lines: object) -> str:
    if isinstance(lines, str):
        return lines
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise ValueError('records are lines of a zone file, such as: crepes.fr TXT "v=spf1 mx -all"')
    if any("\n" in line.strip() for line in lines):
        raise ValueError("a record over several lines goes into a text: write | behind the key, and the lines below it")
    return "\n".join(line.strip("\n") for line in lines)


ZoneTexts = Annotated[
    dict[str, str],
    BeforeValidator(_as_zones, json_schema_input_type=str | list[str] | dict[str, str | list[str]]),
]
"""Zone files by their origins."""


def records_of(zones: Mapping[str, str], addresses: Mapping[str, Sequence[str]]) -> Iterator[ZoneFileRecord]:
    """The records of zone files without mistakes; ``addresses`` are those of each host by name, preferred first."""

    def fact(match: re.Match[str]) -> str:
        own = addresses[match[2].lower()]
        return next(one for one in own if match[1] == "address" or (match[1] == "ipv6") == (":" in one))

    for origin, text in zones.items():
        yield from _records(_FACT.sub(fact, text), origin)


def held_lines(zone: str, records: Sequence[str]) -> dict[str, str]:
    """A zone file for the records that a name is said to hold, each as type and data; names in them are whole."""
    return {ROOT: "\n".join(f"{zone.rstrip('.')}. {record}" for record in records)}


def names_in(zones: Mapping[str, str]) -> Iterator[str]:
    """The names that have records, and those that these lead to."""
    for origin, text in zones.items():
        for record in _read(text, origin)[0]:
            yield record.name.rstrip(".")
            if (place := _TARGETS.get(record.kind)) is not None:
                yield record.data.split()[place].rstrip(".")


def kinds_in(zones: Mapping[str, str]) -> frozenset[str]:
    """The types of records."""
    return frozenset(record.kind for origin, text in zones.items() for record in _read(text, origin)[0])


def mistakes_in(zones: Mapping[str, str], names: Names) -> Found:
    """Lines that are no records, records that exclude each other, and hosts that are not there."""
    count = 0
    for origin, text in zones.items():
        place: Path = () if origin == ROOT else (origin,)
        records, problem = _read(text, origin)
        count += len(records)
        for line, words in [*_missing(text, records, names), *_beside_alias(records), *problem]:
            yield (*place, line), words
    if count > MAX_RECORDS:
        yield (), f"{count:,} records are too many; a lab's name server has {MAX_RECORDS:,} at most"


@lru_cache(maxsize=_ZONES)
def _records(text: str, origin: str) -> tuple[ZoneFileRecord, ...]:
    """Those of a zone file without mistakes, for labs in a row."""
    from testbed.protocols.zone_file import read_zone_file

    return tuple(read_zone_file(text, origin))


@lru_cache(maxsize=_ZONES)
def _read(text: str, origin: str) -> tuple[tuple[ZoneFileRecord, ...], tuple[tuple[int, str], ...]]:
    """The records of a zone, and the line where reading ends too early, with what is wrong there."""
    from testbed.protocols.zone_file import ZoneFileError, read_zone_file

    records: list[ZoneFileRecord] = []
    try:
        for record in read_zone_file(_FACT.sub(lambda match: _SAMPLES[match[1]], text), origin):
            records.append(record)
    except ZoneFileError as error:
        return tuple(records), ((error.line, str(error)),)
    return tuple(records), ()


def _missing(text: str, records: Sequence[ZoneFileRecord], names: Names) -> Iterator[tuple[int, str]]:
    """Hosts that records or placeholders name, and that are not there or have no such address."""
    named = [(record.line, _FAMILIES[record.kind], record.host, record.kind) for record in records if record.host]
    for number, line in enumerate(text.split("\n")):
        named += [(number, match[1], match[2].lower(), match[0]) for match in _FACT.finditer(line)]
    for number, family, host, what in named:
        if host not in names.hosts:
            near = did_you_mean(host, names.hosts)
            yield number, f"{what} needs an address or a host of the lab, not '{host[:60]}'{near}"
        elif family not in ("address", names.ip) and names.ip != "both":
            yield number, f"{host} has no such address in this lab; say 'ip: both'"


def _beside_alias(records: Sequence[ZoneFileRecord]) -> Iterator[tuple[int, str]]:
    kinds: dict[str, set[str]] = {}
    for record in records:
        kinds.setdefault(record.name.lower(), set()).add(record.kind)
    for record in records:
        if record.kind == "CNAME" and len(kinds[record.name.lower()]) > 1:
            yield record.line, f"{record.name} has a CNAME and other records, which no name may have (RFC 1034 §3.6.2)"

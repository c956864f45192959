"""What the name server says about a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from pydantic import Field, field_validator, model_validator

from testbed.scenario.faults.times import Times
from testbed.scenario.faults.when import When
from testbed.scenario.names import Names
from testbed.scenario.naming import DomainName
from testbed.scenario.problems import Found, did_you_mean

RecordKind = Literal["MX", "A", "AAAA", "CNAME"]
HOLDS = ("nothing", "null-mx", "loop")
"""Answers that say what the name holds; all others are troubles of the name server."""

_RECORD = re.compile(r"(?:MX (?P<preference>\d{1,5})|A|AAAA|CNAME) (?P<name>\.|[\w-]+(?:\.[\w-]+)*\.?|[0-9A-Fa-f:.]+)")
_FAMILIES = {"A": 4, "AAAA": 6}


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """A record as a scenario writes it: ``MX 10 mx1.someschool.edu``.  ``name`` may be an address, or ``.``."""

    kind: str
    preference: int
    name: str

    @property
    def is_address(self) -> bool:
        """Whether an address is written where a name could be."""
        return _version(self.name) is not None


class ZoneFault(When):
    """What the name server says about a name, or fails to say.

    ``records`` are what the name holds instead of its own records of these types; a CNAME stands instead of all others.
    ``answer`` says what is wrong otherwise: ``nothing`` (the name exists, but has no such record), ``null-mx``
    (MX 0 .), ``loop`` (a CNAME that leads to itself), ``truncated`` (over UDP only; whole over TCP), ``garbled`` (the
    message breaks off in its records), ``wrong-id`` (as if forged), ``silent``, or a response code.

    What a name holds is about this name alone; troubles (the response codes, ``silent``, ``truncated``, ``garbled``,
    ``wrong-id``) are about all names below it too.  Each question counts, also one that is asked again.  ``connection``
    does not go with ``zone``: questions are datagrams.
    """

    zone: DomainName = Field(description="The name that is asked for.")
    kind: Literal["MX", "A", "AAAA"] | None = Field(default=None, description="Only questions for this type of record.")
    answer: (
        Literal[
            "NXDOMAIN",
            "SERVFAIL",
            "REFUSED",
            "silent",
            "truncated",
            "garbled",
            "wrong-id",
            "nothing",
            "null-mx",
            "loop",
        ]
        | None
    ) = Field(default=None, description="What is wrong with the answer.")
    records: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="What it holds instead, each as type and data. After A or AAAA, a host's name is its address.",
        examples=[["MX 10 mx1.someschool.edu", "MX 20 mx2.someschool.edu"]],
    )
    times: Times | None = Field(default=None, description="How often, or 'up to 5'; without it, always.")

    @field_validator("records")
    @classmethod
    def _are_records(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in value or ():
            _check_record(text)
        if value and len(value) > 1 and any(text.startswith("CNAME ") for text in value):
            raise ValueError("a name with a CNAME has no other record (RFC 1034 §3.6.2)")
        return value

    @model_validator(mode="after")
    def _one_thing(self) -> ZoneFault:
        if (self.answer is None) == (self.records is None):
            raise ValueError("a zone fault does one thing: 'answer' or 'records'")
        if self.records is not None and self.kind is not None:
            raise ValueError("'records' says itself of which types; leave 'kind' out")
        if self.answer == "null-mx" and self.kind not in (None, "MX"):
            raise ValueError("'null-mx' is an answer to questions for MX only")
        if self.connection is not None:
            raise ValueError("'connection' does not go with 'zone': questions are datagrams")
        return self

    @property
    def how_often(self) -> int | str | None:
        """How often it happens, None for always."""
        return self.times

    @property
    def holds(self) -> bool:
        """Whether it says what the name holds, rather than what troubles its name server."""
        return self.records is not None or self.answer in HOLDS

    @property
    def held(self) -> tuple[ZoneRecord, ...]:
        """The records it names."""
        return tuple(_parse(text) for text in self.records or ())

    @property
    def kinds(self) -> frozenset[str] | None:
        """The types of record it is about, None for all."""
        kinds = {record.kind for record in self.held}
        if "CNAME" in kinds or (self.records is None and self.kind is None and self.answer != "null-mx"):
            return None
        return frozenset(kinds or {self.kind or "MX"})

    @property
    def domains(self) -> tuple[str, ...]:
        """The names its records lead to."""
        return tuple(record.name for record in self.held)

    def problems(self, names: Names) -> Found:
        """A name that nobody asks for, a record that stands for no address, a name server that is a program."""
        zone = self.zone.lower().rstrip(".")
        above = not self.holds and any(name.endswith(f".{zone}") for name in names.asked_for)
        if zone not in names.asked_for and not above:
            yield ("zone",), f"nobody asks for '{zone[:60]}'{did_you_mean(zone, names.asked_for)}"
        for number, record in enumerate(self.held):
            if record.kind not in ("A", "AAAA") or record.is_address:
                continue
            if record.name not in names.hosts:
                near = did_you_mean(record.name, names.hosts)
                problem = f"{record.kind} needs an address or a host of the lab, not '{record.name[:60]}'{near}"
                yield ("records", number), problem
            elif names.ip not in ({"A": "ipv4", "AAAA": "ipv6"}[record.kind], "both"):
                yield ("records", number), f"{record.name} has no such address in this lab; say 'ip: both'"
        if any(host.is_program and "name server" in host.nouns for host in names.hosts.values()):
            yield (), "the name server is a program, and answers what it answers; have it answer so"

    def describe(self) -> str:
        """One line in words."""
        which = "" if self.kind is None else f" for {self.kind}"
        whose = self.zone if self.holds else f"{self.zone} and all below it"
        said = f"it holds {', '.join(self.records)}" if self.records else str(self.answer)
        return f"questions{which} about {whose} are answered: {said}{self.occasion()}"


def _check_record(text: str) -> None:
    """Raises ValueError for what is no record."""
    found = _RECORD.fullmatch(text)
    if found is None or len(text) > 300 or int(found["preference"] or 0) > 65_535:
        shown = text[:60]
        raise ValueError(f"'{shown}' is not a record; write e.g. MX 10 mx1.someschool.edu, or A someschool.edu")
    record = _parse(text)
    family = _FAMILIES.get(record.kind)
    if family is not None and _version(record.name) not in (family, None):
        raise ValueError(f"'{text[:60]}': this is no IPv{family} address")


def _parse(text: str) -> ZoneRecord:
    kind, *preference, name = text.split(" ")
    return ZoneRecord(kind, int(preference[0]) if preference else 0, name.rstrip(".").lower() or ".")


def _version(text: str) -> int | None:
    try:
        return ip_address(text).version
    except ValueError:
        return None

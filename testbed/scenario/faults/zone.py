"""What the name server says about a name."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from testbed.scenario.faults.times import HOW_OFTEN, Times
from testbed.scenario.faults.when import When
from testbed.scenario.glossary import Glossary
from testbed.scenario.names import Names
from testbed.scenario.naming import DomainName
from testbed.scenario.problems import Found, did_you_mean
from testbed.scenario.zone_records import held_lines, kinds_in, mistakes_in, names_in

RecordKind = Literal["MX", "A", "AAAA", "TXT", "TLSA", "PTR", "SRV", "CNAME", "NS", "SOA"]
Held = Literal["nothing", "null-mx", "loop"]
ResponseCode = Literal["NXDOMAIN", "SERVFAIL", "REFUSED"]
Spoilt = Literal["silent", "truncated", "garbled", "wrong-id"]
Edns = Literal["edns-dropped", "edns-formerr", "edns-badvers", "edns-ignored", "edns-small", "large-dropped"]
Dnssec = Literal["bogus", "expired", "missing-ds"]
Listed = Literal["everything-listed", "over-quota"]

Said = Literal[ResponseCode, Spoilt, Held, Edns, Dnssec, Listed]

HOLDS = get_args(Held)
"""Answers that say what the name holds; all others are about names below it too."""
LISTS = get_args(Listed)
"""Answers of a block list."""
FLAWS = get_args(Dnssec)
"""Answers that are right, but not signed as they should be."""
_ANSWERS = Glossary(
    {
        "NXDOMAIN": "there is no such name",
        "SERVFAIL": "the name server has failed",
        "REFUSED": "the name server does not want to answer",
        "silent": "no answer",
        "truncated": "truncated over UDP, whole over TCP",
        "garbled": "the message breaks off in its records",
        "wrong-id": "an answer with another question's number, as if forged",
        "nothing": "the name exists, but has no such record",
        "null-mx": "MX 0 .: the domain takes no mail (RFC 7505)",
        "loop": "a CNAME that leads to itself",
        "edns-dropped": "questions with EDNS get no answer, those without are answered well",
        "edns-formerr": "questions with EDNS get FORMERR, those without are answered well",
        "edns-badvers": "questions with EDNS get BADVERS, those without are answered well",
        "edns-ignored": "questions with EDNS get an answer that has none",
        "edns-small": "whatever size a client takes, datagrams have 512 octets at most; what is longer is truncated",
        "large-dropped": "datagrams of more than 512 octets never arrive",
        "bogus": "of a signed zone: no signature fits",
        "expired": "of a signed zone: the time of every signature is over",
        "missing-ds": "of a signed zone: the zone above has no DS record for it, so nobody can tell whether it is "
        "signed well",
        "everything-listed": "of a block list: whatever is asked for is listed",
        "over-quota": "of a block list: 127.255.255.254 for every question",
    }
)
_MAX_RECORD = 5_000
_REVERSED = (".in-addr.arpa", ".ip6.arpa")


class ZoneFault(When):
    """What the name server says about a name, or fails to say.

    ``records`` are what the name holds instead of its own records of these types; a CNAME stands instead of all others.
    ``answer`` says what is wrong otherwise, also with EDNS (RFC 6891), with a signed zone (``dnssec: true``; one begins
    at each mail domain, and at those in ``records`` and ``blocklists``), or with a block list (RFC 5782).

    What a name holds is about this name alone; all else is about all names below it too.  With questions for PTR, the
    name of a host stands for those of its addresses.  Each question counts, also one that is asked again.
    ``connection`` does not go with ``zone``: questions are datagrams.
    """

    zone: DomainName = Field(description="The name that is asked for.")
    kind: RecordKind | None = Field(default=None, description="Only questions for this type of record.")
    answer: Annotated[Said, _ANSWERS] | None = Field(default=None, description="What is wrong with the answer.")
    records: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="What it holds instead, each as type and data. After A or AAAA, a host's name is its address; "
        "in others {address:HOST} is.",
        examples=[["MX 10 mx1.someschool.edu", "MX 20 mx2.someschool.edu"]],
    )
    times: Times | None = Field(default=None, description=HOW_OFTEN)

    @field_validator("records")
    @classmethod
    def _are_records(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in value or ():
            if len(text) > _MAX_RECORD or "\n" in text:
                raise ValueError(f"'{text[:60]}' is not a record; write its type and data in a line")
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
    def says(self) -> bool:
        """Whether it has records of its own for the answer."""
        return self.holds or self.answer in LISTS

    @property
    def lines(self) -> dict[str, str]:
        """The records it names, as a zone file."""
        return held_lines(self.zone, self.records or ())

    @property
    def kinds(self) -> frozenset[str] | None:
        """The types of record it is about, None for all."""
        kinds = kinds_in(self.lines)
        if "CNAME" in kinds or (self.records is None and self.kind is None and self.answer != "null-mx"):
            return None
        return kinds or frozenset({self.kind or "MX"})

    @property
    def domains(self) -> tuple[str, ...]:
        """The names its records lead to."""
        return tuple(name for name in names_in(self.lines) if name != self.zone.rstrip(".")) if self.records else ()

    def problems(self, names: Names) -> Found:
        """A name that nobody asks for, a record that stands for no address, a name server that is a program."""
        zone = self.zone.lower().rstrip(".")
        below = not self.holds and any(name.endswith(f".{zone}") for name in names.asked_for)
        if not below and _asked_about(zone) not in names.asked_for and not zone.endswith(_REVERSED):
            yield ("zone",), f"nobody asks for '{zone[:60]}'{did_you_mean(zone, names.asked_for)}"
        for path, problem in mistakes_in(self.lines, names) if self.records else ():
            yield ("records", *path), problem
        server = next((host for host in names.hosts.values() if "name server" in host.nouns), None)
        if self.answer in FLAWS and server is not None and not server.dnssec:
            yield ("answer",), f"'{self.answer}' is about signed zones; say 'dnssec: true' of the name server"
        if self.answer == "missing-ds" and zone not in names.zones:
            begin = ", ".join(sorted(names.zones)[:5])
            yield ("zone",), f"no zone begins at '{zone[:60]}', so no DS record can be missing; zones begin at {begin}"
        if any(host.is_program and "name server" in host.nouns for host in names.hosts.values()):
            yield (), "the name server is a program, and answers what it answers; have it answer so"

    def describe(self) -> str:
        """One line in words."""
        which = "" if self.kind is None else f" for {self.kind}"
        whose = self.zone if self.holds else f"{self.zone} and all below it"
        said = f"it holds {', '.join(self.records)}" if self.records else str(self.answer)
        return f"questions{which} about {whose} are answered: {said}{self.occasion()}"


def _asked_about(zone: str) -> str:
    """The domain that a name with labels such as ``_dmarc`` or ``_25._tcp`` is about (RFC 8552)."""
    labels = zone.split(".")
    special = [place for place, label in enumerate(labels) if label.startswith("_")]
    return ".".join(labels[max(special) + 1 :] if special else labels)

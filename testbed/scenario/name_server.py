"""The lab's name server, and what it publishes besides the hosts and their domains."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from testbed.scenario.blocklists import BlockList, wrong_entries
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.names import HostTraits, Names
from testbed.scenario.problems import Found
from testbed.scenario.zone_records import ZoneTexts, mistakes_in, names_in


class NameServerSpec(HostSpec):
    """The lab's name server: publishes every host's address and name, every mail domain's MX, and ``records``."""

    nouns: ClassVar[tuple[str, ...]] = ("name server",)
    role: Literal["name-server"] = "name-server"
    records: ZoneTexts = Field(
        default_factory=dict,
        description="Zone files (RFC 1035 §5.1): lines with full names, or a mapping from a domain to lines with names "
        "below it. They stand instead of the lab's own records of the same name and type. {address:HOST} is a host's "
        "address, and so is its name behind A and AAAA.",
        examples=[{"crepes.fr": '@ TXT "v=spf1 mx -all"\n_dmarc TXT "v=DMARC1; p=reject"\n'}],
    )

    blocklists: dict[str, BlockList] = Field(
        default_factory=dict,
        description="Block lists (RFC 5782) by their domains, and whom they list: hosts, addresses, or all.",
        examples=[
            {"bl.example": ["mallory.example", "192.0.2.7"]},
            {"bl.example": {"mallory.example": "127.0.0.4 Spam"}},
        ],
    )
    dnssec: bool = Field(
        default=False,
        strict=True,
        description="Whether it signs its zones, and tells who asks that answers are authentic (AD), or do not bear "
        "examination (SERVFAIL), as a validating resolver does.",
    )

    @property
    def traits(self) -> HostTraits:
        """Whether it signs, too, and the zones it publishes besides those of mail domains."""
        return replace(super().traits, dnssec=self.dnssec, zones=(*self.records, *self.blocklists))

    @property
    def domains(self) -> tuple[str, ...]:
        """The names in its records, and its block lists."""
        return (*names_in(self.records), *self.blocklists)

    def problems(self, names: Names) -> Found:
        """What is wrong with its records."""
        yield from super().problems(names)
        for path, problem in mistakes_in(self.records, names):
            yield ("records", *path), problem
        for zone, listed in self.blocklists.items():
            for path, problem in wrong_entries(zone, listed, names):
                yield ("blocklists", zone, *path), problem

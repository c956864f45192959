"""The lab's name server, and what it publishes besides the hosts and their domains."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from testbed.scenario.host_spec import HostSpec
from testbed.scenario.names import Names
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

    @property
    def domains(self) -> tuple[str, ...]:
        """The names in its records."""
        return tuple(names_in(self.records))

    def problems(self, names: Names) -> Found:
        """What is wrong with its records."""
        yield from super().problems(names)
        for path, problem in mistakes_in(self.records, names):
            yield ("records", *path), problem

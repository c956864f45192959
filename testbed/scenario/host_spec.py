"""What every host of a scenario has."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, PrivateAttr

from testbed.protocols.address import is_host_name
from testbed.scenario.names import HostTraits, Names
from testbed.scenario.problems import Found, did_you_mean
from testbed.scenario.program_hosts import ProgramKeys, placeholders, ports_of

_NONE = "none"


def _as_names(value: object) -> object:
    return () if value == _NONE else (value,) if isinstance(value, str) else value


HostNames = Annotated[tuple[str, ...], BeforeValidator(_as_names, json_schema_input_type=str | list[str])]
"""Names, one or several; ``none`` for none."""


class HostSpec(ProgramKeys):
    """What every host has: a role, and maybe a program of the user's that plays it.

    ``nouns`` are what it is, as fields that name a host ask for it.
    """

    nouns: ClassVar[tuple[str, ...]] = ("sender of mail",)
    role: str
    ptr: HostNames | None = Field(
        default=None,
        max_length=100,
        description="What the name server answers when it is asked whose its addresses are (PTR): a name, several, or "
        "none (default: its own).",
        examples=["none", "a7.pool.example"],
    )

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """Its name in the scenario."""
        return self._name

    @property
    def traits(self) -> HostTraits:
        """What others may rely on."""
        stays, ready_made = self.command is not None, self.program or ""
        return HostTraits(self.role, self.nouns, self.is_program, ports_of(self), ready_made=ready_made, stays=stays)

    def problems(self, names: Names) -> Found:
        """What cannot be asked of a program."""
        if self.stores is not None and "mail server" not in self.nouns:
            yield ("stores",), f"{self.name} has no users whose mailboxes could be looked into; its role is {self.role}"
        for place, name in enumerate(self.ptr or ()):
            if not is_host_name(name):
                yield ("ptr", place), f"'{name[:60]}' is not a host name: letters, digits, hyphens and dots; or 'none'"
        if self.ptr is not None and any(
            host.is_program and "name server" in host.nouns for host in names.hosts.values()
        ):
            yield ("ptr",), "the name server is a program with answers of its own; configure them there"
        for key in self.unheeded:
            problem = f"{self.name} is a program, and '{key}' is for the lab's own hosts"
            yield tuple(key.split(".", 2)), f"{problem}; say it in its configuration"
        words = [*(self.command or ()), *(self.holds or ()), *self.environment.values()]
        words += self.files.values() if isinstance(self.files, dict) else []
        for other in sorted({other for word in words for _, other in placeholders(word) if other}):
            if other not in names.hosts:
                near = did_you_mean(other, names.hosts)
                yield (), f"there is no host '{other[:60]}' for a placeholder to be about{near}"

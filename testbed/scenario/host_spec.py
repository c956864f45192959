"""What every host of a scenario has."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PrivateAttr

from testbed.scenario.names import HostTraits, Names
from testbed.scenario.problems import Found, did_you_mean
from testbed.scenario.program_hosts import ProgramKeys, placeholders, ports_of


class HostSpec(ProgramKeys):
    """What every host has: a role, and maybe a program of the user's that plays it.

    ``nouns`` are what it is, as fields that name a host ask for it.
    """

    nouns: ClassVar[tuple[str, ...]] = ("sender of mail",)
    role: str

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
        for key in self.unheeded:
            problem = f"{self.name} is a program, and '{key}' is for the lab's own hosts"
            yield tuple(key.split(".", 2)), f"{problem}; say it in its configuration"
        words = [*(self.command or ()), *(self.holds or ()), *self.environment.values()]
        words += self.files.values() if isinstance(self.files, dict) else []
        for other in sorted({other for word in words for _, other in placeholders(word) if other}):
            if other not in names.hosts:
                near = did_you_mean(other, names.hosts)
                yield (), f"there is no host '{other[:60]}' for a placeholder to be about{near}"

"""What happens to a whole host, or to the link between two."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from testbed.scenario.faults.when import Window
from testbed.scenario.names import Names
from testbed.scenario.naming import HostName
from testbed.scenario.problems import Found

_WORDS = {"crashed": "has crashed", "full-disk": "has a full disk"}


class HostFault(Window):
    """A whole host: silent (swallows every packet), refused (RST), unreachable (ICMP); or a mail server's program.

    ``crashed``: its program dies.  The machine resets its connections and refuses new ones; what is not on disk is
    lost.  It starts again with ``until``.  ``full-disk``: it takes no mail (452 4.3.1).
    """

    host: HostName = Field(description="The host.")
    is_: Literal["silent", "refused", "unreachable", "crashed", "full-disk"] = Field(
        alias="is", description="What it is."
    )

    @property
    def of_program(self) -> bool:
        """Whether it strikes the mail server and not its packets."""
        return self.is_ in _WORDS

    def problems(self, names: Names) -> Found:
        """A host that has no such program, or one of its own."""
        wrong = names.is_none(self.host, "mail server") if self.of_program else ""
        if wrong:
            yield ("host",), wrong
        if self.is_ == "full-disk" and names.is_program(self.host):
            yield ("is",), f"{self.host} is a program, whose disk is yours; only its network can be faulty"

    def describe(self) -> str:
        """One line in words."""
        return f"{self.host} {_WORDS.get(self.is_, f'is {self.is_}')}{self.window()}"


class LinkFault(Window):
    """The link between two hosts: nothing passes, in either direction.  All their other links work."""

    link: tuple[HostName, HostName] = Field(description="The two hosts.")
    is_: Literal["down"] = Field(alias="is", description="What it is.")

    @field_validator("link", mode="before")
    @classmethod
    def _two_hosts(cls, value: object) -> object:
        if isinstance(value, list) and (len(value) != 2 or value[0] == value[1]):
            raise ValueError("'link' names two hosts")
        return value

    def describe(self) -> str:
        """One line in words."""
        return f"the link between {self.link[0]} and {self.link[1]} is {self.is_}{self.window()}"

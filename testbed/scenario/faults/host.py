"""What happens to a whole host."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from testbed.scenario.base import HostName
from testbed.scenario.faults.when import Window


class HostFault(Window):
    """A whole host: silent (swallows every packet), refused (RST), unreachable (ICMP)."""

    host: HostName = Field(description="The host.")
    is_: Literal["silent", "refused", "unreachable"] = Field(alias="is", description="What it is.")

    def describe(self) -> str:
        """One line in words."""
        return f"{self.host} is {self.is_}{self.window()}"

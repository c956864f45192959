"""What happens to a whole host."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from testbed.scenario.base import HostName
from testbed.scenario.faults.when import Window

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

    def describe(self) -> str:
        """One line in words."""
        return f"{self.host} {_WORDS.get(self.is_, f'is {self.is_}')}{self.window()}"

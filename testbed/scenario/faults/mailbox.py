"""What happens to the room in a mailbox."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from testbed.scenario.faults.when import Window
from testbed.scenario.glossary import Glossary
from testbed.scenario.names import Names
from testbed.scenario.naming import MailboxAddress
from testbed.scenario.problems import Found

_ROOM = {"full": 0, "nearly-full": 100}
_STATES = Glossary(
    {
        "full": "its recipient is refused (452 4.2.2)",
        "nearly-full": "room for a hundred octets is left, so the recipient is taken, and the message is refused "
        "behind its final dot; by LMTP for this recipient alone",
    }
)
_WORDS = {"full": "is full", "nearly-full": "has room for a hundred octets"}


class MailboxFault(Window):
    """A mailbox that has no room, whatever its quota: as if old mail lay in it that its owner deletes with ``until``.

    IMAP refuses APPEND and COPY (OVERQUOTA).
    """

    mailbox: MailboxAddress = Field(description="Whose mailbox.")
    is_: Annotated[Literal["full", "nearly-full"], _STATES] = Field(alias="is", description="What it is.")

    @property
    def room(self) -> int:
        """How many octets fit."""
        return _ROOM[self.is_]

    def problems(self, names: Names) -> Found:
        """A mailbox that is a program's own."""
        host = names.mailboxes.get(self.mailbox, "")
        if names.is_program(host):
            yield ("mailbox",), f"{host} is a program, whose quotas are its own; fill the mailbox with a 'run' step"

    def describe(self) -> str:
        """One line in words."""
        return f"the mailbox of {self.mailbox} {_WORDS[self.is_]}{self.window()}"

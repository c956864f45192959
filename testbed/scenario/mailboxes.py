"""Mailboxes in a scenario."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import BeforeValidator, Field

from testbed.scenario.base import Part, Size
from testbed.scenario.names import Names
from testbed.scenario.problems import Found, did_you_mean
from testbed.scenario.rules import Rule
from testbed.scenario.security import Password

MAX_FILLED = 100_000_000_000
"""Octets of old mail in all mailboxes of a lab together: ten thousand letters, which are counted for each recipient."""

Local = Annotated[str, Field(pattern=r"^[^\s@<>/\\]+$", max_length=64)]
FolderName = Annotated[
    str,
    Field(description="A folder of a mailbox.", pattern=r"^[A-Za-z0-9][A-Za-z0-9_ -]*$", max_length=60),
]


class MailboxSpec(Part):
    """A mailbox: its limits, and how it is read."""

    quota: Size | None = Field(default=None, description="How many octets it may hold (default: any number).")
    messages: int | None = Field(
        default=None, strict=True, ge=0, description="How many messages it may hold (default: any number)."
    )
    password: Password | None = Field(
        default=None,
        description="What its owner logs in with; by default, 'secret' to read, and not at all to submit mail.",
    )
    aliases: tuple[Local, ...] = Field(default=(), description="Other names whose mail it gets.")
    folders: tuple[FolderName, ...] = Field(default=(), description="Folders beside the inbox, which IMAP shows.")
    rules: tuple[Rule, ...] = Field(
        default=(), max_length=100, description="What its owner wants done with his mail: the first that fits is."
    )
    filled: Size = Field(
        default=0,
        le=MAX_FILLED,
        description="How many octets of old mail it holds at the start; they take up no room.",
    )

    @property
    def password_to_read(self) -> str:
        """What its owner logs in with to read."""
        return self.password or "secret"

    @property
    def all_folders(self) -> tuple[str, ...]:
        """The inbox, and its other folders."""
        return ("INBOX", *self.folders)

    def problems(self, names: Names) -> Found:
        """Rules that file into folders which are not there."""
        for place, rule in enumerate(self.rules):
            if rule.fileinto is not None and rule.fileinto not in self.all_folders:
                near = did_you_mean(rule.fileinto, self.all_folders)
                yield ("rules", place, "fileinto"), f"the mailbox has no folder '{rule.fileinto[:60]}'{near}"


def _names_alone(value: object) -> object:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        [(name, times)] = Counter(value).most_common(1) or [("", 0)]
        if times > 1:
            raise ValueError(f"the mailbox '{name[:40]}' is listed {times} times")
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if spec is None else spec for name, spec in value.items()}
    raise ValueError("'mailboxes' is a list of names, or a mapping of names to quotas")


Mailboxes = Annotated[dict[str, MailboxSpec], BeforeValidator(_names_alone)]
"""By the names of their owners; files may list the names alone."""

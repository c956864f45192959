"""Fields that name something: their types say what, and what is wrong where the scenario has no such thing.

A new kind of name is a class of :class:`Reference` here, and a type that is annotated with one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from testbed.scenario.base import ADDRESS
from testbed.scenario.marks import marks
from testbed.scenario.names import Names
from testbed.scenario.problems import Found, Path, did_you_mean


class Reference(ABC):
    """Marks a field as the name of something."""

    @abstractmethod
    def problem(self, name: str, names: Names) -> str:
        """What is wrong with a name, ``""`` when it leads somewhere."""


@dataclass(frozen=True, slots=True)
class HostReference(Reference):
    """The name of a host, of the kind ``noun`` where it is given (see ``HostSpec.nouns``)."""

    noun: str = ""

    def problem(self, name: str, names: Names) -> str:
        if name not in names.hosts:
            return f"there is no host '{name[:60]}'{did_you_mean(name, names.hosts)}"
        return names.is_none(name, self.noun) if self.noun else ""


@dataclass(frozen=True, slots=True)
class MailboxReference(Reference):
    """The address of a mailbox, or, where ``aliases`` count, of a recipient whom some host knows."""

    aliases: bool = False

    def problem(self, name: str, names: Names) -> str:
        known = names.recipients if self.aliases else names.mailboxes
        return "" if name in known else f"no host has the mailbox {name}{did_you_mean(name, known)}"


_HOST = Field(description="The name of a host of the lab.", min_length=1, max_length=253)

HostName = Annotated[str, _HOST, HostReference()]
SenderName = Annotated[str, _HOST, HostReference("sender of mail")]
MailServerName = Annotated[str, _HOST, HostReference("mail server")]
RelayName = Annotated[str, _HOST, HostReference("relay")]
UserAgentName = Annotated[str, _HOST, HostReference("user agent")]
DomainName = Annotated[str, _HOST]
MailboxAddress = Annotated[str, ADDRESS, MailboxReference()]
RecipientAddress = Annotated[str, ADDRESS, MailboxReference(aliases=True)]


def wrong_names(part: BaseModel, names: Names) -> Found:
    """What is wrong with the names in the fields of a part, each at its path from there."""
    for field, reference in marks(type(part), Reference):  # type: ignore[type-abstract]
        key = type(part).model_fields[field].alias or field
        for path, name in _named(getattr(part, field)):
            if problem := reference.problem(name, names):
                yield (key, *path), problem


def _named(value: object) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str) and value:
        yield (), value
    elif isinstance(value, tuple):
        for place, one in enumerate(value):
            yield (place,), one

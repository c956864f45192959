"""How a relay passes mail on for others: under its signature, to another address, to the members of a list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from testbed.protocols.address import domain_of
from testbed.scenario.base import Address, Part
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.host_words import FORWARDED_FROM, LIST_FROM, RETURN_PATHS
from testbed.scenario.mailboxes import Local
from testbed.scenario.names import Names
from testbed.scenario.problems import Found
from testbed.scenario.signing import Dkim


class ForwardSpec(Part):
    """Where the mail of a user goes on to, and what becomes of it on the way."""

    to: Address = Field(description="An address elsewhere.")
    srs: bool = Field(
        default=False,
        strict=True,
        description="The envelope sender is rewritten, so that SPF passes and bounces come back through the relay.",
    )
    arc: bool = Field(
        default=False, strict=True, description="What the relay has found of its author goes along, sealed (RFC 8617)."
    )
    from_: Annotated[Literal["keep", "own"], FORWARDED_FROM] = Field(
        default="keep",
        alias="from",
        description="'own': From is the user's own address, 'Alice via …'; Reply-To leads to the author.",
    )
    seven_bit: bool = Field(
        default=False, strict=True, description="Octets beyond ASCII are encoded as quoted-printable or base64."
    )

    @property
    def changes(self) -> bool:
        """Whether anything but the recipient is another."""
        return self.srs or self.arc or self.seven_bit or self.from_ == "own"


def _address_alone(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


Forward = Annotated[ForwardSpec, BeforeValidator(_address_alone, json_schema_input_type=Address | ForwardSpec)]


class MailingListSpec(Part):
    """A mailing list: who gets what is sent to it, and what it does to a message."""

    members: tuple[Address, ...] = Field(min_length=1, max_length=1_000, description="Who gets its mail.")
    footer: str = Field(default="", max_length=10_000, description="Text that is added below each message.")
    subject_tag: str = Field(
        default="",
        pattern=r"^[ -~]*$",
        max_length=100,
        description="What Subject begins with, unless it is in there.",
        examples=["[team]"],
    )
    from_: Annotated[Literal["keep", "munge"], LIST_FROM] = Field(
        default="keep",
        alias="from",
        description="'munge': From is the list's own address, 'Alice via Team'; Reply-To leads to the author.",
    )
    return_path: Annotated[Literal["bounces", "verp", "keep"], RETURN_PATHS] = Field(
        default="bounces",
        description="The envelope sender: LIST-bounces, the same with the member in it, or the author's.",
    )
    unsubscribe: str = Field(
        default="",
        pattern=r"^(https://[!-=?-~]+)?$",
        max_length=500,
        description="Where one click unsubscribes (RFC 8058), for List-Unsubscribe and List-Unsubscribe-Post.",
        examples=["https://crepes.fr/leave/team"],
    )
    owner: Address | None = Field(
        default=None, description="Who gets bounces (default: the list notes them and passes on none)."
    )
    arc: bool = Field(
        default=False, strict=True, description="What the relay has found of its author goes along, sealed (RFC 8617)."
    )


class PassingOn(HostSpec):
    """What a relay does with mail that it passes on."""

    dkim: Dkim | None = Field(
        default=None, description="How it signs what its own users send, and what it writes itself; 'true' for DKIM."
    )
    forward: dict[Local, Forward] = Field(
        default_factory=dict, description="Users of the domain whose mail goes on to an address elsewhere."
    )
    lists: dict[Local, MailingListSpec] = Field(
        default_factory=dict, max_length=100, description="Mailing lists of the domain, by the local part."
    )

    def problems_of_passing_on(self, domain: str, users: frozenset[str], names: Names) -> Found:
        """Mail that leads nowhere or back, names given twice, and seals without a key."""
        if self.dkim is not None:
            for path, problem in self.dkim.problems(names):
                yield ("dkim", *path), problem
        for user, forward in self.forward.items():
            if domain_of(forward.to) == domain.lower():
                yield ("forward", user), f"'{forward.to[:60]}' is not elsewhere: {self.name} serves it itself"
            if forward.arc and self.dkim is None:
                yield ("forward", user, "arc"), f"a seal needs a key; give {self.name} 'dkim: true'"
        for name, one in self.lists.items():
            if name in users or name in self.forward:
                yield ("lists", name), f"the name '{name[:40]}' is a user's already"
            if one.arc and self.dkim is None:
                yield ("lists", name, "arc"), f"a seal needs a key; give {self.name} 'dkim: true'"
            for place, member in enumerate(one.members):
                if member.lower() in (f"{other}@{domain}".lower() for other in self.lists):
                    yield ("lists", name, "members", place), f"'{member[:60]}' is a list, and no member of one"

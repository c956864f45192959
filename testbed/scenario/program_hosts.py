"""Hosts that are programs of the user's: the relay, client or receiver under test."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from testbed.durations import MINUTE
from testbed.scenario.base import Duration, Part, PeopleWait
from testbed.scenario.host_words import CLOCKS
from testbed.scenario.programs import Command
from testbed.scenario.security import TlsPolicies
from testbed.subjects.subject import subjects

MAILBOXES = "mailboxes"
"""The placeholder that tells a program where its Maildirs lie."""

PLACEHOLDERS = (
    "name",
    "domain",
    "address",
    "directory",
    MAILBOXES,
    "name_server",
    "ca",
    "certificate",
    "key",
    "tls",
    "role",
    "python",
    "users",
    "passwords",
    "aliases",
    "trusted",
)
"""What stands in braces for a fact of the lab: ``{address}`` is the program's own, ``{address:ns.lab}`` another's."""

_PLACEHOLDER = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})(?::([\w.-]+))?\}}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_LOADED_FIRST = ("LD_PRELOAD", "LD_AUDIT")  # ld.so(8)
_MAX_FILES, _MAX_OCTETS = 100, 262_144
_MAX_LIMIT_NS = 10 * MINUTE
_MAX_PRIVATE, _MAX_USERS = 20, 100
_OF_OTHERS = frozenset((53, 80, 110, 143, 443, 993, 995, 4190))  # DNS, HTTP, POP3, IMAP, ManageSieve
_PLAYERS = ("command", "program")
_OF_ONE_THAT_STAYS = ("listens", "holds", "ready_within", "stop_within")

KEPT_FROM_ANOTHER = frozenset({"role", "domain", "mx", "mailboxes", "address", "server", "starttls", "ptr"})
"""What a program takes over from the host in whose place it is put; the rest is about the lab's own servers."""

TOLD_TO_AGENTS = frozenset({"port", "tls", "password"})
"""What a ready-made user agent takes over besides: it is told of it."""

HEEDED = KEPT_FROM_ANOTHER | {"port", "relay", "password", "serves"}
"""What is said of a program's host, and others heed or it is told of."""

_HEEDED_OF_MAILBOX = frozenset({"password", "aliases"})


def _words(value: object) -> object:
    return value if isinstance(value, dict) or value is None else str(value)


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, int) else value


Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Ports = Annotated[tuple[Port, ...], BeforeValidator(_one_or_many, json_schema_input_type=Port | list[Port])]


def _no_place_of_the_lab(path: str) -> str:
    if not path.startswith("/") or path != posixpath.normpath(path) or "\0" in path:
        raise ValueError(f"'{path[:60]}' is not a folder of the machine; write it from the root: /var/spool/my-relay")
    if path.split("/")[1] in ("", "dev", "proc", "sys"):
        raise ValueError(f"'{path[:60]}' cannot be private: the lab itself lives there")
    return path


PrivatePath = Annotated[str, Field(max_length=200), AfterValidator(_no_place_of_the_lab)]
UserName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")]


class Configured(Part):
    """What a program's configuration says, for the rules to hold it to: nobody but the program makes it so."""

    retry: PeopleWait | None = Field(
        default=None, description="The shortest time between two tries of mail that is refused for now."
    )
    give_up: PeopleWait | None = Field(
        default=None, description="The age at which undelivered mail is returned to its sender."
    )
    max_hops: int = Field(
        default=100, strict=True, ge=1, le=1000, description="How many Received fields make a loop (RFC 5321 §6.3)."
    )
    tls: TlsPolicies = Field(
        default_factory=dict,
        description="Whether it wants TLS on its way to the next hop, for every domain or a mapping from domains.",
    )


USER = "{user}"
"""Stands for a user's name where mailboxes are said to lie."""


class Stores(Part):
    """The form in which a program keeps its users' mailboxes, and where."""

    form: Literal["maildir", "mbox"] = Field(
        default="maildir", description="A Maildir, or a file (RFC 4155), for each user."
    )
    at: str = Field(
        default=f"{{mailboxes}}/{USER}",
        pattern=r"^(/|\{(directory|mailboxes)\}/).*\{user\}",
        description="Where the mailbox of a user lies; {user} stands for his name.",
        examples=["{directory}/mail/{user}"],
    )


def _form_alone(value: object) -> object:
    return {"form": value} if isinstance(value, str) else value


class ProgramKeys(Part):
    """What makes a host a program of the user's, in a network of its own: started before the first step.

    ``heeded`` are the keys of a host that are about a program, too.
    """

    heeded: ClassVar[frozenset[str]] = HEEDED

    program: str | None = Field(
        default=None,
        description="A ready-made program that plays the host, with all it needs; 'testbed subjects' lists them. "
        "'files' is then its configuration in production.",
        examples=["postfix"],
    )
    command: Command | None = Field(
        default=None,
        description="The program that plays the host, and stays in the foreground: a line, split into words as a "
        "shell would (but no shell runs it), or a list of words.",
        examples=["./my-relay --listen {address}:25"],
    )
    files: dict[str, str] | str | None = Field(
        default=None,
        description="What it finds in its directory: files by their names, or a folder beside the scenario to copy. "
        "{address} and its like stand for facts of the lab.",
        examples=[{"relay.conf": "listen = {address}\n"}, "postfix"],
    )
    listens: Ports | None = Field(
        default=None,
        description="The TCP ports that are awaited before the first step; by default, those its role needs: 25, and "
        "587 for a relay.",
    )
    environment: dict[str, Annotated[str, BeforeValidator(_words)]] = Field(
        default_factory=dict, description="Variables beside your own and those of the lab (TESTBED_ADDRESS and so on)."
    )
    private: tuple[PrivatePath, ...] = Field(
        default=(),
        max_length=_MAX_PRIVATE,
        description="Folders of the machine in whose place it sees its own: {directory}/run in place of /run. Steps "
        "that run on the host see the same.",
        examples=[["/run", "/var/spool/my-relay"]],
    )
    users: tuple[UserName, ...] = Field(
        default=(),
        max_length=_MAX_USERS,
        description="Users it becomes, with a group each. Only the program sees those that the machine does not have.",
        examples=[["my-relay"]],
    )
    configured: Configured | None = Field(
        default=None,
        description="What its own configuration says of retries, giving up, loops and TLS; it is judged by that.",
        examples=[{"retry": "30m", "give_up": "5d", "tls": "required"}],
    )
    stores: Annotated[Stores | None, BeforeValidator(_form_alone, json_schema_input_type=str | Stores | None)] = Field(
        default=None,
        description="The form in which it keeps its users' mailboxes, maildir or mbox; and where, if not in "
        "{mailboxes}.",
        examples=["mbox", {"form": "mbox", "at": "{directory}/mail/{user}"}],
    )
    holds: Command | None = Field(
        default=None,
        description="A command that lists its queue, run on the host at the end: mailq and its kin, or any that names "
        "the recipients still waited for.",
        examples=["postqueue -c {directory}/etc -p"],
    )
    time: Annotated[Literal["real", "scenario"], CLOCKS] | None = Field(
        default=None,
        description="The clock the program lives by.  In scenario time its waits of hours pass at once, with its own "
        "settings; that takes a C compiler.  Default: scenario time where possible, otherwise real time.",
    )
    ready_within: Duration = Field(
        default=10_000_000_000,
        gt=0,
        le=_MAX_LIMIT_NS,
        description="How long it may take until it listens, in real time (default: 10s).",
    )
    stop_within: Duration = Field(
        default=3_000_000_000,
        gt=0,
        le=_MAX_LIMIT_NS,
        description="How long it may take to end after SIGTERM before it is killed (default: 3s).",
    )

    @field_validator("files", mode="before")
    @classmethod
    def _stay_in_the_directory(cls, value: object) -> object:
        names = list(value) if isinstance(value, dict) else []
        if len(names) > _MAX_FILES:
            raise ValueError(f"more than {_MAX_FILES} files; put them in a folder, and name that")
        for name in names:
            path = PurePosixPath(str(name))
            if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in str(name):
                raise ValueError(f"'{str(name)[:60]}' does not lie in the program's own directory")
        return value

    @field_validator("environment")
    @classmethod
    def _are_variables(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"'{name[:60]}' is not the name of a variable: letters, digits and _ only")
            if name in _LOADED_FIRST:
                raise ValueError(f"{name} loads code into every program; set it in a script that 'command' names")
            if "\0" in text:
                raise ValueError(f"the value of {name} has a NUL in it, which no variable can have")
        return value

    @model_validator(mode="after")
    def _only_of_programs(self) -> ProgramKeys:
        given = [key for key in ProgramKeys.model_fields if key in self.model_fields_set and key not in _PLAYERS]
        if self.program is not None:
            given = [key for key in given if key in _OF_ONE_THAT_STAYS]
        if self.command is None and given:
            why = "it is about a program that plays the host"
            if self.program is not None:
                why = f"{self.program} runs only while a step has it do something"
            raise ValueError(f"'{given[0]}' goes with 'command': {why}")
        return self

    @property
    def command_lines(self) -> tuple[str, ...]:
        """The programs that run there, a line each: the one that plays it, and what steps have a ready-made one do."""
        stays = (" ".join(self.command),) if self.command is not None else ()
        if self.program is None:
            return stays
        return (*stays, *(errand_line(self.program, errand) for errand in subjects()[self.program].errands))

    @property
    def is_program(self) -> bool:
        """Whether a program plays the host: one of the user's, or a ready-made one."""
        return self.command is not None or self.program is not None

    @property
    def unheeded(self) -> list[str]:
        """The keys given that only the lab's own servers heed, as paths: ``retry``, ``mailboxes.bob.quota``."""
        if not self.is_program:
            return []
        own = set(ProgramKeys.model_fields) | self.heeded
        found = [key for key in type(self).model_fields if key in self.model_fields_set - own]
        for user, box in getattr(self, "mailboxes", {}).items():
            found += [f"mailboxes.{user}.{key}" for key in sorted(box.model_fields_set - _HEEDED_OF_MAILBOX)]
        return found


def errand_line(program: str, errand: str) -> str:
    """What such a program is called while it does so, as ``exited`` names it: ``swaks send``."""
    return f"{program} {errand}"


def ports_of(spec: ProgramKeys) -> tuple[int, ...]:
    """The TCP ports a program is awaited at."""
    if spec.listens is not None:
        return spec.listens
    role = getattr(spec, "role", "")
    return {"relay": (25, 587), "receiver": (25,), "webmail": (80,)}.get(role, ())


def mail_ports(ports: tuple[int, ...]) -> tuple[int, ...]:
    """Those of a program's ports at which it may speak SMTP or LMTP."""
    return tuple(port for port in ports if port not in _OF_OTHERS)


def placeholders(text: str) -> list[tuple[str, str]]:
    """The placeholders in a text: what, and the host it is of (nothing for the program's own)."""
    return [(match[1], match[2] or "") for match in _PLACEHOLDER.finditer(text)]


def filled(text: str, facts: Mapping[tuple[str, str], str]) -> str:
    """The text with every placeholder replaced that there is a fact for; other braces stay as they are."""
    return _PLACEHOLDER.sub(lambda match: facts.get((match[1], match[2] or ""), match[0]), text)

"""Programs of the user's as parts of a scenario: the step that runs one, and what is expected of it."""

from __future__ import annotations

import shlex
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.durations import DAY, MINUTE
from testbed.scenario.base import Duration
from testbed.scenario.host_words import CLOCKS
from testbed.scenario.names import Names
from testbed.scenario.naming import HostName
from testbed.scenario.problems import Found
from testbed.scenario.tagged import Tagged

ROOT = "root"
"""What a scenario needs whose programs give up root's rights themselves, and so must have them."""

COMPILER = "cc"
"""What a scenario needs whose programs live in its time."""

TIMED_OUT = 124  # as timeout(1) has it
_MAX_LIMIT_NS = 10 * MINUTE  # real ones
_MAX_SCENARIO_LIMIT_NS = 30 * DAY


def _words(value: object) -> object:
    if isinstance(value, list):
        return [str(word) if isinstance(word, int) and not isinstance(word, bool) else word for word in value]
    if not isinstance(value, str):
        return value
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ValueError(f"the command cannot be split into words: {str(error).lower()}") from None


def _can_be_given(words: tuple[str, ...]) -> tuple[str, ...]:
    if not all(words[:1]) or any("\0" in word for word in words):
        raise ValueError("a command begins with a program's name, and has no NUL in it")
    return words


Command = Annotated[
    tuple[str, ...],
    BeforeValidator(_words, json_schema_input_type=str | list[str | int]),
    AfterValidator(_can_be_given),
    Field(
        min_length=1,
        description="A line, split into words as a shell would (but no shell runs it), or a list of words.",
        examples=["swaks --server crepes.fr --to bob@someschool.edu"],
    ),
]


class RunStep(Tagged):
    """A program runs in the lab's network until it ends; its output and its exit status go into the trace."""

    shorthand: ClassVar[str] = "command"
    kind: Literal["run"] = Field(default="run", exclude=True)
    command: Command
    on: HostName | None = Field(
        default=None,
        description="The host it runs on, whose address its packets have (default: the only user agent).",
    )
    time: Annotated[Literal["real", "scenario"], CLOCKS] = Field(
        default="real",
        description="The clock it lives by.  In real time nothing jumps while it runs.  In scenario time its waits of "
        "hours pass at once; a C compiler must be here.",
    )
    time_limit: Duration = Field(
        default=10_000_000_000,
        gt=0,
        le=_MAX_SCENARIO_LIMIT_NS,
        description="When it is killed, by that clock: 10min at most in real time, 30d in scenario time.",
    )

    @property
    def command_line(self) -> str:
        """The command as one line for a shell."""
        return shlex.join(self.command)

    @property
    def command_lines(self) -> tuple[str, ...]:
        """The command."""
        return (self.command_line,)

    def problems(self, names: Names) -> Found:
        """No host to run on, and too long a time."""
        if self.on is None:
            yield (), f"say 'on': the lab has {len(names.agents)} user agents"
        if self.time == "real" and self.time_limit > _MAX_LIMIT_NS:
            yield ("time_limit",), "in real time 'time_limit' must be at most 10min; 'time: scenario' allows 30d"

    def describe(self) -> str:
        """One line in words."""
        return f"{self.on} runs {self.command_line}" if self.on else f"run {self.command_line}"


class Exited(Tagged):
    """Programs of the user's have ended with this exit status."""

    kind: Literal["exited"] = Field(default="exited", exclude=True)
    command: str = Field(default="", description="Only programs with this in their command (default: all).")
    status: int = Field(
        default=0,
        strict=True,
        ge=0,
        le=255,
        description="The exit status; 128 and the signal's number for one killed, 124 for one out of time.",
    )
    count: int | None = Field(default=None, strict=True, ge=1, description="How many of them end so (default: all).")
    output: str | None = Field(default=None, min_length=1, description="A line of its output has this in it.")
    agrees_with: Literal["message"] | None = Field(
        default=None,
        description="'message' in place of a status: it is 0 if every recipient was promised its mail, and only then.",
    )

    @model_validator(mode="after")
    def _one_status(self) -> Exited:
        if self.agrees_with is not None and "status" in self.model_fields_set:
            raise ValueError("'agrees_with' stands in place of 'status'; say one of them")
        return self

    def problems(self, names: Names) -> Found:
        """A command that nobody runs."""
        if not any(self.command in command for command in names.commands):
            yield ("command",), f"no step and no host runs a command with '{self.command[:60]}' in it"


class Running(Tagged):
    """The program that plays a host still runs when the lab ends: it has not crashed, and not ended by itself."""

    shorthand: ClassVar[str] = "at"
    kind: Literal["running"] = Field(default="running", exclude=True)
    at: HostName = Field(description="The host.")

    def problems(self, names: Names) -> Found:
        """A host that is no program."""
        host = names.hosts.get(self.at)
        if host is not None and not host.stays:
            what = f"is {host.ready_made}, which runs only while a step has it do something" if host.ready_made else ""
            yield ("at",), f"{self.at} {what or 'is no program'}; only hosts with a 'command' can be found running"

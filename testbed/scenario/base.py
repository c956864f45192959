"""What all parts of the scenario model share."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from testbed.durations import MILLISECOND, SECOND
from testbed.scenario.names import Names
from testbed.scenario.problems import Found
from testbed.scenario.units import DURATION, parse_duration, parse_rate, parse_size

FieldName = Annotated[str, Field(pattern=r"^[!-9;-~]{1,76}$")]
"""The name of a header field (RFC 5322 §2.2)."""


class Compressed(Struct, frozen=True):
    """Marks durations that the scenario's ``compress`` divides, but to no less than ``least_ns`` nanoseconds."""

    least_ns: int

    def divided(self, value: object, by: int) -> object:
        """One or several, divided; what is shorter anyway stays as it is, and so does None."""
        if isinstance(value, tuple):
            return tuple(self.divided(one, by) for one in value)
        return max(min(value, self.least_ns), value // by) if isinstance(value, int) else value


class CompressedRate(Compressed, frozen=True):
    """Marks a number and the duration in which there may be so many."""

    def divided(self, value: object, by: int) -> object:
        """The same number in less time."""
        return (value[0], Compressed.divided(self, value[1], by)) if isinstance(value, tuple) else value


_SAID = {"patternErrorMessage": "This is no duration; write e.g. 300ms, 40m, 2h, 5d or 1d 12h"}
_AsWritten = Annotated[str, Field(pattern=DURATION, json_schema_extra=_SAID)] | Literal[0]
_DURATION = (
    BeforeValidator(parse_duration, json_schema_input_type=_AsWritten),
    Field(description="A span of scenario time: 300ms, 40m, 2h, 5d, 1d 12h.", examples=["40m", "2h", "5d"]),
)
Duration = Annotated[int, *_DURATION]
"""Nanoseconds that machines wait: timeouts, delays on the wire, the time of a talk."""

PeopleWait = Annotated[int, *_DURATION, Compressed(MILLISECOND)]
"""Nanoseconds that people wait."""

Limit = Annotated[int, *_DURATION, Compressed(2 * SECOND)]
"""Nanoseconds within which something has to happen: machines take their time, which no compression makes less."""

Size = Annotated[
    int,
    BeforeValidator(parse_size, json_schema_input_type=str | int),
    Field(description="Octets: 512, 20 KB (20,000), 20 KiB (20,480).", examples=["20 KB"]),
]
"""Octets."""

Rate = Annotated[
    tuple[int, int],
    CompressedRate(MILLISECOND),
    BeforeValidator(parse_rate, json_schema_input_type=str),
    Field(description="A number per period: 2 per 1h.", examples=["2 per 1h"]),
]
"""A number, and nanoseconds that people wait."""

ADDRESS = Field(
    description="A mail address.", pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=254, examples=["bob@someschool.edu"]
)
Address = Annotated[str, ADDRESS]


class Part(BaseModel):
    """A part of a scenario: frozen, strict about its keys, and aware of its line in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    _line: int = PrivateAttr(default=0)

    @property
    def line(self) -> int:
        """The line of the file where this part begins, 0 for a default."""
        return self._line

    @property
    def domains(self) -> tuple[str, ...]:
        """The names that it leads somebody to ask the name server for."""
        return ()

    @property
    def command_lines(self) -> tuple[str, ...]:
        """The programs that it has run, a line each."""
        return ()

    def problems(self, names: Names) -> Found:
        """What cannot be, given the rest of its scenario, each at its path from here.

        Names that lead nowhere are found by the types of their fields (:mod:`testbed.scenario.naming`).
        """
        yield from ()

"""What a runner and the process of its labs tell each other.

Both have the scenarios since the fork, so of a scenario only its number crosses.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from multiprocessing.connection import Connection

from msgspec import Struct

from testbed.played import Played
from testbed.scenario.scenario import Scenario


class Play(Struct, frozen=True):
    """An order: the scenario of this number."""

    number: int


class Account(Struct, frozen=True):
    """An order: make of this what the runner was asked for."""

    played: Played


class Says(Struct, frozen=True):
    """What a lab says of its progress, a line."""

    line: str


class Ended(Struct, frozen=True):
    """A lab is over.  ``error`` says how it failed, ``cause`` and the rest are as in :class:`testbed.played.Played`."""

    error: str = ""
    cause: str = ""
    line: int = 0
    no_lab: bool = False
    by_program: bool = False


class Accounted(Struct, frozen=True):
    """What was made of it; ``failed`` where an exception came of it instead."""

    account: object = None
    failed: bool = False


class Line:
    """One end.  Raises OSError or EOFError when the other is gone."""

    def __init__(self, connection: Connection, scenarios: Sequence[Scenario]) -> None:
        self._connection = connection
        self._scenarios = scenarios
        self._numbers = {id(scenario): number for number, scenario in enumerate(scenarios)}

    def fileno(self) -> int:
        """For selectors."""
        return self._connection.fileno()

    def tell(self, value: Play | Account | Says | Ended | Accounted) -> None:
        """Say something to the other end."""
        pickled = io.BytesIO()
        _Pickler(pickled, self._numbers).dump(value)
        self._connection.send_bytes(pickled.getbuffer())

    def hear(self) -> object:
        """Wait for what the other end says, one of the classes above."""
        return _Unpickler(io.BytesIO(self._connection.recv_bytes()), self._scenarios).load()

    def close(self) -> None:
        """Say that nothing more will come."""
        self._connection.close()


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, numbers: dict[int, int]) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL)
        self._numbers = numbers

    def persistent_id(self, value: object) -> int | None:
        return self._numbers.get(id(value)) if isinstance(value, Scenario) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: io.BytesIO, scenarios: Sequence[Scenario]) -> None:
        super().__init__(pickled)
        self._scenarios = scenarios

    def persistent_load(self, number: int) -> Scenario:
        return self._scenarios[number]

"""A fault that was set in an open lab, in the hands of the program that has set it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


class SetFault:
    """A fault that strikes until :meth:`lift`, or the end of its ``with``; ``number`` counts from 1 in a lab."""

    def __init__(self, number: int, description: str, lift: Callable[[int], None]) -> None:
        self.number = number
        self.description = description
        self.lifted = False
        self._lift = lift

    def __repr__(self) -> str:
        return f"<fault {self.number}{', lifted' if self.lifted else ''}: {self.description}>"

    def __enter__(self) -> SetFault:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.lift()

    def lift(self) -> None:
        """Stop the fault.  A lifted fault stays lifted.  Raises LabError if the lab has ended."""
        if not self.lifted:
            self._lift(self.number)
            self.lifted = True

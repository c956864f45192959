"""What a crew is asked to do: values that cross to other processes by pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar


class Order(Protocol):
    """A piece of work."""

    @property
    def number(self) -> int:
        """It tells the orders of one call apart."""

    @property
    def kept(self) -> str:
        """The name of the file that stays of it; ``""`` for none."""


O_contra = TypeVar("O_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[O_contra, R_co]):
    """What orders are about: all that whoever carries them out has to know before the first."""

    @property
    def keep(self) -> Path:
        """The folder of the files that stay."""

    def begin(self) -> None:
        """Load what all orders need, once in each process."""

    def do(self, order: O_contra, folder: Path) -> R_co:
        """Carry out an order; the file that stays goes into ``folder``."""

    def not_done(self, order: O_contra, why: str) -> R_co:
        """What to say of an order that nobody could carry out."""

"""What is known of a server once it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from testbed.learn.machine import Machine

Progress: TypeAlias = Callable[[int, int], None]
"""Hears how many states are known, and how many dialogues were held."""


class Learnt(Struct, frozen=True):
    """The machine, canonical, and what is known of it: ``complete`` says that it is right unless the server has more
    than ``beyond`` states more; otherwise asking has ended before that, and it is a sketch.

    ``dialogues`` were held, and ``inputs`` sent in them.
    """

    machine: Machine
    beyond: int
    complete: bool
    dialogues: int
    inputs: int

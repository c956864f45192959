"""What the tests know of a group of scenarios: a folder of scenarios/, and a file of the same name in groups/."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import pytest

Break = Callable[[pytest.MonkeyPatch], None]
"""Breaks the behaviour a scenario guards; its docstring says how."""


class Group(Protocol):
    """What a file in groups/ holds; its docstring is the group's title."""

    @property
    def FINDINGS(self) -> Mapping[str, str]:  # noqa: N802
        """The causes found in each scenario's trace, by their codes; ``CODE?`` where it depends on the machine."""

    @property
    def GUARDS(self) -> Mapping[str, Break]:  # noqa: N802
        """What turns the scenarios of each file red."""

"""What the tests know of a group of scenarios: a folder of scenarios/, and a file of the same name in groups/."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import pytest

Break = Callable[[pytest.MonkeyPatch], None]
"""Breaks the behaviour a scenario guards; its docstring says how."""


class Group(Protocol):
    """``FINDINGS``: each scenario's causes found, by their codes.  ``GUARDS``: what turns each file's scenarios red."""

    FINDINGS: Mapping[str, str]
    GUARDS: Mapping[str, Break]

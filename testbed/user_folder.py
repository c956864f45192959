"""Where a user's own files lie, also of a user who has no home."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder(variable: str, below_home: str) -> Path:
    """``mail-testbed`` in the folder that a variable of the XDG Base Directory Specification names, else below home.

    Who has no home (no HOME, and no entry in passwd(5)) gets one below ``/``, where only root writes.
    """
    named = os.environ.get(variable, "")
    return (Path(named) if named.startswith("/") else _home() / below_home) / "mail-testbed"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")

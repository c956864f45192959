"""Which files a scenario may name: those below its own folder, or below one that the user has named with it.

Whoever runs a scenario of somebody else's has looked at no more than that.  Links count as what they lead to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """``folders`` were named by the user, as real paths; ``anywhere`` takes all bounds away."""

    folders: tuple[str, ...] = ()
    anywhere: bool = False

    @classmethod
    def given(cls, paths: Iterable[str | os.PathLike[str]], *, allow_outside: bool = False) -> Reach:
        """The reach of scenarios that lie in these paths, as a command line gives them."""
        return cls(tuple(os.path.realpath(path) for path in paths if os.path.isdir(path)), allow_outside)

    def why_not(self, path: str | os.PathLike[str], scenario: str) -> str:
        """Why a scenario, named by its file, may not have a path read; ``""`` when it may."""
        if self.anywhere:
            return ""
        try:
            own, real = _folder(scenario), os.path.realpath(path)
        except (OSError, ValueError):
            return ""  # no file has such a name: whoever opens it says so
        roots = [own, *(folder for folder in self.folders if _below(own, folder))]
        if any(_below(real, root) for root in roots):
            return ""
        widest = min(roots, key=len)
        return (
            f"this leads out of {widest}, beyond which a scenario may name no file; move it there, run the folder that "
            "holds both, or say --allow-outside"
        )


def _folder(scenario: str) -> str:
    return os.path.realpath(os.path.dirname(scenario) or ".")


def _below(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder

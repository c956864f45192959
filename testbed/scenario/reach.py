"""Which files a scenario may name: those of its own folder, its project, or a folder the user has named.

Whoever runs a scenario of somebody else's has looked at no more than that.  Links count as what they lead to.  A
project is what was checked out, or installed as the catalogue, together.  What hides in it behind a dot holds tokens
rather than mail.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct

from testbed.catalogue import INSTALLED

_CHECKOUT = ".git"
_CATALOGUE = str(INSTALLED)


class Reach(Struct, frozen=True):
    """``folders`` were named by the user, as real paths; ``anywhere`` takes all bounds away, ``alone`` the project."""

    folders: tuple[str, ...] = ()
    anywhere: bool = False
    alone: bool = False

    @classmethod
    def given(
        cls, paths: Iterable[str | os.PathLike[str]], *, allow_outside: bool = False, untrusted: bool = False
    ) -> Reach:
        """The reach of scenarios that lie in these paths, as a command line gives them."""
        return cls(tuple(os.path.realpath(path) for path in paths if os.path.isdir(path)), allow_outside, untrusted)

    def why_not(self, path: str | os.PathLike[str], scenario: str) -> str:
        """Why a scenario, named by its file, may not have a path read; ``""`` when it may."""
        if self.anywhere:
            return ""
        try:
            own, real = _folder(scenario), os.path.realpath(path)
        except (OSError, ValueError):
            return ""  # no file has such a name: whoever opens it says so
        roots = [own, *(folder for folder in self.folders if _below(own, folder))]
        project = "" if self.alone else _project(own)
        if _CHECKOUT not in real.split(os.sep):
            if any(_below(real, root) for root in roots):
                return ""
            if project and _below(real, project) and not _hidden(real, project):
                return ""
        widest = min([*roots, project or own], key=len)
        if _below(real, widest):
            return "scenarios may not name what begins with a dot; move it, or use --allow-outside"
        return (
            f"this leads out of {widest}, beyond which a scenario may name no file; move it there, run the folder that "
            "holds both, or say --allow-outside"
        )


def _folder(scenario: str) -> str:
    return os.path.realpath(os.path.dirname(scenario) or ".")


def _project(folder: str) -> str:
    """The folder that was checked out, or installed, with this one in it; ``""`` where none was."""
    while folder != _CATALOGUE and not os.path.exists(os.path.join(folder, _CHECKOUT)):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return ""
    return folder


def _hidden(path: str, root: str) -> bool:
    return any(part.startswith(".") for part in os.path.relpath(path, root).split(os.sep) if part != ".")


def _below(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder

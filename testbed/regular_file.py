"""Files of which nobody knows what they are: only a regular one is read, and no more of it than is wanted.

And which files there are in a folder that a user names.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_ENVIRONMENT = "pyvenv.cfg"


class NotRegularError(OSError):
    """A folder, a pipe or a device: what may have no end, or never begin."""


def read_regular(path: str | os.PathLike[str], at_most: int, *, follow_links: bool = True) -> bytes:
    """Up to ``at_most`` octets of a file.  Never waits for a pipe, never reads a device.

    Raises OSError; ValueError for a name that no file can have.
    """
    more = os.O_NONBLOCK | os.O_NOCTTY | (0 if follow_links else os.O_NOFOLLOW)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | more)) as source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise NotRegularError("this is not a regular file")
        return source.read(at_most)


def files_below(folder: str | os.PathLike[str]) -> list[Path]:
    """What is in a folder and its folders, sorted.

    Environments of Python among them are passed over: they hold packages, such as this one with its catalogue.
    """
    found = list[Path]()
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not os.path.exists(os.path.join(parent, name, _ENVIRONMENT))]
        found += [Path(parent, name) for name in files]
    return sorted(found)

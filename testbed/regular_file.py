"""Files of which nobody knows what they are: only a regular one is read, and no more of it than is wanted."""

from __future__ import annotations

import os
import stat


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

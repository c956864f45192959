"""Files that appear whole or not at all, at their own place only: nobody's link leads them elsewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_ALL = 0o666
_UNDER_WAY = ".testbed-"
_NO_ROOM_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], mode: int = _ALL) -> Iterator[BinaryIO]:
    """Write a file under another name beside it, and put it in its place when it is whole.

    It keeps the rights of the file it takes the place of.  Else it has those of ``mode`` that the umask and its folder
    leave: what lies in a private folder is private.  A device, a pipe, and what a link of one's own leads to are
    written where they are.  Raises OSError; then the file that was there before is as it was, and no other is left.
    """
    path = Path(path)
    known = _lstat(path)
    if known is not None and not stat.S_ISREG(known.st_mode):
        if stat.S_ISLNK(known.st_mode) and known.st_uid not in (0, os.geteuid()):
            raise OSError(errno.EPERM, "it is a link that another user has put there", str(path))
        with path.open("wb") as there:
            yield there
        return
    fresh = path.with_name(_UNDER_WAY + secrets.token_hex(8))
    try:
        descriptor = os.open(
            fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & path.parent.stat().st_mode
        )
    except OSError as error:
        if known is None or error.errno not in _NO_ROOM_BESIDE:
            raise
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "wb") as there:
            yield there
        return
    try:
        with os.fdopen(descriptor, "wb") as out:
            if known is not None and known.st_uid == os.geteuid():
                os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
            yield out
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None

"""The folders that traces go to: whose nobody named is private, fresh, and does not stay for ever."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Hashable
from pathlib import Path
from types import TracebackType

AUTHORITY = ".ca.pem"
"""How the file of a certificate ends that lies beside the trace of a lab held open."""
_PREFIX = "testbed-"
_LAST = 3
_LAST_RED = 20
_MARK = ".run"
"""Locked while a folder is in use, not empty where something in it is red."""
_PRIVATE = 0o700


class RunFolder:
    """The folder named by ``keep``, else a fresh one in the temporary folder, for this user alone.

    When a fresh one is made, those of earlier runs go, but for those in use, the last two, and the last twenty in which
    something was red.  One in which nothing was put goes when it is left.
    """

    def __init__(self, keep: str | os.PathLike[str] | None = None) -> None:
        self._mark = -1
        if keep is not None:
            self.path = Path(keep)
            return
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{time.strftime('%Y%m%d-%H%M%S')}-"))
        self._mark = os.open(self.path / _MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._red = False
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(self._mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _make_room(self.path)

    def note_red(self) -> None:
        """Something in it is worth looking at, so it stays longer."""
        if self._mark >= 0:
            self._red = True
            with contextlib.suppress(OSError):  # the disk may be full
                os.write(self._mark, b"red\n")

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """It is in use no longer."""
        if self._mark < 0:
            return
        os.close(self._mark)
        self._mark = -1
        with contextlib.suppress(OSError):
            if not self._red:
                (self.path / _MARK).unlink()
            self.path.rmdir()  # refused where a trace is


class Turns:
    """The folders in which a run writes, and reads what was written, while no other run does.

    Several of a run may have a turn in one folder at a time; processes forked meanwhile have it no longer than they.
    """

    def __init__(self) -> None:
        self._of: dict[Hashable, Path] = {}
        self._held: dict[Path, int] = {}

    def take(self, who: Hashable, folder: Path) -> None:
        """Have a turn in a folder, which is made."""
        self._of[who] = folder
        if folder in self._held:
            return
        with contextlib.suppress(OSError):  # whoever writes there will hear why
            folder.mkdir(parents=True, exist_ok=True)
            self._held[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._held[folder], fcntl.LOCK_EX)

    def give(self, who: Hashable) -> None:
        """Have it no longer, if at all."""
        folder = self._of.pop(who, None)
        if folder not in self._held or folder in self._of.values():
            return
        held = self._held.pop(folder)
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_UN)
        os.close(held)

    def close(self) -> None:
        """Nobody has any."""
        for who in list(self._of):
            self.give(who)


def _make_room(own: Path) -> None:
    """Remove the folders of this user's earlier runs, but for the last."""
    found = own.parent.glob(f"{_PREFIX}*-*-*")
    others = sorted((folder for folder in found if folder != own and is_ours(folder)), key=_age)
    red = [folder for folder in others if _is_red(folder)]
    for folder in others[_LAST - 1 :]:
        if folder not in red[:_LAST_RED]:
            _remove(folder)


def is_ours(folder: Path) -> bool:
    """Whether a temporary folder was made by this user, and for nobody else."""
    try:
        about = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and stat.S_IMODE(about.st_mode) == _PRIVATE


def _age(folder: Path) -> float:
    """The youngest first."""
    try:
        return -folder.lstat().st_mtime
    except OSError:
        return 0.0


def _is_red(folder: Path) -> bool:
    try:
        return (folder / _MARK).lstat().st_size > 0
    except OSError:
        return False


def _remove(folder: Path) -> None:
    """Remove traces and the folder, unless it is in use, or holds what is no trace."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as open_files:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        open_files.callback(os.close, held)
        names = os.listdir(held)
        if _MARK in names:
            mark = os.open(_MARK, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=held)
            open_files.callback(os.close, mark)
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in names:
            if name.endswith((".pcapng", AUTHORITY)) or name == _MARK:
                os.unlink(name, dir_fd=held)
        folder.rmdir()

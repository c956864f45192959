"""A folder that lives elsewhere, in an object store say: fetched, worked on here, and brought back through fsspec."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol

from testbed.errors import MachineError, UsageError, reason
from testbed.extras import needs_extra
from testbed.protocols.text import shown
from testbed.run_folder import is_ours

_EVERY_S = 30.0
_PREFIX = "testbed-results-"
_MARK = ".fetched"
"""Beside the folder, and locked while that is worked in."""


def folder_at(place: str | None) -> StoredFolder | FolderHere:
    """A folder of this machine by its path, or by a URL that fsspec knows, such as ``s3://bucket/folder``.

    Raises what :class:`StoredFolder` does.
    """
    return StoredFolder(place) if place is not None and "://" in place else FolderHere(place)


class FolderHere:
    """A folder of this machine, which needs nothing; ``path`` is None where nobody named one."""

    def __init__(self, path: str | None) -> None:
        self.path = None if path is None else Path(path)

    def keep_up(self) -> None:
        """It is up to date."""

    def __enter__(self) -> FolderHere:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is to be brought anywhere."""


class _Files(Protocol):
    """What is used of fsspec's file systems."""

    def find(self, path: str) -> list[str]: ...
    def get_file(self, rpath: str, lpath: str) -> None: ...
    def put_file(self, lpath: str, rpath: str) -> None: ...
    def makedirs(self, path: str, exist_ok: bool) -> None: ...


class StoredFolder:
    """``path`` is a folder of this machine with what lies at ``url``; what changes in it is brought back there.

    That happens now and then (:meth:`keep_up`), and when it is left.  Where that fails, it stays here and is named.
    Raises UsageError without fsspec and for a store it does not know, MachineError where the store does not answer.
    """

    def __init__(self, url: str) -> None:
        needs_extra("cluster", "to keep results elsewhere")
        from fsspec.core import url_to_fs

        self._url = url
        try:
            self._files: _Files
            self._files, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{shown(url)} cannot be reached: {reason(error)}") from error
        self._own = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._mark = os.open(self._own / _MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(self._mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sweep(self._own)
        self.path = self._own / "results"
        self.path.mkdir()
        self._brought: dict[Path, tuple[int, int]] = {}
        self._last_s = time.monotonic()
        try:
            self._fetch()
        except BaseException:
            self._remove()
            raise

    def _fetch(self) -> None:
        try:
            for stored in self._files.find(self._root):
                here = (self.path / stored.removeprefix(self._root).lstrip("/")).resolve()
                if here != self.path and here.is_relative_to(self.path.resolve()):  # names are the store's
                    here.parent.mkdir(parents=True, exist_ok=True)
                    self._files.get_file(stored, str(here))
        except FileNotFoundError:
            pass  # nothing lies there yet
        except Exception as error:  # each kind of store has errors of its own
            raise MachineError(f"{shown(self._url)} cannot be read: {reason(error)}") from error
        self._brought = self._changed()

    def _changed(self) -> dict[Path, tuple[int, int]]:
        """Files that are not as they were last brought back, with their size and date."""
        found = {}
        for file in sorted(self.path.rglob("*")):
            if file.is_file():
                about = file.stat()
                if self._brought.get(file) != (about.st_size, about.st_mtime_ns):
                    found[file] = (about.st_size, about.st_mtime_ns)
        return found

    def keep_up(self) -> None:
        """Bring back what has changed, if that was not done just now.  A store that fails may answer the next time."""
        if time.monotonic() - self._last_s >= _EVERY_S:
            try:
                self._bring_back()
            except Exception:  # it is told at the end, if it still is so
                self._last_s = time.monotonic()

    def _bring_back(self) -> None:
        for file, about in self._changed().items():
            there = f"{self._root.rstrip('/')}/{file.relative_to(self.path).as_posix()}"
            self._files.makedirs(there.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(file), there)
            self._brought[file] = about
        self._last_s = time.monotonic()

    def __enter__(self) -> StoredFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._bring_back()
        except Exception as failure:
            (self._own / _MARK).unlink(missing_ok=True)  # so nobody sweeps it away
            os.close(self._mark)
            what = f"the results could not be brought to {shown(self._url)}: {reason(failure)}"
            raise MachineError(f"{what}; they lie in {shown(self.path)}") from failure
        self._remove()

    def _remove(self) -> None:
        os.close(self._mark)
        shutil.rmtree(self._own, ignore_errors=True)


def _sweep(own: Path) -> None:
    """Remove what this user's runs have left that were killed: nobody works there, and the store has it."""
    for folder in own.parent.glob(f"{_PREFIX}*"):
        if folder == own or not is_ours(folder):
            continue
        with contextlib.suppress(OSError), open(folder / _MARK, "r+b") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)

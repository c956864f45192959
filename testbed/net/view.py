"""What a process sees in place of the machine's files, in a mount namespace of its own; the machine's do not change.

Where something is to be seen at a path that is not there, the folder around it becomes a folder in memory, which has
the machine's entries by bind mounts.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from msgspec import Struct

from testbed.net.mounts import hide, mount, move, tree, unmount

_MS_NOSUID, _MS_NODEV = 0x2, 0x4
_BENEATH = ".beneath"
_OF_PROGRAMS = ("usr", "lib", "lib64", "bin", "sbin")


class Shown(Struct, frozen=True):
    """A file or folder, ``source``, that is seen at ``path``."""

    path: str
    source: str


class Sight(Struct, frozen=True):
    """What a program sees that others do not.

    ``over`` are unpacked trees that lie over the machine's files; ``shown`` are files and folders that are seen at
    other places, ``private`` those of them that may be written to.  Nothing comes of ``hidden``, socket files of the
    machine's.
    """

    over: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = ()
    private: tuple[Shown, ...] = ()
    hidden: tuple[str, ...] = ()

    def enter(self) -> None:
        """For this process, which has a mount namespace of its own, and all it starts.  Raises OSError."""
        for file in self.hidden:
            hide(file)
        view = _View()
        for root in self.over:
            view.lay_over(root)
        for shown in (*self.shown, *self.private):
            view.show(shown)


class _View:
    """Made within one process, whose mounts nobody else has; its methods raise OSError."""

    def __init__(self) -> None:
        self._own: set[str] = set()  # folders made here, in memory

    def show(self, shown: Shown) -> None:
        """Have a file or folder seen at its path; what was there is hidden."""
        path, source = os.path.realpath(shown.path), tree(shown.source)
        if not os.path.exists(path):
            self._make(path, is_folder=os.path.isdir(shown.source))
        move(source, path)

    def lay_over(self, root: str) -> None:
        """Have the programs of an unpacked tree seen at their places, beside or in place of the machine's."""
        for name in _OF_PROGRAMS:
            if os.path.isdir(own := os.path.join(root, name)):
                self._lay_over(own, f"/{name}")

    def _lay_over(self, unpacked: str, folder: str) -> None:
        folder = os.path.realpath(folder)
        entries = list(os.scandir(unpacked))
        anew = {entry.name: entry for entry in entries if not _both_folders(entry, os.path.join(folder, entry.name))}
        if anew:
            self._take_over(folder, without=anew)
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.name not in anew:
                self._lay_over(entry.path, path)
            elif entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
            else:
                _bind(entry.path, path)

    def _make(self, path: str, *, is_folder: bool) -> None:
        """Make an empty file or folder, and those above it that are missing."""
        above = os.path.dirname(path)
        while not os.path.isdir(above):
            above = os.path.dirname(above)
        if above not in self._own:
            self._take_over(above)
        for name in os.path.relpath(os.path.dirname(path), above).split("/"):
            above = os.path.normpath(os.path.join(above, name))
            if above not in self._own:
                os.mkdir(above)
                self._own.add(above)
        os.mkdir(path) if is_folder else Path(path).touch()

    def _take_over(self, folder: str, without: Collection[str] = ()) -> None:
        """Put a folder in memory in a folder's place, with all its entries but some."""
        beneath = os.path.join(folder, _BENEATH)
        mode, before = os.stat(folder).st_mode & 0o1777, tree(folder)
        mount("none", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode={mode:o}")
        os.mkdir(beneath)
        move(before, beneath)
        for entry in os.scandir(beneath):
            path = os.path.join(folder, entry.name)
            if entry.name in without:
                continue
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
            else:
                _bind(entry.path, path)
        unmount(beneath)
        os.rmdir(beneath)
        self._own.add(folder)


def _both_folders(entry: os.DirEntry[str], path: str) -> bool:
    return entry.is_dir(follow_symlinks=False) and os.path.isdir(path)


def _bind(source: str, path: str) -> None:
    """Have a file or folder at a path where nothing is yet."""
    os.mkdir(path) if os.path.isdir(source) else Path(path).touch()
    move(tree(source), path)

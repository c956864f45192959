"""Mounts of a mount namespace of one's own: the system calls, and what they refuse (mount(2), move_mount(2))."""

from __future__ import annotations

import ctypes
import os

from testbed.net.namespace import libc

AT_FDCWD = -100
_OPEN_TREE, _MOVE_MOUNT = 428, 429  # the same on every architecture
_MNT_DETACH = 2
_AT_RECURSIVE, _OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = 0x8000, 1, 4


def tree(path: str) -> int:
    """A descriptor of what is mounted at a path, and below it, for :func:`move`.  Raises OSError."""
    flags = _OPEN_TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC
    return check(libc.syscall(_OPEN_TREE, AT_FDCWD, os.fsencode(path), flags), path)


def move(from_tree: int, path: str) -> None:
    """Mount a tree at a path.  Raises OSError."""
    flags = _MOVE_MOUNT_F_EMPTY_PATH
    check(libc.syscall(_MOVE_MOUNT, from_tree, b"", AT_FDCWD, os.fsencode(path), flags), path)
    os.close(from_tree)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2).  Raises OSError."""
    words = (os.fsencode(source), os.fsencode(target), kind.encode() or None, flags, data.encode() or None)
    check(libc.mount(*words), target)


def unmount(path: str) -> None:
    """Take away what is mounted at a path, with all below it.  Raises OSError."""
    check(libc.umount2(os.fsencode(path), _MNT_DETACH), path)


def check(result: int, what: str) -> int:
    """The result of a system call.  Raises OSError about ``what`` for one that failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result

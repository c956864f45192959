"""Mounts of a mount namespace of one's own: the system calls, and what they refuse (mount(2), move_mount(2))."""

from __future__ import annotations

import ctypes
import os
import stat

from testbed.net.namespace import libc

AT_FDCWD = -100
_OPEN_TREE, _MOVE_MOUNT = 428, 429  # the same on every architecture
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND = 0x2, 0x4, 0x8, 0x1000
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


def own_proc() -> None:
    """Show the processes of one's own PID namespace; none where the kernel forbids even that, as in some containers."""
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    if libc.mount(b"proc", b"/proc", b"proc", flags, None) != 0:
        mount("none", "/proc", "tmpfs", flags)


def hide(file: str) -> None:
    """Have nothing come of a socket file, if it is one.  Raises OSError."""
    try:
        there = stat.S_ISSOCK(os.stat(file).st_mode)
    except OSError:
        return
    if there:
        mount("/dev/null", file, "", _MS_BIND)


def check(result: int, what: str) -> int:
    """The result of a system call.  Raises OSError about ``what`` for one that failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result

"""The errors people see: each is a sentence with its place and its remedy, never a traceback."""

from __future__ import annotations

import errno
import os


class TestbedError(Exception):
    """Something the user can act on; ``str()`` of it is shown as it is."""

    __test__ = False


class UsageError(TestbedError):
    """Wrong arguments or a wrong scenario file (exit code 2)."""


class CaptureError(UsageError):
    """A file that cannot be read as a capture at all (exit code 2)."""


class StepError(TestbedError):
    """A step of a scenario could not be played here (exit code 3); other scenarios may go on.

    ``file`` and ``line`` say where it stands, ``""`` and 0 where no line says it.
    """

    def __init__(self, cause: str, file: str = "", line: int = 0) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {cause}" if place else cause)
        self.cause = cause
        self.line = line


class ProgramError(StepError):
    """A program under test does not do its part.  What its trace shows of that is a verdict, and no error then."""


class LabError(TestbedError):
    """The lab could not be run on this machine (exit code 3): why, and what to do about it where that is known."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}; {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class NoLabError(LabError):
    """This machine does not allow labs, or lacks a program that the scenario needs."""


class MachineError(TestbedError):
    """The machine did not do its part: no room, no descriptors, nowhere to write (exit code 3)."""


_ANOTHER = "name a place that you may write to"
_ROOM = "free some space there, or name another place"
_REMEDIES = {
    errno.ENOENT: "make that folder, or set TMPDIR to another",
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "raise the limit for a file's size (ulimit -f)",
    errno.EMFILE: "raise the limit for open files (ulimit -n)",
    errno.ENFILE: "the machine has run out of open files: end other programs",
    errno.ENOMEM: "the machine has run out of memory: end other programs",
    errno.EAGAIN: "the machine allows no more processes: raise the limit (ulimit -u)",
    errno.EIO: "check the free space there, and the limits for files (ulimit -f, -n)",
    errno.EROFS: _ANOTHER,
    errno.EACCES: _ANOTHER,
    errno.EPERM: _ANOTHER,
    errno.EBADF: "it is closed: send it to a file, or to /dev/null",
}
_WRONG_NAMES = (errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)


_DATABASE_SHORTAGES = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
_SHORTAGES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS)


def shortage(error: BaseException | None) -> OSError | None:
    """What the machine had no more of (room, descriptors, memory) when something failed, None when it was not that."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _SHORTAGES:
            return error
        if getattr(error, "sqlite_errorname", "").startswith(_DATABASE_SHORTAGES):
            return OSError(errno.EIO, str(error))
        error = error.__cause__ or error.__context__
    return None


def machine_error(what: str, error: OSError) -> MachineError:
    """What failed, why, and what to do about it where that is known."""
    remedy = _REMEDIES.get(error.errno or 0, "")
    return MachineError(": ".join(filter(None, (what, reason(error)))) + (f"; {remedy}" if remedy else ""))


def not_written(what: str, error: OSError) -> TestbedError:
    """Why a file is not there: its name is wrong (UsageError), or the machine does not let it be written."""
    if error.errno in _WRONG_NAMES:
        return UsageError(f"{what}: {reason(error)}")
    return machine_error(what, error)


def reason(error: Exception) -> str:
    """Why something failed, in the system's own words where it has some: ``permission denied``."""
    text = getattr(error, "strerror", None) or str(error)
    ours = isinstance(error, OSError) and error.errno is not None and text != os.strerror(error.errno)
    return text if ours else text[:1].lower() + text[1:]

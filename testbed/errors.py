"""The errors people see: each is a sentence with its place and its remedy, never a traceback."""

from __future__ import annotations


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


class LabError(TestbedError):
    """The lab could not be run on this machine (exit code 3): why, and what to do about it where that is known."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}; {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class NoLabError(LabError):
    """This machine does not allow labs, or lacks a program that the scenario needs."""


def reason(error: Exception) -> str:
    """Why something failed, in the system's own words where it has some: ``permission denied``."""
    return (getattr(error, "strerror", None) or str(error)).lower()

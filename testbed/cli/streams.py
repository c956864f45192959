"""Standard output and error of a command: what becomes of it when they are closed, full, or their reader has gone."""

from __future__ import annotations

import contextlib
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

OUTPUT = 1


class PatientOutput(io.FileIO):
    """A descriptor to write to that never fails: the first failure is kept, and all that comes after it is lost.

    Where ``ends_with_reader``, it does fail once when its reader has gone, with BrokenPipeError.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.failed: OSError | None = None
        self.ends_with_reader = False

    def write(self, octets: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Write what can be written; gives its length, or that of all when nothing can be written any more."""
        if self.failed is None:
            try:
                return super().write(octets) or 0
            except OSError as error:
                self.failed = error
                if self.ends_with_reader and isinstance(error, BrokenPipeError):
                    raise
        return memoryview(octets).nbytes

    @property
    def lost(self) -> OSError | None:
        """Why somebody missed what was written, None where nobody did: a reader that has gone has seen enough."""
        return None if isinstance(self.failed, BrokenPipeError) else self.failed


@contextlib.contextmanager
def patient_streams() -> Iterator[PatientOutput]:
    """Have standard output and error not fail while a command runs; what is given knows whether the output has.

    A stream that was closed from the start is one that fails, and no file takes its number.
    """
    fill_closed()
    before = sys.stdout, sys.stderr
    output, errors = _patient(sys.stdout, OUTPUT), _patient(sys.stderr, OUTPUT + 1)
    sys.stdout, sys.stderr = output[0], errors[0]
    try:
        yield output[1]
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):  # a reader that has gone closes it
                stream.flush()
        sys.stdout, sys.stderr = before


def fill_closed() -> None:
    """Put something that cannot be written to in the place of standard streams that are closed."""
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= OUTPUT + 1:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115


def _patient(stream: TextIO | None, descriptor: int) -> tuple[TextIO, PatientOutput]:
    """The stream, made patient where it is one of the system's; tests put others in its place."""
    try:
        if stream is not None:
            stream.flush()
            descriptor = stream.fileno()
    except io.UnsupportedOperation:
        assert stream is not None
        return stream, PatientOutput(descriptor)
    raw = PatientOutput(descriptor)
    patient = io.TextIOWrapper(
        io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=getattr(stream, "encoding", "utf-8"),
        errors="backslashreplace",  # a terminal that lacks a character gets its number
        line_buffering=getattr(stream, "line_buffering", True) or getattr(stream, "write_through", False),
    )
    return patient, raw

"""The runs of an exploration, a line of JSON each, written as they end: what was broken off goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from testbed import __version__
from testbed.errors import not_written
from testbed.explore.candidate import FaultData
from testbed.explore.first_run import Explored
from testbed.explore.ran import Ran
from testbed.explore.tried import Faults
from testbed.protocols.text import shown
from testbed.scenario.rewritten import text_of

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class _Line:
    faults: tuple[FaultData, ...]
    ran: Ran


_LINES = TypeAdapter(_Line)


def known_runs(path: Path, explored: Explored) -> dict[str, Ran]:
    """The runs that a file has of this scenario, by :func:`key_of`; none where it is of another one, or not there.

    A line that was not written to its end is left out.
    """
    about, lines = _read(path)
    return _runs(lines) if about == _about(explored) else {}


def earlier_runs(path: Path) -> dict[str, Ran]:
    """The runs that a file has, of whatever scenario and version, by :func:`key_of`; none where there is none."""
    return _runs(_read(path)[1])


def _read(path: Path) -> tuple[bytes, list[bytes]]:
    """What it says the runs are of, and a line for each; the last may not be whole."""
    try:
        about, *lines = path.read_bytes().split(b"\n")
    except OSError:
        return b"", []
    return about, lines


def _runs(lines: Iterable[bytes]) -> dict[str, Ran]:
    return {_key(one.faults): one.ran for one in map(_line, lines) if one is not None}


class Journal:
    """Writes runs to a file.  ``known`` are those that are in it already, from which it goes on.

    Runs of another scenario or version are ``set_aside`` into a file of another name; None where there were none.
    Raises UsageError or MachineError where it cannot be written.
    """

    def __init__(self, path: Path, explored: Explored) -> None:
        self._path = path
        self.known = known_runs(path, explored)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.set_aside = None if self.known else _set_aside(path, explored)
            self._file: BinaryIO = path.open("r+b" if self.known else "wb", buffering=0)
            self._file.seek(path.read_bytes().rfind(b"\n") + 1 if self.known else 0)
            self._file.truncate()
            if not self.known:
                self._write(_about(explored))
        except OSError as error:
            raise not_written(f"{shown(path)}: the runs cannot be written", error) from error

    def note(self, faults: Faults, ran: Ran) -> None:
        """One more."""
        try:
            line = _Line(tuple(one.fault for one in faults), ran)
            self._write(_LINES.dump_json(line, exclude_defaults=True))
        except OSError as error:
            raise not_written(f"{shown(self._path)}: the runs cannot be written", error) from error
        self.known[key_of(faults)] = ran

    def close(self) -> None:
        """Have all of it on the disk."""
        os.fsync(self._file.fileno())
        self._file.close()

    def _write(self, line: bytes) -> None:
        self._file.write(line + b"\n")


def _set_aside(path: Path, explored: Explored) -> Path | None:
    """Give a file that has runs of something else another name, which is returned."""
    about, lines = _read(path)
    if not lines or about == _about(explored):
        return None
    for number in count(1):
        aside = path.with_name(f"{path.stem}.{number}{path.suffix}")
        if not os.path.lexists(aside):
            path.rename(aside)
            return aside
    raise AssertionError


def key_of(faults: Faults) -> str:
    """What a run with these faults is known by."""
    return _key([fault.fault for fault in faults])


def _key(faults: Iterable[FaultData]) -> str:
    return "\n".join(json.dumps(fault, sort_keys=True, ensure_ascii=False) for fault in faults)


def _about(explored: Explored) -> bytes:
    """The first line, which says what the runs are of."""
    said = sha256(text_of(explored.data).encode()).hexdigest()
    about = {"schema": _SCHEMA, "testbed": __version__, "file": explored.scenario.file, "scenario": said}
    return json.dumps(about, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _line(line: bytes) -> _Line | None:
    try:
        return _LINES.validate_json(line)
    except ValidationError:
        return None

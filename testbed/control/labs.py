"""The labs that are open, and those that have ended lately."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping

from testbed.bed import Bed, open_lab
from testbed.catalogue import located
from testbed.control.problems import Problem
from testbed.errors import LabError
from testbed.lab.look import LabLook
from testbed.outcome import Outcome
from testbed.scenario.scenario import Scenario

_NOTHING = LabLook(0, 0, (), ())  # of a lab that has broken off before anybody looked
MOST_OPEN = 10
_ENDED = 20  # that can still be asked about
_PATIENCE_S = 0.3  # in which a lab that is at work may come to rest before it is told to be


class ControlledLab:
    """A lab in the hands of several clients, of whom one at a time has something done in it."""

    def __init__(self, number: str, bed: Bed) -> None:
        self.number = number
        self.bed = bed
        self.outcome: Outcome | None = None
        """What became of it, once it has ended."""
        self._lock = threading.Lock()
        self._seen: LabLook | None = None

    @contextlib.contextmanager
    def turn(self) -> Iterator[Bed]:
        """The lab, in which nobody else does anything meanwhile.  Raises Problem when it has ended."""
        with self._lock:
            if self.outcome is not None:
                raise Problem(409, f"lab {self.number} has ended; what it has shown can still be asked for")
            yield self.bed

    def look(self, after: int) -> tuple[LabLook, bool]:
        """What is to be seen; while somebody has something done that takes long, what was seen last, and True."""
        if not self._lock.acquire(timeout=_PATIENCE_S if self._seen is not None else -1):
            assert self._seen is not None
            return self._seen, True
        try:
            if self.outcome is None:
                self._seen = self.bed.look(after)
            return self._seen or _NOTHING, False
        finally:
            self._lock.release()

    def shown(self) -> tuple[Outcome, bool]:
        """What the trace shows; so far, and True, where the lab is open."""
        with self._lock:
            return (self.outcome, False) if self.outcome is not None else (self.bed.so_far(), True)

    def end(self) -> Outcome:
        """End it, and judge it.  Raises LabError when it has broken off."""
        with self._lock:
            if self.outcome is None:
                with contextlib.suppress(LabError):  # it has broken off, and there is nothing more to be seen
                    self._seen = self.bed.look()
                self.bed.close()
                self.outcome = self.bed.outcome
            return self.outcome


class Labs:
    """All labs of one control server, by their numbers.

    Traces go into the folder ``keep``, or into a fresh temporary one; ``network`` and ``allow_outside`` are as for
    :func:`testbed.open_lab`.
    """

    def __init__(self, *, keep: str | None = None, network: str = "auto", allow_outside: bool = False) -> None:
        self._keep, self._network, self._allow_outside = keep, network, allow_outside
        self._labs: dict[str, ControlledLab] = {}
        self._count = self._starting = 0
        self._lock = threading.Lock()

    def bring_up(
        self, source: str | Mapping[str, object] | Scenario | None, case: str = "", *, play_steps: bool = True
    ) -> ControlledLab:
        """Open a lab, as :func:`testbed.open_lab` does; the name of a file may be one of the catalogue.

        Raises Problem when there are too many; UsageError, LabError.
        """
        if isinstance(source, str) and "\n" not in source:
            source = located(source, "scenarios")
        with self._lock:
            if sum(lab.outcome is None for lab in self._labs.values()) + self._starting >= MOST_OPEN:
                raise Problem(409, f"{MOST_OPEN} labs are open, the most there may be; end one")
            self._starting += 1
        try:
            bed = open_lab(
                source,
                case=case,
                keep=self._keep,
                play_steps=play_steps,
                network=self._network,
                allow_outside=self._allow_outside,
            )
        finally:
            with self._lock:
                self._starting -= 1
        with self._lock:
            self._count += 1
            lab = self._labs[str(self._count)] = ControlledLab(str(self._count), bed)
            for old in [one for one in self._labs.values() if one.outcome is not None][:-_ENDED]:
                del self._labs[old.number]
        return lab

    def get(self, number: str) -> ControlledLab:
        """Raises Problem for a number nobody has."""
        lab = self._labs.get(number)
        if lab is None:
            raise Problem(404, f"there is no lab '{number[:40]}'")
        return lab

    def all(self) -> list[ControlledLab]:
        """In the order in which they were opened."""
        return list(self._labs.values())

    def forget(self, number: str) -> None:
        """End a lab where it is open, and answer no more questions about it."""
        lab = self.get(number)
        try:
            lab.end()
        finally:
            with self._lock:
                self._labs.pop(number, None)

    def close(self) -> None:
        """End all that are open."""
        for lab in self.all():
            with contextlib.suppress(LabError):  # one that has broken off has ended, too
                lab.end()


def environment_of(bed: Bed) -> dict[str, str]:
    """The variables that programs are told about a lab by: TESTBED_SMTP_HOST, TESTBED_CA …"""
    return {
        name: value
        for name, value in bed.environment().items()
        if name.startswith("TESTBED_") and os.environ.get(name) != value
    }

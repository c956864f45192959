"""How a program asks its keeper for labs."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import threading
from multiprocessing.connection import Connection, wait
from typing import IO

from testbed.errors import LabError, StepError, TestbedError, reason
from testbed.fresh_process import fresh_process
from testbed.keeper.orders import Admit, Asked, Follow, LiftFault, Look, Order, Play, SetFault, Settle, ShowTrace
from testbed.lab.look import LabLook
from testbed.net.entry import Entry
from testbed.played import Played
from testbed.serving import OpenedLab

_PATIENCE_S = 15.0  # a lab that was told to end has ten, and its trace must be written
_PIECE = 1 << 20
_GONE = "the process that runs the labs has ended; its last words, if any, are on standard error"


class _Keeper:
    """The one keeper of this process, started when it is first needed."""

    def __init__(self) -> None:
        self._control, its = socket.socketpair()
        with its:
            self._process = fresh_process("testbed.keeper.process", its)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def connect(self) -> tuple[Connection, Connection]:
        """Two lines: to whoever looks after one lab, and to that lab itself."""
        (life, its_life), (lab, its_lab) = socket.socketpair(), socket.socketpair()
        with its_life, its_lab:
            socket.send_fds(self._control, [b"."], [its_life.fileno(), its_lab.fileno()])
        return Connection(life.detach()), Connection(lab.detach())

    def close(self) -> None:
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)


_keepers: dict[int, _Keeper] = {}  # by process: a fork of this one needs its own
_lock = threading.Lock()


def _keeper() -> _Keeper:
    with _lock:
        keeper = _keepers.get(os.getpid())
        if keeper is None or not keeper.alive:
            keeper = _keepers[os.getpid()] = _Keeper()
        return keeper


@atexit.register
def _close() -> None:
    keeper = _keepers.pop(os.getpid(), None)
    if keeper is not None:
        keeper.close()


class LabSession:
    """One lab: ordered, open for a while where that was ordered, played."""

    def __init__(self, order: Order) -> None:
        try:
            self._life, self._lab = _keeper().connect()
            self._life.send(order)
        except OSError as error:
            raise LabError(f"no lab can be started: {reason(error)}") from error
        self._played: Played | None = None

    def opened(self) -> OpenedLab | None:
        """Wait until the lab is open; None when it has ended before.  Raises LabError."""
        answer = self._hear()
        return answer if isinstance(answer, OpenedLab) else None

    def ask(self, order: Play | Settle | LiftFault | Follow) -> None:
        """Have something done in the open lab, and wait for it.  Raises StepError; LabError when the lab has ended."""
        self._ask(order)

    def admit(self, order: Admit) -> Entry:
        """The way in for a program.  Raises StepError; LabError when the lab has ended."""
        answer = self._ask(order)
        assert isinstance(answer, Entry)
        return answer

    def set_fault(self, order: SetFault) -> int:
        """The number of a fault that strikes from now on.  Raises as :meth:`ask` does."""
        answer = self._ask(order)
        assert isinstance(answer, int)
        return answer

    def look(self, after: int) -> LabLook:
        """What is to be seen of the lab, of its log from behind a line.  Raises as :meth:`ask` does."""
        answer = self._ask(Look(after))
        assert isinstance(answer, LabLook)
        return answer

    def copy_trace(self, into: IO[bytes]) -> None:
        """Copy the trace so far.  Raises as :meth:`ask` does."""
        answer = self._ask(ShowTrace())
        assert isinstance(answer, tuple)
        path, octets = answer
        with path.open("rb") as source:
            while octets and (piece := source.read(min(octets, _PIECE))):
                into.write(piece)
                octets -= len(piece)

    def _ask(self, order: Asked) -> object:
        with contextlib.suppress(OSError):
            self._lab.send(order)
        answer = self._hear()
        if answer is None:
            why = self.played().error
            raise LabError(why or "the lab has ended")
        if isinstance(answer, str) and answer:
            raise StepError(answer)
        return answer

    def stop(self) -> None:
        """Ask the lab to end."""
        with contextlib.suppress(OSError):
            self._life.send(None)

    def has_ended(self, within_s: float) -> bool:
        """Whether the lab ends within so many seconds, though nobody has asked it to."""
        return self._played is not None or self._life.poll(within_s)

    def played(self) -> Played:
        """Wait for the lab's end.  Raises LabError when the keeper is gone."""
        try:
            while self._played is None:
                self._receive()
        except BaseException:
            self._give_up()
            raise
        self._life.close()
        self._lab.close()
        return self._played

    def _hear(self) -> object:
        """What the lab says; None when it has ended instead."""
        try:
            while self._played is None:
                if self._life not in wait([self._lab, self._life]):
                    with contextlib.suppress(EOFError, OSError):
                        return self._lab.recv()
                self._receive()
        except BaseException:
            self._give_up()
            raise
        return None

    def _receive(self) -> None:
        try:
            answer = self._life.recv()
        except (EOFError, OSError):
            raise LabError(_GONE) from None
        if isinstance(answer, TestbedError):
            raise answer
        assert isinstance(answer, Played)
        self._played = answer

    def _give_up(self) -> None:
        """Somebody ran out of patience, or pressed Ctrl-C: the trace is kept, so its end is waited for."""
        self.stop()
        with contextlib.suppress(EOFError, OSError):
            if self._life.poll(_PATIENCE_S):
                answer = self._life.recv()
                self._played = answer if isinstance(answer, Played) else None
        self._life.close()
        self._lab.close()

"""A program of a scenario's as a process: with process numbers of its own, so that nothing it starts outlives it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from testbed.errors import LabError
from testbed.net.confinement import Confinement
from testbed.net.namespace import libc
from testbed.net.orphans import die_with_parent

_CLONE_NEWPID, _CLONE_NEWNS, _CLONE_NEWIPC = 0x20000000, 0x00020000, 0x08000000
_SIGNALLED = 128

KILL = signal.SIGUSR1
KEEPERS = 2
"""How many processes keep a program: that which is given, and one between the two.  They wait for no time."""


def start_confined(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    output: int,
    confinement: Confinement,
    move: Callable[[], None],
    *,
    errors: bool = True,
    given: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program where ``move`` puts it, with no power over anything outside.

    ``output`` is the descriptor it writes to; ``errors`` says whether its standard error goes there too.  ``given`` is
    the file it reads as its standard input, None for an empty one.

    The process that is given keeps the program: it hands on SIGTERM, ends with the program's status (128 and the
    signal's number for one that was killed), and by then nothing of it is left, whatever has become a daemon.
    :data:`KILL` tells it to kill.  It dies with its parent, and the program with it.  Raises OSError when the program
    cannot be started, LabError where the kernel does not confine it.
    """

    def prepare() -> None:
        move()
        be_kept(confinement.enter)
        os.setsid()

    try:
        return subprocess.Popen(
            command,
            stdin=given if given is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=output if errors else subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=prepare,
        )
    except subprocess.SubprocessError as error:
        raise LabError(
            "the kernel does not let programs of a scenario be shut in (it takes Linux 5.12)",
            "run 'testbed doctor' to see what is missing",
        ) from error


def be_kept(enter: Callable[[], None]) -> None:
    """Have this process keep a program in namespaces of its own; only that program returns from here.

    ``enter`` is called by the first of these process numbers.  Raises OSError.
    """
    if libc.unshare(_CLONE_NEWPID | _CLONE_NEWNS | _CLONE_NEWIPC) != 0:  # of the next process (pid_namespaces(7))
        raise PermissionError
    first = os.fork()
    if first:
        _keep(first)
    die_with_parent()
    _go_first()
    enter()
    program = os.fork()
    if program:
        _keep(program)


def _go_first() -> None:
    """Have the kernel kill this, and what it starts, before anything else when the machine has no memory left."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _keep(child: int) -> NoReturn:
    """The life of a program's keepers: one outside its process numbers, and the first inside.

    When the first ends, the kernel kills all others of these numbers; only then does its parent hear of it.
    """
    signal.set_wakeup_fd(-1)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))

    def hand_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL if number == KILL else number)

    for number in (signal.SIGTERM, signal.SIGHUP, KILL):
        signal.signal(number, hand_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, which sends it to the program as well
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else _SIGNALLED - code)

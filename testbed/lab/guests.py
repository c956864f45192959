"""Programs that somebody starts in a lab held open: by which way they come in, and whether they share its clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
from functools import partial

from testbed.errors import LabError
from testbed.lab.context import LabContext
from testbed.net.clock import Hold
from testbed.net.entry import Entry
from testbed.net.program_process import KEEPERS
from testbed.net.programs import speaking_as
from testbed.scenario.network_needs import PROGRAM, NetworkKind


class Guests:
    """Those of one lab, whose time is real by ``hold`` unless one is there that lives in scenario time."""

    def __init__(self, lab: LabContext, hold: Hold) -> None:
        self._lab = lab
        self._hold = hold
        self._voice = contextlib.ExitStack()
        self._followed: dict[int, contextlib.ExitStack] = {}

    def entry(self, host: str, *, on_clock: bool) -> Entry:
        """The way onto a host, from now on; ``on_clock`` says whether the program is to live in scenario time.

        If so, nothing of the machine's can be awaited there.  Whoever is not may still see the lab's date.
        Hosts without a network of their own share one voice: programs there speak as the host that was asked for last.
        Raises LabError where there is no scenario time for programs, and where the lab has no network of its own.
        """
        lab = self._lab
        if lab.network.kind is NetworkKind.HOST:
            raise LabError(f"a program inside the lab takes a private network: {PROGRAM}", "run 'testbed doctor'")
        clock = lab.clock.share() if on_clock else lab.clock_of(host)
        library = clock.library() if clock is not None else None
        namespace = lab.network.namespaces.get(host)
        self._voice.close()
        if namespace is None:
            self._voice.enter_context(speaking_as(lab.addresses[host], lab.network.rto_min_ms))
        hidden = lab.network.socket_files if on_clock else ()
        return Entry(
            os.getpid(),
            host,
            namespace.network if namespace is not None else None,
            lab.view.sight(host, library, hidden),
            lab.programs.variables(host) if host in lab.scenario.hosts else {},
            library,
            kept=on_clock,
        )

    def follow(self, process: int, entry: Entry) -> None:
        """Let time jump, until that process has ended, whenever the program it keeps rests: it came in by ``entry``."""
        clock = self._lab.clock.programs
        assert clock is not None
        assert entry.library is not None
        try:
            pidfd = os.pidfd_open(process)
        except ProcessLookupError:
            return
        loop = asyncio.get_running_loop()
        ended = self._followed[process] = contextlib.ExitStack()
        clock.watch(process, entry.library, keepers=KEEPERS)
        ended.callback(clock.forget, process)
        ended.enter_context(self._hold.let_go())
        ended.callback(os.close, pidfd)
        ended.callback(loop.remove_reader, pidfd)
        loop.add_reader(pidfd, partial(self._has_ended, process))

    def close(self) -> None:
        """The lab is held open no longer."""
        self._voice.close()
        for process in list(self._followed):
            self._has_ended(process)

    def _has_ended(self, process: int) -> None:
        self._followed.pop(process).close()

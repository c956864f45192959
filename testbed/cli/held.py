"""What ``testbed serve`` and ``testbed shell`` share: one scenario, its lab held open, and where its trace goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from testbed.errors import LabError, UsageError
from testbed.interruption import Interruption
from testbed.lab import preload, run
from testbed.lab.hold_open import Holder
from testbed.outcome import conclude
from testbed.protocols.text import shown
from testbed.report.annotate import annotated
from testbed.run_folder import RunFolder
from testbed.runner import Played, Runner
from testbed.scenario.load import load_cases
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.serving import HOME, ListeningService, OpenedLab

_GRACE_S = 10.0  # a lab full of mail may take a while to write its inventory


def one_scenario(options: argparse.Namespace) -> Scenario:
    """The scenario of the file that is given, or the one case that is named.  Raises UsageError."""
    path, case = options.path, options.case
    if Path(path).is_dir():
        raise UsageError(f"{shown(path)} is a folder; name one scenario file")
    found = load_cases(path, Reach(anywhere=options.allow_outside))
    for scenario in found:
        if scenario.case == (case or ""):
            return scenario
    names = "\n".join(f"  --case '{scenario.case}'" for scenario in found[:10] if scenario.case)
    more = "\n  …" if len(found) > 10 else ""
    if not names:
        raise UsageError(f"{shown(path)} has no matrix, hence no case '{case}'; leave --case out")
    raise UsageError(f"{shown(path)} has {len(found)} cases; name one of them:\n{names}{more}")


class Held:
    """One lab in a process of its own, held open until :meth:`Runner.stop`, SIGTERM, SIGHUP, or Ctrl-C if it is heeded.

    ``opened`` is called once, when the lab is open; ``tick`` ten times a second from then on.  ``line`` leads to what
    holds it open.
    """

    def __init__(
        self,
        scenario: Scenario,
        options: argparse.Namespace,
        hold: Callable[[Connection], Holder],
        opened: Callable[[OpenedLab], None],
        tick: Callable[[], None],
        *,
        heeds_ctrl_c: bool,
    ) -> None:
        self._scenario = scenario
        self._folder = RunFolder(options.keep)
        self.trace = self._folder.path / f"{scenario.name}.pcapng"
        self.line, its_line = Pipe()
        holder = hold(its_line)
        self._open = False
        self._opened = opened
        self._tick = tick
        self._interruption = Interruption(heeds_ctrl_c=heeds_ctrl_c)
        self.runner = Runner(
            lambda given, trace, tell: run(given, trace, tell, holder),
            jobs=1,
            time_limit_s=float("inf"),
            grace_s=_GRACE_S,
            interruption=self._interruption,
            on_progress=lambda given, line: print(shown(line), file=sys.stderr),
            on_tick=self._on_tick,
        )

    def live(self) -> Played:
        """Play, hold open, end; the trace, with comments, is where ``trace`` says.  Raises LabError."""
        with self._folder, self._interruption:
            preload([self._scenario])
            for played in self.runner.run([(self._scenario, self.trace)]):
                if played.error or played.skipped:
                    raise LabError(played.error or f"{shown(self._scenario.file)}: {played.skipped}")
                annotated(conclude(played))
        return played

    def _on_tick(self) -> None:
        if not self._open and self.line.poll():
            self._open = True
            self._opened(self.line.recv())
        if self._open:
            self._tick()


def show_services(out: Console, services: tuple[ListeningService, ...], *, forwarded: bool) -> None:
    """A table of what listens, and where that is reached from outside."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="quiet")
    for title in ("host", "service", "inside", *(["outside"] if forwarded else [])):
        table.add_column(title)
    for service in services:
        address = f"[{service.address}]" if ":" in service.address else service.address
        row = [Text(service.host, "host"), Text(service.name), Text(f"{address}:{service.port}")]
        if forwarded:
            row.append(Text(f"{HOME}:{service.outside}" if service.outside else "", "info"))
        table.add_row(*row)
    out.print(table)

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

from testbed.cli.found_so_far import FoundSoFar
from testbed.errors import LabError, UsageError
from testbed.interruption import Interruption
from testbed.lab import preload, run
from testbed.lab.hold_open import Holder
from testbed.outcome import Outcome, conclude
from testbed.played import Played
from testbed.protocols.text import shown
from testbed.report.annotate import annotated
from testbed.run_folder import RunFolder
from testbed.runner import Runner
from testbed.scenario.load import load_cases
from testbed.scenario.network_needs import NetworkKind
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.serving import HOME, ListeningService, OpenedLab
from testbed.trace.model.finding import Finding

_BROWSED = ("http", "https")
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

    ``opened`` is called once, when the lab is open; ``tick`` ten times a second from then on, ``told`` for each line of
    what happens in it, and ``found`` for each finding that is certain while it is open.  ``line`` leads to what holds
    it open.
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
        network: NetworkKind = NetworkKind.PRIVATE,
        told: Callable[[str], None] = lambda line: None,
        found: Callable[[Finding], None] | None = None,
    ) -> None:
        self._scenario = scenario
        self._folder = RunFolder(options.keep)
        self.trace = self._folder.path / f"{scenario.name}.pcapng"
        self.line, its_line = Pipe()
        holder = hold(its_line)
        self._open = False
        self._opened = opened
        self._tick = tick
        self._told, self._found, self._so_far = told, found, FoundSoFar()
        self.outcome: Outcome | None = None  # once it has ended
        self._interruption = Interruption(heeds_ctrl_c=heeds_ctrl_c)
        self.runner = Runner(
            lambda given, trace, tell: run(given, trace, tell, holder, network),
            jobs=1,
            time_limit_s=float("inf"),
            grace_s=_GRACE_S,
            interruption=self._interruption,
            on_progress=lambda given, line: print(shown(line), file=sys.stderr),
            on_tick=self._on_tick,
            why_not=network.why_not,
        )

    def live(self) -> Played:
        """Play, hold open, end; the trace, with comments, is where ``trace`` says.  Raises LabError."""
        with self._folder, self._interruption:
            preload([self._scenario])
            for played in self.runner.run([(self._scenario, self.trace)]):
                if played.error or played.skipped:
                    raise LabError(played.error or f"{shown(self._scenario.file)}: {played.skipped}")
                self.outcome = annotated(conclude(played))
        return played

    def _on_tick(self) -> None:
        while self.line.poll():
            said = self.line.recv()
            if isinstance(said, OpenedLab):
                self._open = True
                self._opened(said)
            else:
                self._told(said)
        if self._open:
            self._tick()
        if self._open and self._found is not None:
            for trace in self.runner.traces_so_far():
                for finding in self._so_far.news(trace):
                    self._found(finding)


def show_services(out: Console, services: tuple[ListeningService, ...], *, forwarded: bool) -> None:
    """A table of what listens, and where that is reached from outside."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="quiet")
    for title in ("host", "service", "inside", *(["outside"] if forwarded else [])):
        table.add_column(title)
    for service in services:
        address = f"[{service.address}]" if ":" in service.address else service.address
        row = [Text(service.host, "host"), Text(service.name), Text(f"{address}:{service.port}")]
        if forwarded:
            scheme = f"{service.name}://" if service.name in _BROWSED else ""
            path = "/" if scheme else ""
            row.append(Text(f"{scheme}{HOME}:{service.outside}{path}" if service.outside else "", "info"))
        table.add_row(*row)
    out.print(table)


def show_passwords(out: Console, scenario: Scenario) -> None:
    """Who can log in, and with what."""
    for name, host in scenario.hosts.items():
        for user, mailbox in getattr(host, "mailboxes", {}).items():
            line = Text.assemble((f"{user}@{name}", "host"), "  password ", (mailbox.password_to_read, "info"))
            out.print(line, soft_wrap=True)

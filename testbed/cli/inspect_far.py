"""``testbed inspect --parquet`` by a cluster: a task for each capture, whose tables come home."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from testbed.cli.cluster import cluster_of
from testbed.cli.inspected import inspected
from testbed.errors import UsageError, not_written
from testbed.protocols.text import shown
from testbed.trace.filter_missed import Missed
from testbed.whole_file import whole_file

if TYPE_CHECKING:
    from testbed.crew.cluster import DaskCrew


class CaptureOrder(Struct, frozen=True):
    """A capture that is to be inspected, by its place among all, and the name of the file of its tables."""

    number: int
    kept: str


class CaptureTold(Struct, frozen=True):
    """What there is to say of a capture besides its tables.

    ``absent``: whoever was to inspect it has no such file.  ``refused`` says why no capture can be inspected so.
    """

    number: int
    complaints: tuple[str, ...] = ()
    missed: tuple[tuple[Missed, ...] | None, ...] = ()
    absent: bool = False
    refused: str = ""


class CaptureTables(Struct, frozen=True):
    """How captures are inspected: as the options of ``testbed inspect`` say."""

    paths: tuple[str, ...]
    options: argparse.Namespace
    keep: Path

    def begin(self) -> None:
        """Load what all captures need."""
        import testbed.report.sent_tables  # noqa: F401

    def do(self, order: CaptureOrder, folder: Path) -> CaptureTold:
        """Inspect a capture; its tables go into a file."""
        from testbed.report.sent_tables import pack_tables

        path = self.paths[order.number]
        complaints: list[str] = []
        self.options.missed = []
        try:
            with whole_file(folder / order.kept) as out:
                pack_tables(inspected([path], self.options, complaints, self.paths), out)
        except UsageError as error:
            return CaptureTold(order.number, refused=str(error))
        return CaptureTold(order.number, tuple(complaints), tuple(self.options.missed), not os.path.exists(path))

    def not_done(self, order: CaptureOrder, why: str) -> CaptureTold:
        """A capture that nobody could inspect."""
        return CaptureTold(order.number, (f"{shown(self.paths[order.number])}: {why}",))


def tables_by_cluster(paths: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Write the tables of captures; what there is to complain of, in the order of the captures.

    Raises UsageError or MachineError where a cluster cannot be had, or the tables cannot be written.
    """
    from testbed.report.sent_tables import write_packed

    target = Path(options.parquet)
    with ExitStack() as ending:
        crew = cluster_of(options)
        assert crew is not None
        ending.callback(crew.dismiss)
        try:
            target.mkdir(parents=True, exist_ok=True)
            room = ending.enter_context(tempfile.TemporaryDirectory(prefix=".testbed-", dir=target))
        except OSError as error:
            raise not_written(f"{shown(target)}: Parquet cannot be written there", error) from error
        complaints: list[str] = []
        for path in write_packed(_sent(crew, CaptureTables(tuple(paths), options, Path(room)), complaints), target):
            print(shown(path))
    return complaints


def _sent(crew: DaskCrew, work: CaptureTables, complaints: list[str]) -> Iterator[Path]:
    """The files of the captures' tables, in the order of the captures, each until the next is asked for."""
    orders = [CaptureOrder(number, f"{number}.arrows") for number in range(len(work.paths))]
    waiting: dict[int, CaptureTold] = {}
    following = iter(orders)
    wanted = next(following, None)
    for told in crew.play(work, orders):
        if told is not None:
            waiting[told.number] = told
        while wanted is not None and wanted.number in waiting:
            told = waiting.pop(wanted.number)
            if told.refused:
                raise UsageError(told.refused)
            complaints += _complaints(told, work.paths[told.number])
            work.options.missed += told.missed
            file = work.keep / wanted.kept
            if file.exists():
                yield file
                file.unlink()
            wanted = next(following, None)


def _complaints(told: CaptureTold, path: str) -> Sequence[str]:
    if told.absent and os.path.exists(path):
        return [f"{shown(path)}: a worker has no such file; it has to be at the same path there"]
    return told.complaints

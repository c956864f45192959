"""``--workers`` and ``--scheduler``: the machines that share the work of a command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from testbed.cli.values import positive
from testbed.errors import UsageError

if TYPE_CHECKING:
    from testbed.crew.cluster import DaskCrew


def cluster_arguments(parser: argparse.ArgumentParser, where: str = "") -> None:
    """Both options; ``where`` begins their help: ``with --parquet: ``."""
    parser.add_argument(
        "--workers", type=positive, metavar="N", help=f"{where}share the work among N Dask workers on this machine"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=f"{where}share the work among the workers of a Dask scheduler: tcp://HOST:PORT",
    )


def wants_cluster(options: argparse.Namespace) -> bool:
    """Whether others are to do the work.  Raises UsageError where the options contradict each other."""
    if options.workers and options.scheduler is not None:
        raise UsageError("--workers starts workers on this machine, and --scheduler has others: say one of them")
    return options.workers is not None or options.scheduler is not None


def cluster_of(options: argparse.Namespace) -> DaskCrew | None:
    """Whoever is to do the work, None for nobody but this machine; whoever asks dismisses it.

    Raises UsageError or MachineError where a cluster is wanted that cannot be had.
    """
    if not wants_cluster(options):
        return None
    from testbed.crew.cluster import cluster_crew

    return cluster_crew(options.scheduler, options.workers or 0)

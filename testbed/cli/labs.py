"""Who plays the labs of a command: this machine, or the workers of a cluster."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from testbed.cli.cluster import cluster_of
from testbed.cli.network import chosen_network
from testbed.cli.progress import Progress
from testbed.interruption import Interruption
from testbed.lab_process import UNTRUSTED, USUAL
from testbed.played import Played
from testbed.runner import Runner, usual_jobs
from testbed.scenario.scenario import Scenario

T = TypeVar("T")


class Labs(Protocol):
    """Plays labs."""

    def accounts(self, work: Sequence[tuple[Scenario, Path]], account: Callable[[Played], T]) -> Iterator[T]:
        """As :meth:`testbed.runner.Runner.accounts`; where workers play, ``account`` crosses by pickle."""


def _never_red(scenario: Scenario) -> str:
    """Nothing is an error unplayed."""
    return ""


@contextlib.contextmanager
def labs(
    options: argparse.Namespace,
    scenarios: Sequence[Scenario],
    interruption: Interruption,
    progress: Progress,
    *,
    why_not: Callable[[Scenario], str],
    why_red: Callable[[Scenario], str] = _never_red,
) -> Iterator[Labs]:
    """Whoever plays these scenarios, as long as they are wanted.

    ``why_not`` is asked here, ``why_red`` where a lab would be played.  Raises UsageError or MachineError where a
    cluster is wanted that cannot be had.
    """
    bounds = UNTRUSTED if options.untrusted else USUAL
    crew = cluster_of(options)
    if crew is not None:
        from testbed.sent_labs import SentLabs

        with contextlib.ExitStack() as ending:
            ending.callback(crew.dismiss)
            yield SentLabs(
                crew,
                network=options.network,
                time_limit_s=options.time_limit,
                interruption=interruption,
                bounds=bounds,
                on_tick=progress.tick,
                why_not=why_not,
                why_red=why_red,
            )
        return
    from testbed.lab import preload, run

    preload(scenarios)
    network = chosen_network(options)
    yield Runner(
        partial(run, network=network),
        jobs=min(options.jobs or usual_jobs(), max(1, len(scenarios))),
        time_limit_s=options.time_limit,
        interruption=interruption,
        bounds=bounds,
        on_progress=progress.say,
        on_tick=progress.tick,
        why_not=lambda scenario: why_not(scenario) or network.why_not(scenario),
        why_red=why_red,
    )

"""What a crew does for who explores."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from testbed.explore.first_run import Explored
from testbed.explore.ran import Came, Order, Ran


class Engagement(Struct, frozen=True):
    """Runs of a scenario with faults.

    ``keep`` is the folder of the traces that stay, ``oracles`` are the names of a team's own.
    """

    explored: Explored
    keep: Path
    time_limit_s: float
    oracles: tuple[str, ...] = ()

    def begin(self) -> None:
        """Load what all runs need."""
        import testbed.explore.play  # noqa: F401
        from testbed.lab import preload
        from testbed.net import forge

        preload([self.explored.scenario])
        if self.explored.candidates:  # some of them
            forge.preload()

    def do(self, order: Order, folder: Path) -> Ran:
        """Play a run."""
        from testbed.explore.play import play

        return play(self.explored, order, folder, self.time_limit_s, self.oracles)

    def not_done(self, order: Order, why: str) -> Ran:
        """A run that nobody could play."""
        return Ran(order.number, Came.NOT_OVER, error=why)

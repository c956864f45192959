"""All findings of a capture, from which one goes to their connections and frames."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer
from textual.worker import get_current_worker

from testbed.report.clock import Clock
from testbed.trace.analysis import Analysis
from testbed.view.connection_screen import ConnectionScreen
from testbed.view.detail import Detail, Headline
from testbed.view.findings import Evidence, Findings, of_capture
from testbed.view.rows import Rows
from testbed.view.words import told


class FindingsScreen(Screen[None]):
    """Findings, and below each the frames it cites."""

    BINDINGS = [  # noqa: RUF012 - so textual declares it
        Binding("escape", "dismiss", "Back"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, analyses: Sequence[Analysis], clock: Clock) -> None:
        super().__init__()
        self._analyses, self._clock = analyses, clock

    def compose(self) -> ComposeResult:
        yield Headline()
        yield Findings()
        yield Detail()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one(Findings).focus()
        self.query_one(Headline).update(told("Findings · looking …"))
        self.run_worker(self._look, thread=True)

    def on_rows_moved(self, message: Rows.Moved) -> None:
        self.query_one(Detail).update(self.query_one(Findings).in_full())

    def on_rows_opened(self, message: Rows.Opened) -> None:
        chosen = self.query_one(Findings).chosen
        if chosen is not None and chosen.place is not None:
            self.app.push_screen(ConnectionScreen(chosen.place, self._clock, frame=chosen.frame))

    def _look(self) -> None:
        """In a thread of its own, for a large capture takes its time."""
        worker = get_current_worker()
        found = of_capture(self._analyses)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._found, found)

    def _found(self, found: Sequence[Evidence]) -> None:
        self.query_one(Headline).update(told(f"Findings · {len({id(one.told) for one in found}):,}"))
        self.query_one(Findings).fill(found)

"""The first screen: the list of connections, those that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer, Input
from textual.worker import get_current_worker

from testbed.errors import UsageError
from testbed.plural import count
from testbed.report.clock import Clock
from testbed.report.timeline import logged
from testbed.trace.analysis import Analysis
from testbed.trace.filter import parse_filter
from testbed.view.asking import Asking
from testbed.view.connection_screen import ConnectionScreen
from testbed.view.connections import Connections, in_full
from testbed.view.detail import Detail, Headline
from testbed.view.findings_screen import FindingsScreen
from testbed.view.place import Place
from testbed.view.rows import Rows
from testbed.view.wanted import EVERYTHING, Wanted, wanted
from testbed.view.words import told

_ANY = parse_filter("finding=any")
_AT_FIRST = 50  # connections found, until they are shown


class ListScreen(Screen[None]):
    """Connections, ``/`` to look for some of them."""

    BINDINGS = [  # noqa: RUF012 - so textual declares it
        Binding("slash", "ask", "Search", key_display="/"),
        Binding("w", "remarkable", "With findings"),
        Binding("f", "findings", "Findings"),
        Binding("o", "log", "Log"),
        Binding("escape", "everything", "All"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, name: str, clock: Clock, *, follows: bool) -> None:
        super().__init__()
        self._of, self._clock, self._follows = name, clock, follows
        self._analyses: list[Analysis] = []
        self._wanted = EVERYTHING
        self._told = ""
        self._looking = False
        self._logs = False  # whether what hosts logged is shown

    def compose(self) -> ComposeResult:
        yield Headline()
        yield Connections(self._clock)
        yield Detail()
        yield Asking(placeholder="words, or conditions such as service=smtp finding=any reply=452 host=…")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.shown.focus()
        self.shown.fill(())
        self._headline()

    @property
    def shown(self) -> Connections:
        """The connections shown."""
        return self.query_one(Connections)

    def add(self, analysis: Analysis) -> None:
        """More connections, below those there are."""
        self._analyses.append(analysis)
        shown = self.shown
        at_end = self._follows and shown.cursor >= shown.number - 1
        places = [*shown.places, *self._wanted.among(analysis)]
        self._fill(places, places[-1] if at_end and places else shown.chosen)
        self._headline()

    def forget(self, analysis: Analysis) -> None:
        """The connections of an analysis are shown no longer."""
        self._analyses.remove(analysis)
        shown = self.shown
        self._fill([place for place in shown.places if place.analysis is not analysis], shown.chosen)

    def _fill(self, places: Sequence[Place], chosen: Place | None) -> None:
        entries = [one for analysis in self._analyses for one in logged(analysis)] if self._logs else []
        self.shown.fill(places, chosen, filter(self._wanted.wants, entries))

    @property
    def _none(self) -> str:
        """Why there is no connection to be seen."""
        if self._looking:
            return "Looking …"
        if self._wanted is not EVERYTHING:
            return "No connection is like this: Escape shows all."
        return "No connection has ended yet." if self._follows else "No connection is in it."

    def say(self, text: str) -> None:
        """Tell something on top."""
        self._told = text
        self._headline()

    def on_rows_moved(self, message: Rows.Moved) -> None:
        line = self.shown.under_cursor
        self.query_one(Detail).update(in_full(line) if line is not None else told(self._none, "quiet"))

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if (chosen := self.shown.chosen) is not None:
            self.app.push_screen(ConnectionScreen(chosen, self._clock))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        try:
            self._look_for(wanted(message.value))
        except UsageError as error:
            self.query_one(Detail).update(told(str(error), "error"))
            return
        self.query_one(Asking).action_leave()

    def action_ask(self) -> None:
        self.query_one(Asking).ask()

    def action_findings(self) -> None:
        self.app.push_screen(FindingsScreen(tuple(self._analyses), self._clock))

    def action_log(self) -> None:
        """What hosts logged, between the connections; again, without."""
        if not any(analysis.log for analysis in self._analyses):
            self.say("no host of a lab logged into it")
            return
        self._logs = not self._logs
        self._fill(self.shown.places, self.shown.chosen)

    def action_everything(self) -> None:
        self.query_one(Asking).value = ""
        self._look_for(EVERYTHING)

    def action_remarkable(self) -> None:
        """Only those with findings; again, the others too."""
        now = self._wanted
        rest = tuple(one for one in now.filters if one != _ANY)
        self._look_for(replace(now, filters=rest if _ANY in now.filters else (*rest, _ANY)))

    def _look_for(self, sought: Wanted) -> None:
        self._wanted, self._looking = sought, True
        chosen = self.shown.chosen
        self.shown.fill(())
        self.run_worker(partial(self._look, sought, chosen), thread=True, exclusive=True, group="looking")

    def _look(self, sought: Wanted, chosen: Place | None) -> None:
        """In a thread of its own, for a large capture takes its time."""
        found: list[Place] = []
        worker, shown = get_current_worker(), 0
        for analysis in tuple(self._analyses):
            for place in sought.among(analysis):
                if worker.is_cancelled:
                    return
                found.append(place)
                if len(found) > max(_AT_FIRST, 2 * shown):
                    shown = len(found)
                    self.app.call_from_thread(self._found, sought, tuple(found), chosen)
        self.app.call_from_thread(self._found, sought, tuple(found), chosen, over=True)

    def _found(self, sought: Wanted, found: Sequence[Place], chosen: Place | None, *, over: bool = False) -> None:
        """``chosen`` was under the cursor when the looking began; it is gone back to when that is ``over``."""
        if sought is not self._wanted:
            return
        self._looking = not over
        back = over and not self.shown.cursor and chosen in found
        self._fill(found, chosen if back else self.shown.chosen)
        self._headline()

    def _headline(self) -> None:
        every = sum(len(analysis.connections) for analysis in self._analyses)
        shown = count(every, "connection")
        conditions = [self._wanted.text] if self._wanted.text else []
        conditions += (
            ["with findings"] if _ANY in self._wanted.filters and "finding=any" not in self._wanted.text else []
        )
        conditions += ["looking …"] if self._looking else []
        if conditions:
            shown = f"{self.shown.number:,} of {shown} · {', '.join(conditions)}"
        problems = [problem for analysis in self._analyses[-1:] for problem in analysis.problems]
        parts = (self._of, shown, self._told, *(f"▲ {problem}" for problem in problems[:1]))
        self.query_one(Headline).update(told(" · ".join(filter(None, parts))))

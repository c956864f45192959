"""One connection: its ladder, its packets with their octets, its messages, its findings."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer, Input, TabbedContent, TabPane

from testbed.report.clock import Clock
from testbed.report.timeline import vital_signs, worst_of
from testbed.view.asking import Asking
from testbed.view.detail import Detail, Headline
from testbed.view.findings import Findings, of_connection
from testbed.view.ladder import Ladder
from testbed.view.lines import Lines
from testbed.view.message import message_lines
from testbed.view.packets import Packets, octets_of
from testbed.view.place import Place
from testbed.view.rows import Rows
from testbed.view.words import joined, sign, told


class ConnectionScreen(Screen[None]):
    """``frame`` is the packet to begin with, 0 for the ladder."""

    CSS = """
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    #octets { height: 1fr; border-top: solid $foreground 30%; }
    """
    BINDINGS = [  # noqa: RUF012 - so textual declares it
        Binding("l", "tab('ladder')", "Ladder"),
        Binding("p", "tab('packets')", "Packets"),
        Binding("m", "tab('message')", "Mail"),
        Binding("f", "tab('findings')", "Findings"),
        Binding("slash", "ask", "Search", key_display="/"),
        Binding("n", "again(1)", "Next"),
        Binding("N", "again(-1)", "Previous", show=False),
        Binding("escape", "dismiss", "Back"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, place: Place, clock: Clock, *, frame: int = 0) -> None:
        super().__init__()
        self._place, self._clock, self._frame = place, clock, frame
        self._sought = ""
        self._read = False  # whether its messages were

    def compose(self) -> ComposeResult:
        yield Headline()
        with TabbedContent(initial="packets" if self._frame else "ladder"):
            with TabPane("Ladder", id="ladder"):
                yield Ladder(self._place)
            with TabPane("Packets", id="packets"):
                yield Packets(self._place)
                yield Lines(id="octets")
            with TabPane("Mail", id="message"):
                yield Lines(id="letters")
            with TabPane("Findings", id="findings"):
                yield Findings()
        yield Detail()
        yield Asking(placeholder="words to be found on this page; n goes on to the next place")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        connection = self._place.connection
        ends = f"#{connection.number} {connection.service} {connection.client.label} → {connection.server.label}"
        title = Text(" ").join((sign(worst_of(connection)), told(f"{ends} · {connection.outcome}")))
        self.query_one(Headline).update(title)
        self.query_one(Findings).fill(of_connection(self._place))
        if self._frame:
            self.call_after_refresh(self.query_one(Packets).go_to, self._frame)
        self._focus()

    @property
    def rows(self) -> Rows:
        """The list of the page that is shown."""
        return self.query_one(f"#{self.query_one(TabbedContent).active or 'ladder'} Rows", Rows)

    def on_tabbed_content_tab_activated(self, message: TabbedContent.TabActivated) -> None:
        if self.query_one(TabbedContent).active == "message" and not self._read:
            self._read = True
            self.query_one("#letters", Lines).fill(message_lines(self._place))
        self._focus()

    def on_rows_moved(self, message: Rows.Moved) -> None:
        packets = self.query_one(Packets)
        if message.rows is packets:
            self.query_one("#octets", Lines).fill([*octets_of(self._place.analysis, packets.frame)])
        if message.rows is self.rows:
            self._detail()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        """Go to the packet of what is under the cursor, in another connection where it belongs to that."""
        rows, place, frame = message.rows, self._place, 0
        if isinstance(rows, Ladder):
            frame = rows.frame
        elif isinstance(rows, Findings) and (chosen := rows.chosen) is not None and chosen.place is not None:
            place, frame = chosen.place, chosen.frame
        if frame and place.number != self._place.number:
            self.app.push_screen(ConnectionScreen(place, self._clock, frame=frame))
        elif frame:
            self.action_tab("packets")
            self.call_after_refresh(self.query_one(Packets).go_to, frame)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self._sought = message.value.strip().lower()
        self.query_one(Asking).action_leave()
        self._focus()
        self.action_again(1)

    def action_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name

    def action_ask(self) -> None:
        self.query_one(Asking).ask()

    def action_again(self, step: int) -> None:
        """Go on to the next place where the words stand."""
        if self._sought and not self.rows.seek(lambda text: self._sought in text, step):
            detail = self.query_one(Detail)
            detail.display = True
            detail.update(told(f"not on this page: {self._sought}", "error"))

    def _focus(self) -> None:
        self.rows.focus()
        self._detail()

    def _detail(self) -> None:
        rows, detail = self.rows, self.query_one(Detail)
        detail.display = isinstance(rows, Ladder | Findings)
        if isinstance(rows, Ladder) and rows.cursor == 0:
            detail.update(joined(told(" · ".join(vital_signs(self._place.connection, self._clock))), rows.in_full()))
        elif isinstance(rows, Ladder | Findings):
            detail.update(rows.in_full())

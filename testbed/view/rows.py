"""A list of any length, a line for each row, of which only those on the screen are made."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from testbed.protocols.text import printable

_CURSOR = Style(reverse=True)  # seen without colours, too


class Rows(ScrollView):
    """Rows with a cursor; a subclass tells the text of each."""

    can_focus = True
    DEFAULT_CSS = "Rows { overflow-x: hidden; scrollbar-size-vertical: 1; height: 1fr; }"
    BINDINGS = [  # noqa: RUF012 - so textual declares it
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("home,g", "end(-1)", "First", show=False),
        Binding("end,G", "end(1)", "Last", show=False),
        Binding("enter", "open", "Open", key_display="↵"),
    ]

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

    class Opened(Message):
        """Somebody wants to see more of the row under the cursor."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.number = 0
        self.cursor = 0

    def text_of(self, place: int, width: int) -> Text:
        """The row at a place, from 0, for so many cells."""
        raise NotImplementedError

    def show(self, number: int, cursor: int = 0) -> None:
        """There are so many rows now, with the cursor on one of them."""
        self.number = number
        self.virtual_size = Size(1, number)
        self.refresh()
        self.go(cursor)

    def go(self, place: int) -> None:
        """Move the cursor, to the nearest row there is."""
        self.cursor = max(0, min(place, self.number - 1))
        self._keep_in_sight()
        self.refresh()
        self.post_message(self.Moved(self))

    def seek(self, wanted: Callable[[str], bool], step: int = 1) -> bool:
        """Move on to the next row whose text is wanted, round the end where there is none; whether there is one."""
        for by in range(1, self.number + 1):
            place = (self.cursor + by * step) % self.number
            if wanted(self.text_of(place, 1_000).plain.lower()):
                self.go(place)
                return True
        return False

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width, place = self.scrollable_content_region.width, self.scroll_offset.y + y
        style = self.rich_style
        if place >= self.number:
            return Strip.blank(width, style)
        text = self.text_of(place, width)
        if not text.plain.isprintable():  # a widget that forgot to see to it
            text = Text(printable(text.plain))
        text.truncate(width, overflow="ellipsis", pad=True)
        style += _CURSOR if place == self.cursor and self.has_focus else Style()
        segments = [part for part in text.render(self.app.console) if part.text]
        return Strip([*Segment.apply_style(segments, style)]).adjust_cell_length(width, style)

    def action_move(self, by: int) -> None:
        self.go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.go(self.cursor + by * max(1, self.size.height - 1))

    def action_end(self, which: int) -> None:
        self.go(0 if which < 0 else self.number - 1)

    def action_open(self) -> None:
        if self.number:
            self.post_message(self.Opened(self))

    def on_click(self, event: Click) -> None:
        """Choose a row, and open the one that was chosen already."""
        place = self.scroll_offset.y + event.y
        if place < self.number:
            if place == self.cursor:
                self.action_open()
            else:
                self.go(place)

    def on_resize(self, event: Resize) -> None:
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        if self.size.height:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)

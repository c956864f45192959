"""The line in which somebody types what to look for."""

from __future__ import annotations

from textual.binding import Binding
from textual.widgets import Input


class Asking(Input):
    """It is there while it is typed in; Escape leaves it as it was."""

    DEFAULT_CSS = "Asking { height: 1; border: none; padding: 0 1; display: none; }"
    BINDINGS = [Binding("escape", "leave", "Back")]  # noqa: RUF012 - so textual declares it

    def ask(self) -> None:
        """Show it, with what was typed last."""
        self.display = True
        self.focus()

    def action_leave(self) -> None:
        """Hide it."""
        self.display = False
        self.screen.focus_next("Rows")

"""What has no room in a row, below the list, for the row under the cursor."""

from __future__ import annotations

from textual.widgets import Static


class Detail(Static):
    """Four lines, folded."""

    DEFAULT_CSS = "Detail { height: 5; border-top: solid $foreground 30%; padding: 0 1; }"


class Headline(Static):
    """One line on top of a screen that says what is shown."""

    DEFAULT_CSS = "Headline { height: 1; text-style: bold; background: $foreground 15%; padding: 0 1; }"

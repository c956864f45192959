"""Text to be read from top to bottom, folded to the width there is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.events import Resize

from testbed.view.rows import Rows


class Lines(Rows):
    """Lines, each without a line feed in it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._whole: Sequence[Text] = ()
        self._folded: Sequence[Text] = ()

    def fill(self, lines: Sequence[Text]) -> None:
        """Show other lines, from the first on."""
        self._whole = lines
        self._fold(0)

    def text_of(self, place: int, width: int) -> Text:
        return self._folded[place].copy()

    def on_resize(self, event: Resize) -> None:
        self._fold(self.cursor)

    def _fold(self, cursor: int) -> None:
        width = self.scrollable_content_region.width
        if width:
            self._folded = [part for line in self._whole for part in folded(line, width)]
            self.show(len(self._folded), cursor)


def folded(line: Text, width: int) -> list[Text]:
    """The line in pieces that have room in so many cells."""
    if cell_len(line.plain) <= width:
        return [line]
    cuts, used = list[int](), 0
    for place, character in enumerate(line.plain):
        used += (size := cell_len(character))
        if used > width:
            cuts.append(place)
            used = size
    return list(line.divide(cuts))

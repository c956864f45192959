"""What is typed behind ``/``: conditions as ``testbed inspect --filter`` has them, and words to be found anywhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from testbed.errors import UsageError
from testbed.trace.analysis import ONE_BY_ONE, Analysis
from testbed.trace.filter import Filter, choose, parse_filter
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import AnyEntry
from testbed.view.place import Place

_AT_A_TIME = ONE_BY_ONE + 1  # so many that their kinds are asked first


class Wanted(Struct, frozen=True):
    """Connections that pass every filter and hold every word, in lower case."""

    text: str = ""
    filters: tuple[Filter, ...] = ()
    words: tuple[str, ...] = ()

    def among(self, analysis: Analysis) -> Iterator[Place]:
        """Those of an analysis that are wanted, one after the other, for looking takes its time."""
        numbers = analysis.connections.numbers
        for start in range(0, len(numbers), _AT_A_TIME):
            some = replace(analysis, chosen=tuple(numbers[start : start + _AT_A_TIME]))
            chosen = choose(some, self.filters) if self.filters else some
            for number in chosen.connections.numbers:
                place = Place(analysis, number)
                if not self.words or self._found_in(place.connection):
                    yield place

    def wants(self, entry: AnyEntry) -> bool:
        """Whether what a host logged is; no condition holds for that."""
        said = f"{entry.host}: {entry.message}".lower()
        return not self.filters and all(word in said for word in self.words)

    def _found_in(self, connection: Connection) -> bool:
        said = "\n".join(_said(connection)).lower()
        return all(word in said for word in self.words)


EVERYTHING = Wanted()


def wanted(text: str) -> Wanted:
    """``service=smtp 'mailbox full'``: quotes keep words together.  Raises UsageError for a condition there is not."""
    try:
        parts = shlex.split(text)
    except ValueError:  # a quote that is never closed is a letter like any other
        parts = text.split()
    try:
        filters = tuple(parse_filter(part) for part in parts if "=" in part)
    except UsageError as error:
        raise UsageError(str(error).removeprefix("--filter ")) from None
    return Wanted(text.strip(), filters, tuple(part.lower() for part in parts if "=" not in part))


def _said(connection: Connection) -> Iterator[str]:
    """All that a search looks at."""
    yield f"#{connection.number} {connection.service} {connection.outcome}"
    for end in (connection.client, connection.server):
        yield f"{end} {end.name}"
    for finding in connection.findings:
        yield f"{finding.code} {finding.text}"
    for exchange in connection.exchanges:
        if exchange.command is not None:
            yield f"{exchange.command.verb} {exchange.command.argument}"
        for reply in exchange.replies:
            yield f"{reply.status} {' '.join(reply.lines)}"
    for message in connection.messages:
        letter = message.letter
        yield f"{letter.subject} {letter.author} {letter.message_id}"

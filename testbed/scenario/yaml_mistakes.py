"""What is wrong with a text that is not YAML, in words for whoever wrote it.

The parser's words name its own state ("expected <block end>"); a table turns them into what to do.  Its words that
are not in the table are passed on.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct
from ruamel.yaml.error import MarkedYAMLError, StreamMark

_QUOTES = "put the value in quotes"
_LONGEST_KEY = 1_024  # YAML 1.2.2 §7.4.3


class Mistake(Struct, frozen=True):
    """``line`` and ``column`` count from 1; 0 where the parser names no place."""

    line: int
    column: int
    words: str


class _Seen(Struct, frozen=True):
    """What the parser stumbled over at ``here``, and where that began."""

    lines: list[str]
    here: StreamMark
    began: StreamMark
    found: re.Match[str]

    def at(self, mark: StreamMark) -> str:
        """The character at a place, "" at the end of the text."""
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return line[mark.column : mark.column + 1]


def mistake(error: MarkedYAMLError, lines: list[str], opened: list[StreamMark]) -> Mistake:
    """What to say of an error; ``opened`` are the places of the brackets and braces not closed before it."""
    said = " ".join(part for part in (error.context, error.problem) if part)
    here = error.problem_mark or error.context_mark
    if here is None:
        return Mistake(0, 0, said)
    began = error.context_mark or here
    if opened and (here.line >= len(lines) - 1 and "<stream end>" in said):
        began = opened[-1]
    for pattern, tell in _TABLE:
        if found := pattern.search(said):
            mark, words = tell(_Seen(lines, here, began, found))
            return Mistake(mark.line + 1, mark.column + 1, words)
    return Mistake(here.line + 1, here.column + 1, said)


_Told = tuple[StreamMark, str]


def _unclosed(seen: _Seen) -> _Told:
    if seen.here.line > seen.began.line:
        return seen.began, f"this '{seen.at(seen.began)}' is not closed"
    column = seen.began.column + 1
    wanted = "]" if seen.at(seen.began) == "[" else "}"
    return seen.here, f"',' or '{wanted}' is missing here: the '{seen.at(seen.began)}' at column {column} is still open"


def _key_in_a_value(seen: _Seen) -> _Told:
    line, before = seen.lines[seen.here.line], seen.lines[seen.here.line - 1] if seen.here.line else ""
    if seen.here.column > _LONGEST_KEY:
        return seen.here, f"a key is longer than {_LONGEST_KEY:,} characters"
    if ": " in line[: seen.here.column]:
        return seen.here, f"a second colon on one line; {_QUOTES}"
    if re.match(r"[\s-]*\w+:\S", before):
        return seen.here, "a key cannot stand here; the line above has no space after its colon"
    if before and ":" not in before:
        return seen.here, "a key cannot stand here; the line above has no colon"
    return seen.here, "this line is indented deeper than the one above, which has a value already"


def _says(words: str, *, at_start: bool = False) -> Callable[[_Seen], _Told]:
    """A sentence with ``{char}``, the character there, and ``{word}``, what the pattern's group found."""

    def tell(seen: _Seen) -> _Told:
        place = seen.began if at_start else seen.here
        word = seen.found[1] if seen.found.re.groups else ""
        return place, words.format(char=seen.at(place), word=word)

    return tell


_TABLE: tuple[tuple[re.Pattern[str], Callable[[_Seen], _Told]], ...] = tuple(
    (re.compile(pattern), tell)
    for pattern, tell in (
        (r"found character '\\t'", _says("indent with spaces, not with tabs")),
        (r"found character '(.)' that cannot", _says(f"a value cannot begin with '{{word}}'; {_QUOTES}")),
        (r"quoted scalar found unexpected end", _says("this quote, {char}, is not closed", at_start=True)),
        (
            r"found unknown escape character '(.)'",
            _says("'\\{word}' means nothing in double quotes; use single quotes"),
        ),
        (r"double-quoted scalar", _says("a backslash stands before something other than an escape; use single quotes")),
        (r"but found '<stream end>'|expected ',' or '[]}]'", _unclosed),
        (r"flow node .* found '-'", _says("an item with a dash cannot stand in brackets; write [a, b]")),
        (r"but found '([\]}])'", _says("this '{word}' closes nothing")),
        (r"but found '<scalar>'", _says("more text after a closing quote; a quote within quotes is doubled: 'Bob''s'")),
        (r"but found '<block", _says("this line is indented like none above it that it could belong to")),
        (r"block collection .* but found '\?'", _says("this is not an item of the list above; items begin with '- '")),
        (r"but found '([,:?])'", _says(f"a value cannot begin with '{{word}}'; {_QUOTES}")),
        (r"block mapping .* but found '-'", _says("an item of a list stands among keys; a list belongs under a key")),
        (r"^mapping values are not allowed", _key_in_a_value),
        (r"could not find expected ':'", _says("this line is neither 'key: value' nor '- item'", at_start=True)),
        (r"^sequence entries are not allowed", _says("a list begins on a line of its own, or is written [a, b]")),
        (r"found undefined alias '(.+)'", _says(f"there is no anchor '&{{word}}'; if it is a plain value, {_QUOTES}")),
        (
            r"(?:anchor|alias|tag|block scalar) expected|scanning an? tag .*codec",
            _says(f"a value cannot begin with '{{char}}'; {_QUOTES}", at_start=True),
        ),
        (r"found undefined tag handle '(.+)'", _says("the tag '{word}' is not allowed here")),
        (r"expected '<document start>'|scanning an? directive", _says("a line cannot begin with '%'")),
    )
)

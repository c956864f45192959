"""Which reply answers which command where parts of a dialogue are not in the capture.

Replies come in the order of the commands.  A hole on the client's side may hold any number of commands, one on the
server's any number of replies.  So there are several ways in which all can belong together; what is the same in every
one of them is certain, and nothing else is told.  Sequence numbers leave few ways: no server answers what it has not
received, no client has acknowledged what answers its command, and one that goes on after it has heard something has
heard all replies to what it had said before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from testbed.protocols.tcp import distance
from testbed.trace.services.lines import UNPLACED, Place

_MOST = 40_000  # commands times replies

Words = TypeVar("Words")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Spoken(Struct, Generic[Words], frozen=True):
    """A command or a reply; ``behind_hole`` tells that something before it is not in the capture."""

    words: Words
    place: Place = UNPLACED
    behind_hole: bool = False


def certain(
    asked: Sequence[Spoken[Asked]],
    answers: Sequence[Spoken[Answer]],
    fits: Callable[[Asked, Answer], bool],
    *,
    ends_in_hole: tuple[bool, bool],
    all_answered: bool,
    several: Callable[[Asked], bool] = lambda words: False,
    begun: bool = False,
    unasked: Callable[[Answer], bool] = lambda words: False,
) -> list[int | None]:
    """For each answer the place of the command it answers, None where that is not certain, or not in the capture.

    ``ends_in_hole`` tells of both sides whether something is missing behind the last.  ``all_answered`` tells that no
    command waits for its reply any more.  A command may have ``several`` answers; the first has had one before where it
    has ``begun``.  No command in a hole has one that comes ``unasked``.
    """
    if len(asked) * len(answers) > _MOST:
        return [None] * len(answers)
    ways = _Ways(asked, answers, fits, ends_in_hole, several, unasked, begun=begun, all_answered=all_answered)
    return ways.certain()


class _Ways(Generic[Asked, Answer]):
    """All ways; ``(i, j)`` stands before the ``i``-th command and the ``j``-th answer, and the holes before them."""

    def __init__(
        self,
        asked: Sequence[Spoken[Asked]],
        answers: Sequence[Spoken[Answer]],
        fits: Callable[[Asked, Answer], bool],
        ends_in_hole: tuple[bool, bool],
        several: Callable[[Asked], bool],
        unasked: Callable[[Answer], bool],
        *,
        begun: bool,
        all_answered: bool,
    ) -> None:
        self._begun = begun
        self._asked, self._answers = asked, answers
        self._asked_holes = [*(one.behind_hole for one in asked), ends_in_hole[0]]
        self._answer_holes = [*(one.behind_hole for one in answers), ends_in_hole[1]]
        self._several = [several(one.words) for one in asked]
        self._fit = [
            [self._in_time(i, j) and fits(asked[i].words, answers[j].words) for j in range(len(answers))]
            for i in range(len(asked))
        ]
        self._unasked = [unasked(one.words) for one in answers]
        self._unknown = [[self._may_be_of_hole(i, j) for j in range(len(answers))] for i in range(len(asked) + 1)]
        self._all_answered = all_answered

    def certain(self) -> list[int | None]:
        """What is the same in all ways."""
        before, behind = self._before(), self._behind()
        found: list[int | None] = []
        for j in range(len(self._answers)):
            options = {
                i
                for i in range(len(self._asked))
                if self._fit[i][j]
                and (
                    (before[i][j] and behind[i + 1][j + 1])
                    or (self._several[i] and before[i + 1][j] and behind[i + 1][j + 1])
                )
            }
            alone = any(self._unknown[i][j] and before[i][j] and behind[i][j + 1] for i in range(len(self._asked) + 1))
            found.append(options.pop() if len(options) == 1 and not alone else None)
        return found

    def _steps(self, i: int, j: int) -> list[tuple[int, int]]:
        """Where a way goes on from there."""
        asks, says = i < len(self._asked), j < len(self._answers)
        steps = []
        if asks and says and self._fit[i][j]:
            steps.append((i + 1, j + 1))
        if asks and (self._answer_holes[j] or (i == 0 and self._begun)):
            steps.append((i + 1, j))  # its reply is in the hole, or has come
        if says and self._unknown[i][j]:
            steps.append((i, j + 1))  # its command is in the hole
        if says and i and self._several[i - 1] and self._fit[i - 1][j]:
            steps.append((i, j + 1))
        return steps

    def _before(self) -> list[list[bool]]:
        """From where the beginning can be reached."""
        reached = self._grid()
        reached[0][0] = True
        for i in range(len(self._asked) + 1):
            for j in range(len(self._answers) + 1):
                if reached[i][j]:
                    for to in self._steps(i, j):
                        reached[to[0]][to[1]] = True
        return reached

    def _behind(self) -> list[list[bool]]:
        """From where the end can be reached."""
        reached = self._grid()
        for i in range(0 if not self._all_answered else len(self._asked), len(self._asked) + 1):
            reached[i][-1] = True
        for i in reversed(range(len(self._asked) + 1)):
            for j in reversed(range(len(self._answers) + 1)):
                reached[i][j] = reached[i][j] or any(reached[to][at] for to, at in self._steps(i, j))
        return reached

    def _grid(self) -> list[list[bool]]:
        return [[False] * (len(self._answers) + 1) for _ in range(len(self._asked) + 1)]

    def _in_time(self, i: int, j: int) -> bool:
        """Whether sequence numbers allow an answer to be that to a command."""
        ask, answer = self._asked[i].place, self._answers[j].place
        if _before(answer.heard, ask.end) or _before(answer.begin, ask.heard):
            return False
        behind = self._asked[i + 1].place if i + 1 < len(self._asked) else UNPLACED
        went_on = _before(ask.heard, behind.heard)  # it had heard something before it said more
        return not (went_on and _before_or_at(behind.heard, answer.begin))

    def _may_be_of_hole(self, i: int, j: int) -> bool:
        """Whether an answer may be that to a command in the hole before the ``i``-th."""
        if not self._asked_holes[i] or self._unasked[j]:
            return False
        heard = self._answers[j].place.heard
        return not (i and _before_or_at(heard, self._asked[i - 1].place.end))


def _before(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and distance(one, other) < 0


def _before_or_at(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and distance(one, other) <= 0

"""Commands that wait for replies which come in their order, where the capture may miss some of either.

With nothing missing, a reply answers the command that has waited longest.  Behind a hole only that is told which is
certain (:mod:`testbed.trace.services.pairing`), until the client goes on after it has heard more: then all it had said
was answered, and both are in step again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from testbed.protocols.tcp import distance
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.exchange import Command
from testbed.trace.services.lines import UNPLACED, Place
from testbed.trace.services.pairing import Spoken, certain
from testbed.trace.tcp.reassembly import Chunk, Gap

_MAX_COMMANDS = 1_000_000
_MAX_PENDING = 64  # replies of which it is not known what they answer

Answer = TypeVar("Answer")
Pairs = list[tuple[Command | None, Answer | None]]
"""Commands with their replies, in order; None for what is not in the capture."""


class Awaiting(Generic[Answer]):
    """The commands without a reply.  The first of all waits for the greeting.

    ``fits`` tells whether a reply may be that to a command.  ``holed`` tells that something is missing, now or earlier.
    """

    def __init__(self, fits: Callable[[Command, Answer], bool]) -> None:
        self._fits = fits
        self._waiting: deque[Spoken[Command]] = deque([greeting()])
        self._pending: list[Spoken[Answer]] = []
        self._behind_hole = [False, False]  # what client and server say next
        self._holes = False  # between the commands that wait
        self._heard: int | None = None  # what the client had heard when it last spoke
        self._said: Chunk | None = None  # what the server said last, None where that is missing
        self._spoke = False  # the server, since the client did
        self._hole_end: int | None = None  # of the last hole in what the server said
        self.holed = False

    @property
    def in_step(self) -> bool:
        """Whether it is known which command is answered next."""
        return not self.holed or not (
            self._holes or self._pending or self._behind_hole[SERVER] or self._behind_hole[CLIENT]
        )

    @property
    def misses_replies(self) -> bool:
        """Whether the server has said something that is missing, and nothing since."""
        return self._behind_hole[SERVER]

    @property
    def oldest(self) -> Command | None:
        """The command that has waited longest."""
        return self._waiting[0].words if self._waiting else None

    @property
    def is_alone(self) -> bool:
        """Whether one command waits, and no other can."""
        return len(self._waiting) == 1 and self.in_step

    def only(self, verbs: Collection[str]) -> str:
        """Which of some verbs waits, ``""`` where none does, or nobody knows."""
        if len(self._waiting) > _MAX_PENDING:
            return ""
        found = {one.words.verb for one in self._waiting if one.words.verb in verbs}
        return found.pop() if len(found) == 1 else ""

    def ask(self, command: Command, place: Place = UNPLACED) -> None:
        """A command was sent."""
        behind_hole, self._behind_hole[CLIENT] = self._behind_hole[CLIENT], False
        self._holes = self._holes or behind_hole
        if len(self._waiting) < _MAX_COMMANDS:
            self._waiting.append(Spoken(command, place, behind_hole))

    def replace(self, command: Command) -> None:
        """Put a command into the place of the newest."""
        newest = self._waiting[-1]
        self._waiting[-1] = Spoken(command, newest.place, newest.behind_hole)

    @property
    def newest(self) -> Command | None:
        """The command that was sent last."""
        return self._waiting[-1].words if self._waiting else None

    def greet_again(self) -> None:
        """The server greets once more."""
        self._waiting.append(greeting())

    def hole(self, gap: Gap) -> None:
        """Something that a side said is missing.  Behind a late beginning nobody waits for the greeting."""
        self.holed = self._behind_hole[gap.side] = True
        if gap.side == SERVER:
            self._said, self._spoke, self._hole_end = None, True, gap.end
            if not gap.octets:
                self._waiting.clear()

    def torn(self) -> None:
        """What the client said behind the hole cannot be read either."""
        self._behind_hole[CLIENT] = True

    def heard(self, chunk: Chunk) -> None:
        """The server has said more."""
        self._said, self._spoke = chunk, True

    def goes_on(self, chunk: Chunk) -> Pairs[Answer]:
        """The client has said more."""
        before, self._heard = self._heard, chunk.heard
        spoke, self._spoke = self._spoke, False
        if self.in_step:
            return []
        if before is not None and chunk.heard is not None:
            spoke = is_behind(chunk.heard, before)
        if not spoke:
            return []
        unanswered = self._behind_hole[CLIENT] and self._not_yet_received(chunk)
        pairs = self._settle(all_answered=True)
        self._behind_hole = [unanswered, self._said is None and is_behind(self._hole_end, chunk.heard)]
        return pairs

    def _not_yet_received(self, chunk: Chunk) -> bool:
        """Whether the server had not received what is missing when it said the last that the client has heard."""
        said = self._said
        if said is None or said.begin is None or said.heard is None or chunk.begin is None or chunk.heard is None:
            return False
        return distance(said.begin + len(said.octets), chunk.heard) == 0 and distance(said.heard, chunk.begin) < 0

    def answer(self, answer: Answer, place: Place = UNPLACED) -> Pairs[Answer]:
        """A reply came."""
        if self.in_step:
            return [(self._waiting.popleft().words if self._waiting else None, answer)]
        behind_hole, self._behind_hole[SERVER] = self._behind_hole[SERVER], False
        if not self._waiting:
            return [(None, answer)]
        self._pending.append(Spoken(answer, place, behind_hole))
        if len(self._pending) & (len(self._pending) - 1):  # not after each, for that would be dear
            return []
        if self._answered(all_answered=False)[-1] is not None:
            return self._settle(all_answered=False)
        return self._give_up() if len(self._pending) >= _MAX_PENDING else []

    def rest(self) -> Pairs[Answer]:
        """What waits when the connection has ended, or TLS begins."""
        if self.in_step:
            pairs: Pairs[Answer] = [(one.words, None) for one in self._waiting]
            self._waiting.clear()
            return pairs
        return self._give_up()

    def _give_up(self) -> Pairs[Answer]:
        """What cannot be told now never will be."""
        lost = self._behind_hole[SERVER] or any(one.behind_hole for one in self._pending)
        pairs = self._settle(all_answered=lost)
        pairs += self._pass_over(len(self._waiting))
        self._behind_hole = [True, True]
        return pairs

    def _answered(self, *, all_answered: bool) -> list[int | None]:
        ends = self._behind_hole[CLIENT], self._behind_hole[SERVER]
        return certain(tuple(self._waiting), self._pending, self._fits, ends_in_hole=ends, all_answered=all_answered)

    def _settle(self, *, all_answered: bool) -> Pairs[Answer]:
        """Give the replies that came behind a hole to the commands they answer, and pass over those between."""
        places = self._answered(all_answered=all_answered)
        pending, self._pending = self._pending, []
        pairs: Pairs[Answer] = []
        passed = 0
        for one, place in zip(pending, places, strict=True):
            if place is None:
                pairs.append((None, one.words))
                continue
            pairs += self._pass_over(place - passed)
            pairs.append((self._waiting.popleft().words, one.words))
            passed = place + 1
        if all_answered:
            pairs += self._pass_over(len(self._waiting))
            self._behind_hole = [False, False]
        self._holes = any(one.behind_hole for one in self._waiting)
        return pairs

    def _pass_over(self, number: int) -> Pairs[Answer]:
        """So many have had their replies, which the capture does not hold."""
        return [(self._waiting.popleft().words, None) for _ in range(number)]


def is_behind(later: int | None, earlier: int | None) -> bool:
    """Whether a sequence number is known to lie behind another."""
    return later is not None and earlier is not None and distance(later, earlier) > 0


def greeting() -> Spoken[Command]:
    """What the greeting answers."""
    return Spoken(Command("connect", "", (), 0, 0))

"""Commands that wait for their replies, which come in the same order (RFC 2920 §3.1).  A message may get several."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec.structs import replace

from testbed.protocols.smtp import GREETING
from testbed.protocols.status import explain
from testbed.trace.model.exchange import NOT_CAPTURED, Command, Exchange, Reply
from testbed.trace.model.phase import Phase
from testbed.trace.services.lines import UNPLACED, Place
from testbed.trace.services.pairing import Spoken

_MAX_COMMANDS = 1_000_000
# Replies that no message gets, however many it has.
_NOT_FINAL = frozenset(("220", "221", "235", "334", "354"))


class Waiting:
    """The commands without a reply.  The first of all waits for the greeting.

    ``holed`` tells that what the client said behind the last of them is not in the capture.
    """

    def __init__(self) -> None:
        self._commands: deque[Spoken[Command]] = deque([Spoken(Command("connect", "", (), 0, 0))])
        self._behind_holes = 0  # how many of them
        self._replies: list[Reply] = []  # to the oldest, which is to get more
        self.torn = False  # some of those to the oldest are not in the capture
        self.holed = False

    def __bool__(self) -> bool:
        return bool(self._commands)

    @property
    def has_holes(self) -> bool:
        """Whether the capture may miss commands between these, or behind them."""
        return self.holed or self._behind_holes > 0

    @property
    def oldest(self) -> Command | None:
        """The command that has waited longest."""
        return self._commands[0].words if self._commands else None

    @property
    def begun(self) -> bool:
        """Whether the oldest has had a reply, and may get more."""
        return bool(self._replies)

    @property
    def commands(self) -> tuple[Spoken[Command], ...]:
        """All of them, the oldest first."""
        return tuple(self._commands)

    @property
    def newest(self) -> Place:
        """Where the last of them was said."""
        return self._commands[-1].place if self._commands else UNPLACED

    def close_holes(self) -> None:
        """What the holes held was answered."""
        self.holed, self._behind_holes = False, 0
        self._commands = deque(replace(one, behind_hole=False) for one in self._commands)

    def pass_over(self) -> Exchange:
        """The oldest command had its reply, or the rest of its replies, and the capture does not hold it."""
        if self._replies:
            return replace(self._several(), unseen=True)
        command = self._take().words
        return Exchange(_phase(command), command, None, NOT_CAPTURED, unseen=True)

    def add(self, command: Command, place: Place = UNPLACED) -> None:
        """A command was sent."""
        if len(self._commands) < _MAX_COMMANDS:
            self._commands.append(Spoken(command, place, self.holed))
            self._behind_holes += self.holed
            self.holed = False

    def forget(self) -> None:
        """The commands were none."""
        self._commands.clear()
        self._replies.clear()
        self.holed, self._behind_holes, self.torn = False, 0, False

    def cut_short(self, reply: Reply) -> Exchange | None:
        """The exchange of a message that gets no more of the replies due to it, as this one shows."""
        return self._several() if self._replies and reply.code in _NOT_FINAL else None

    def refuses(self, reply: Reply) -> bool:
        """Whether a reply cannot be for the message that waits."""
        oldest = self.oldest
        return oldest is not None and oldest.verb == "message" and reply.code in _NOT_FINAL

    def answered_by(self, reply: Reply) -> Command | None:
        """The command that a reply is for."""
        command = self.oldest
        if command is None or command.verb != "connect" or reply.code == "220" or reply.code[:1] not in ("2", "3"):
            return command
        self._take()  # the capture began after the greeting
        return self.oldest

    def answer(self, reply: Reply, due: int | None) -> Exchange | None:
        """Give the oldest command a reply.  Gives the exchange when it is the last of those due to it."""
        if due == 1:
            command = self._take().words
            return Exchange(_phase(command), command, reply, note_on(reply))
        self._replies.append(reply)
        return self._several() if due is not None and len(self._replies) >= due else None

    def rest(self) -> Iterator[Exchange]:
        """What waits when the connection has ended."""
        if self._replies:
            yield self._several()
        for one in self._commands:
            yield Exchange(_phase(one.words), one.words, None, "no reply")

    def _take(self) -> Spoken[Command]:
        oldest, self.torn = self._commands.popleft(), False
        self._behind_holes -= oldest.behind_hole
        return oldest

    def _several(self) -> Exchange:
        """The oldest command with the replies it has so far."""
        replies, unseen = self._replies, self.torn
        command, self._replies = self._take().words, []
        words = dict.fromkeys(note_on(reply) for reply in replies)
        note = "; ".join(word for word in words if word)
        return Exchange(_phase(command), command, replies[0], note, further=tuple(replies[1:]), unseen=unseen)


def note_on(reply: Reply) -> str:
    """What a reply means in words, ``""`` where it refuses nothing."""
    return explain(reply.code, reply.enhanced, reply.text) if reply.code else "not an SMTP reply"


def unasked(reply: Reply) -> Exchange:
    """A reply for which no command has waited."""
    phase = Phase.CLOSURE if reply.code == "421" else Phase.TRANSFER
    return Exchange(phase, None, reply, note_on(reply))


def _phase(command: Command) -> Phase:
    if command.verb in GREETING:
        return Phase.HANDSHAKE
    return Phase.CLOSURE if command.verb == "QUIT" else Phase.TRANSFER

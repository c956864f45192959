"""A server that is asked whole dialogues: each once, for it is remembered what it has answered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from testbed.errors import LabError
from testbed.learn.alphabets import Alphabet, Said
from testbed.learn.machine import ENDS, NOT_SENT, Word

_TRIES = 3  # of a dialogue that was answered otherwise before


class Line(Protocol):
    """A connection, and what the server greeted with."""

    greeting: str

    def ask(self, name: str) -> str:
        """Send an input and give its answer."""

    def close(self) -> None:
        """Close it, and wait until the server has."""


class EnoughError(Exception):
    """As many dialogues were held as may be."""


class Asked:
    """``connect`` opens a connection; ``restore`` puts a message back into the mailbox.

    ``dialogues`` and ``inputs`` count what was held and sent.
    """

    def __init__(self, alphabet: Alphabet, connect: Callable[[], Line], restore: Callable[[], None], most: int) -> None:
        self.dialogues = 0
        self.inputs = 0
        self._alphabet = alphabet
        self._connect = connect
        self._restore = restore
        self._most = most
        self._known = dict[Word, str]()  # by the inputs that were sent; the greeting by none

    @property
    def greeting(self) -> str:
        """What a new connection is greeted with."""
        if () not in self._known:
            self._hold(())
        return self._known[()]

    def answers(self, word: Word) -> tuple[str, ...]:
        """What the inputs are answered on a new connection, NOT_SENT where a client would not send one.

        Raises EnoughError when it takes one dialogue too many, LabError when the same one is not answered alike.
        """
        try:
            return self._along(word, self._known.__getitem__)
        except KeyError:
            return self._hold(word)

    def _along(self, word: Word, ask: Callable[[Word], str]) -> tuple[str, ...]:
        """Go through a dialogue; ``ask`` gives the answer to the last of the inputs that were sent."""
        answers: list[str] = []
        sent: Word = ()
        last: Said | None = None
        for name in word:
            if not self._alphabet.would_send(last, name):
                answers.append(NOT_SENT)
            elif last is not None and last[1] in ENDS:
                answers.append(last[1])
            else:
                sent = (*sent, name)
                last = name, ask(sent)
                answers.append(last[1])
        return tuple(answers)

    def _hold(self, word: Word) -> tuple[str, ...]:
        """Hold a dialogue and remember what was said."""
        for _ in range(_TRIES - 1):
            with contextlib.suppress(_ContradictionError):
                return self._hold_once(word)
        try:
            return self._hold_once(word)
        except _ContradictionError as error:
            raise LabError(*error.args) from None

    def _hold_once(self, word: Word) -> tuple[str, ...]:
        if self.dialogues >= self._most:
            raise EnoughError
        self.dialogues += 1
        said: list[Said] = []
        line = self._connect()
        try:
            self._remember((), line.greeting)
            return self._along(word, lambda sent: self._ask(line, sent, said))
        finally:
            line.close()
            if self._alphabet.uses_up(said):
                self._restore()

    def _ask(self, line: Line, sent: Word, said: list[Said]) -> str:
        answer = line.ask(sent[-1])
        self.inputs += 1
        said.append((sent[-1], answer))
        self._remember(sent, answer)
        return answer

    def _remember(self, sent: Word, answer: str) -> None:
        before = self._known.setdefault(sent, answer)
        if before != answer:
            dialogue = ", ".join(sent) or "a new connection"
            raise _ContradictionError(
                f"the server does not always answer alike: {dialogue} was answered {before} before, {answer} now",
                "it remembers other connections, or is too slow; leave inputs out with --inputs, or raise --patience",
            )


class _ContradictionError(Exception):
    """An answer is not what it was."""

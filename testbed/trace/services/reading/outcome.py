"""What somebody did who read mail, in one line."""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.plural import count
from testbed.trace.model.connection import Closure, Ending
from testbed.trace.model.exchange import Command, Exchange, Transaction
from testbed.trace.services.behind_tls import NO_TLS, in_words
from testbed.trace.services.reading.results import reading_result

_ENCRYPTED, _LOGIN = "encrypted from there on", "logged in"
# What somebody who reads mail does, in the words of the report, by command.
_DEEDS = {
    "STLS": _ENCRYPTED,
    "STARTTLS": _ENCRYPTED,
    "PASS": _LOGIN,
    "APOP": _LOGIN,
    "LOGIN": _LOGIN,
    "AUTHENTICATE": _LOGIN,
    "AUTH": _LOGIN,
    "RETR": "retrieved",
    "DELE": "marked for deletion",
    "FETCH": "fetches",
    "UID FETCH": "fetches",
    "SEARCH": "searches",
    "UID SEARCH": "searches",
    "STORE": "flag changes",
    "UID STORE": "flag changes",
    "COPY": "copies",
    "UID COPY": "copies",
    "MOVE": "moves",
    "UID MOVE": "moves",
    "APPEND": "appended",
}
_UNCOUNTED = frozenset((_LOGIN, _ENCRYPTED, *NO_TLS))
_ONE = {"fetches": "fetch", "searches": "search", "flag changes": "flag change", "copies": "copy", "moves": "move"}
_CLOSED = Ending(Closure.NORMAL)
_EXPUNGED = "expunged"
_EXPUNGING = frozenset(("EXPUNGE", "UID EXPUNGE"))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader did on one connection: how often, in order of the first time, and as whom.

    ``listed`` among the ``deeds`` counts the messages there were when it last asked.  ``refused`` and ``unanswered``
    are the last commands that met such a fate.
    """

    user: str
    deeds: tuple[tuple[str, int], ...]
    refused: str
    unanswered: str
    reason: str = field(default="", compare=False)  # of the refusal, in the server's words

    def __str__(self) -> str:
        words = [deed if deed in _UNCOUNTED else _counted(number, deed) for deed, number in self.deeds]
        words = [f"{_LOGIN} as {self.user}" if word == _LOGIN and self.user else word for word in words]
        words += [f"{self.refused} refused: {self.reason}"] if self.refused else []
        words += [f"no reply to {self.unanswered}"] if self.unanswered else []
        return ", ".join(words)


def _counted(number: int, deed: str) -> str:
    return count(number, _ONE.get(deed, deed), deed)


def outcome_of_reading(
    exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...] = (), ending: Ending = _CLOSED
) -> str:
    """``logged in as bob, 3 listed, 2 retrieved, 1 marked for deletion``; a refusal last, then what had no reply."""
    return str(reading(exchanges, is_open=ending.closure is Closure.OPEN))


def reading(exchanges: tuple[Exchange, ...], *, is_open: bool = False) -> Reading:
    """What a reader did.  ``is_open`` tells that the capture ends before the connection does."""
    counts: dict[str, int] = {}
    refused = reason = unanswered = user = ""
    for exchange in exchanges:
        command, reply = exchange.command, exchange.reply
        if command is None:
            continue
        user = _user_of(command) or user
        if reply is None:
            unanswered = unanswered if exchange.unseen else command.verb
            continue
        listed = reading_result(exchange).listed
        if listed is not None:
            counts["listed"] = listed
        deed = _DEEDS.get(command.verb)
        deed = in_words(exchange, is_open=is_open) or deed
        if reply.code in ("+OK", "OK") and deed:
            counts[deed] = counts.get(deed, 0) + 1
        elif reply.code == "OK" and command.verb in _EXPUNGING:
            counts[_EXPUNGED] = counts.get(_EXPUNGED, 0) + reading_result(exchange).removed
        elif reply.code in ("-ERR", "NO", "BAD"):
            refused, reason = command.verb, reply.text
    return Reading(user, tuple(counts.items()), refused, unanswered, reason)


def _user_of(command: Command) -> str:
    """Who a command says is reading, ``""`` when it does not."""
    if command.verb == "USER":
        return command.argument[:60]
    if command.verb in ("LOGIN", "APOP"):
        name = command.argument.partition(" ")[0].strip('"')[:60]
        return "" if name.startswith("{") else name  # a literal
    return ""

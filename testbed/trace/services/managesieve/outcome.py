"""What somebody did with filter scripts, in one line."""

from __future__ import annotations

from testbed.trace.model.connection import Closure, Ending
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.services.behind_tls import NO_TLS, in_words
from testbed.trace.services.managesieve.results import script_result

_ENCRYPTED, _LOGIN = "encrypted from there on", "logged in"
_DEEDS = {
    "STARTTLS": _ENCRYPTED,
    "AUTHENTICATE": _LOGIN,
    "CHECKSCRIPT": "checked",
    "DELETESCRIPT": "deleted",
    "GETSCRIPT": "fetched",
    "PUTSCRIPT": "stored",
    "RENAMESCRIPT": "renamed",
    "SETACTIVE": "activated",
}


def outcome_of_scripts(exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...], ending: Ending) -> str:
    """``logged in, 3 listed, 1 stored, 1 activated``; a refusal last, then what had no reply."""
    counts: dict[str, int] = {}
    refused = unanswered = ""
    for exchange in exchanges:
        command, reply = exchange.command, exchange.reply
        if command is None:
            continue
        if reply is None:
            unanswered = unanswered if exchange.unseen else f"no reply to {command.verb}"
            continue
        result = script_result(exchange)
        if result.listed is not None:
            counts["listed"] = result.listed
        deed = in_words(exchange, is_open=ending.closure is Closure.OPEN) or _deed(command.verb, command.argument)
        if reply.code == "OK" and deed:
            counts[deed] = counts.get(deed, 0) + 1
        elif reply.code == "NO":
            refused = f"{command.verb} refused: {result.text or result.code}".rstrip(": ")
    words = [deed if deed in (_LOGIN, _ENCRYPTED, *NO_TLS) else f"{count} {deed}" for deed, count in counts.items()]
    return ", ".join(word for word in (*words, refused, unanswered) if word)


def _deed(verb: str, argument: str) -> str:
    """SETACTIVE with an empty name puts out of use whichever script is active (RFC 5804 §2.8)."""
    return "deactivated" if (verb, argument) == ("SETACTIVE", '""') else _DEEDS.get(verb, "")

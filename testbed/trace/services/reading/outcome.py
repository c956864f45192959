"""What somebody did who read mail, in one line."""

from __future__ import annotations

import re

from testbed.trace.model.exchange import Command, Exchange

_ENCRYPTED = "encrypted from there on"
# What somebody who reads mail does, in the words of the report, by command.
_DEEDS = {
    "STLS": _ENCRYPTED,
    "STARTTLS": _ENCRYPTED,
    "PASS": "logged in",
    "APOP": "logged in",
    "LOGIN": "logged in",
    "AUTHENTICATE": "logged in",
    "AUTH": "logged in",
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
    "EXPUNGE": "expunged",
}


def outcome_of_reading(exchanges: tuple[Exchange, ...]) -> str:
    """``logged in as bob, 3 listed, 2 retrieved, 1 marked for deletion``; a refusal last, then what had no reply."""
    counts: dict[str, int] = {}
    refused = unanswered = user = ""
    for exchange in exchanges:
        if exchange.command is None:
            continue
        user = _user_of(exchange.command) or user
        if exchange.reply is None:
            unanswered = f"no reply to {exchange.command.verb}"
            continue
        listed = _listed(exchange)
        if listed is not None:
            counts["listed"] = listed
        deed = _DEEDS.get(exchange.command.verb)
        if exchange.reply.code in ("+OK", "OK") and deed:
            counts[deed] = counts.get(deed, 0) + 1
        elif exchange.reply.code in ("-ERR", "NO", "BAD"):
            refused = f"{exchange.command.verb} refused: {exchange.reply.text}"
    words = [deed if deed in ("logged in", _ENCRYPTED) else f"{count} {deed}" for deed, count in counts.items()]
    words = [f"logged in as {user}" if word == "logged in" and user else word for word in words]
    return ", ".join(word for word in (*words, refused, unanswered) if word)


def _user_of(command: Command) -> str:
    """Who a command says is reading, ``""`` when it does not."""
    if command.verb == "USER":
        return command.argument[:60]
    if command.verb in ("LOGIN", "APOP"):
        return command.argument.partition(" ")[0].strip('"')[:60]
    return ""


def _listed(exchange: Exchange) -> int | None:
    """How many messages a reply says there are: to STAT, LIST or UIDL, SELECT or EXAMINE; None for any other."""
    command, reply = exchange.command, exchange.reply
    if command is None or reply is None or reply.code not in ("+OK", "OK"):
        return None
    if command.verb == "STAT":
        first = reply.text.partition(" ")[0]
        return int(first) if first.isdigit() and len(first) < 10 else None
    if command.verb in ("LIST", "UIDL") and not command.argument:
        counted = re.fullmatch(r"(\d{1,9}) lines, \d+ octets", reply.lines[-1])
        return int(counted.group(1)) if counted else len(reply.lines) - 1
    if command.verb in ("SELECT", "EXAMINE"):
        exists = re.search(r"(?:^|, )(\d{1,9}) EXISTS", reply.lines[-1])
        return int(exists.group(1)) if exists else None
    return None

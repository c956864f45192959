"""The outcome of a connection in one line."""

from __future__ import annotations

import re

from testbed.trace.model import Closure, Command, Exchange, Handshake, Transaction

_FAILED_HANDSHAKES = {
    Handshake.REFUSED: "connection refused",
    Handshake.UNANSWERED: "no answer to SYN",
    Handshake.UNREACHABLE: "unreachable (ICMP)",
    Handshake.INCOMPLETE: "handshake never completed",
}


def outcome(
    service: str,
    handshake: Handshake,
    closure: Closure,
    closed_by: str,
    exchanges: tuple[Exchange, ...],
    transactions: tuple[Transaction, ...],
) -> str:
    """What somebody wants to know first."""
    if handshake in _FAILED_HANDSHAKES:
        return _FAILED_HANDSHAKES[handshake]
    if service in ("dns", "mdns", "llmnr"):
        return _names(exchanges)
    if service in ("pop3", "imap"):
        return _reading(exchanges) or _plain(closure, closed_by)
    if service == "http2":
        return "HTTP/2, which is not followed"
    if service == "http":
        return _web(exchanges, f"reset by {closed_by}" if closure is Closure.RESET else "")
    parts = [_transaction(transaction) for transaction in transactions]
    if not parts:
        parts = [_refusal(exchanges)]
    if closure is Closure.RESET:
        parts.append(f"reset by {closed_by}")
    elif closure is Closure.OPEN and exchanges:
        parts.append("never closed")
    return "; ".join(dict.fromkeys(part for part in parts if part)) or _plain(closure, closed_by)


def _names(exchanges: tuple[Exchange, ...]) -> str:
    parts = []
    for exchange in exchanges[:4]:
        question = f"{exchange.command.verb} {exchange.command.argument}" if exchange.command else "?"
        if exchange.reply is None:
            answer = exchange.note
        else:
            answer = ", ".join(exchange.reply.lines[:4]) or exchange.note or exchange.reply.code
        parts.append(f"{question}: {answer}")
    more = f"; {len(exchanges) - 4} more" if len(exchanges) > 4 else ""
    return "; ".join(parts) + more or "no query"


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


def _reading(exchanges: tuple[Exchange, ...]) -> str:
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


def _web(exchanges: tuple[Exchange, ...], ending: str) -> str:
    """``3 requests: 2 × 200 OK, 404 Not Found``; a single request with its address."""
    asked = [exchange.command for exchange in exchanges if exchange.command is not None]
    fates: dict[str, int] = {}
    for exchange in exchanges:
        interim = exchange.reply is not None and exchange.command is None and exchange.reply.code[0] == "1"
        if not interim:
            reply = exchange.reply
            fate = f"{reply.code} {reply.lines[0]}".strip() if reply is not None else exchange.note
            fate += " cut off" if reply is not None and exchange.note.startswith("the reply is cut off") else ""
            fates[fate] = fates.get(fate, 0) + 1
    told = [f"{count:,} × {fate}" if count > 1 else fate for fate, count in fates.items()][:5]
    more = [f"{len(fates) - 5} other replies"] if len(fates) > 5 else []
    what = f"{asked[0].verb} {asked[0].argument}" if len(asked) == 1 else f"{len(asked):,} requests"
    words = f"{what}: {', '.join(told + more)}" if fates else "no request"
    return f"{words}; {ending}" if ending else words


def _transaction(transaction: Transaction) -> str:
    fates: dict[str, list[str]] = {}
    message = transaction.message
    for recipient in transaction.recipients:
        if recipient.reply is None:
            fate = "no reply to RCPT"
        elif not recipient.reply.code.startswith("2"):
            fate = f"{recipient.reply.status} {recipient.reply.text}"
        elif recipient.accepted:
            fate = "taken"
        elif message is None:
            fate = "not sent"
        elif message.reply is None:
            fate = "message sent, no reply" if message.command and not message.command.argument else "message cut off"
        else:
            fate = f"{message.reply.status} {message.reply.text}"
        fates.setdefault(fate, []).append(recipient.address)
    words = []
    for fate, addresses in fates.items():
        whom = ", ".join(addresses[:3]) + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")
        words.append(f"mail for {whom}: {fate}")
    return "; ".join(words) or f"MAIL FROM:<{transaction.sender}> and no recipient"


def _refusal(exchanges: tuple[Exchange, ...]) -> str:
    for exchange in exchanges:
        if exchange.reply is not None and exchange.reply.code[:1] in ("4", "5"):
            verb = exchange.command.verb if exchange.command else "the connection"
            return f"{exchange.reply.status} to {verb}: {exchange.reply.text}"
        if exchange.command is not None and exchange.command.verb == "STARTTLS" and exchange.reply is not None:
            return "encrypted after STARTTLS"
    return "no mail transaction" if exchanges else ""


def _plain(closure: Closure, closed_by: str) -> str:
    if closure is Closure.RESET:
        return f"reset by {closed_by}"
    return {Closure.NORMAL: "closed normally", Closure.HALF: f"half closed by {closed_by}"}.get(closure, "open")

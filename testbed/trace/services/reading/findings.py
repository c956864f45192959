"""What goes wrong when mail is read by POP3 or IMAP."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity

_SERVICES = ("pop3", "imap")
_LOGINS = frozenset(("PASS", "APOP", "AUTH", "LOGIN", "AUTHENTICATE"))
_REFUSALS = frozenset(("-ERR", "NO"))
_GOODBYES = frozenset(("QUIT", "LOGOUT", "IDLE"))  # after these a client may go without waiting
_PATIENCE_NS = 30_000_000_000  # whoever waited less for a reply did not go because of it

# Response code: name of the finding, what it means, reference.
_CODES = {
    "[IN-USE]": ("mailbox-in-use", "another session has the mailbox open", "RFC 2449 §8.1.1"),
    "[OVERQUOTA]": ("over-quota", "the mailbox is full", "RFC 9208 §4.3"),
    "[TRYCREATE]": ("no-such-folder", "the folder does not exist", "RFC 3501 §7.1"),
}


def refused_readers(connection: Connection) -> Iterator[Finding]:
    """Logins and commands a mailbox server refused."""
    if connection.service not in _SERVICES:
        return
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        if command is None or reply is None or reply.code not in _REFUSALS:
            continue
        said = reply.text
        known = next((entry for code, entry in _CODES.items() if code in said.upper()), None)
        if known is not None:
            name, meaning, reference = known
        elif command.verb in _LOGINS and command.argument:  # AUTH alone only asks what there is
            name, meaning, reference = "login-refused", "wrong name or password, or none allowed", "RFC 3501 §6.2.3"
            if connection.service == "pop3":
                reference = "RFC 1939 §7"
        else:
            continue
        text = f"{connection.server.label} refused {command.verb} from {connection.client.label}: {meaning} ({said})"
        yield Finding(name, Severity.WARNING, text, exchange.frames, reference, (connection.number,))


def undone_deletions(connection: Connection) -> Iterator[Finding]:
    """POP3 deletes at QUIT and not before: a connection cut earlier undoes every DELE (RFC 1939 §6)."""
    if connection.service != "pop3" or connection.ending.closure is Closure.OPEN:
        return
    marked: list[Exchange] = []
    for exchange in connection.exchanges:
        verb = _verb(exchange)
        if verb == "DELE" and exchange.reply is not None and exchange.reply.code == "+OK":
            marked.append(exchange)
        elif verb == "RSET" and exchange.reply is not None:
            marked.clear()
        elif verb == "QUIT":
            yield from () if exchange.reply is not None else _in_doubt(connection, exchange, len(marked))
            return
    if not marked:
        return
    text = f"the connection ended without QUIT: {connection.server.label} keeps what {connection.client.label} marked "
    text += f"for deletion ({_messages(len(marked))})"
    frames = tuple(frame for exchange in marked for frame in exchange.frames)
    yield Finding("deletions-undone", Severity.WARNING, text, frames, "RFC 1939 §6", (connection.number,))


def _in_doubt(connection: Connection, goodbye: Exchange, marked: int) -> Iterator[Finding]:
    """QUIT was said and not answered: the server may have gone into the UPDATE state, or not."""
    if marked and not connection.transport.gaps:
        text = f"{connection.server.label} never answered the QUIT of {connection.client.label}: only the next session "
        text += f"shows whether what was marked for deletion ({_messages(marked)}) is gone"
        yield Finding("deletions-in-doubt", Severity.WARNING, text, goodbye.frames, "RFC 1939 §6", (connection.number,))


def cut_reading(connection: Connection) -> Iterator[Finding]:
    """Commands of readers that never got their reply."""
    if (
        connection.service not in _SERVICES
        or connection.transport.gaps
        or connection.opening.handshake is not Handshake.COMPLETE
    ):
        return
    if connection.ending.closure is Closure.OPEN:
        return
    silent = next((e for e in connection.exchanges if e.command is not None and e.reply is None), None)
    if silent is not None and silent.command is not None:
        verb, since_ns, frames = silent.command.verb, silent.command.time_ns, silent.command.frames[-1:]
    elif not connection.exchanges:
        verb, since_ns, frames = "connect", connection.start_ns, (connection.first_frame,)
    else:
        return
    if verb in _GOODBYES or (verb.removeprefix("UID ") == "MOVE"):  # interrupted moves have a finding of their own
        return
    frames = tuple(dict.fromkeys((*frames, *connection.ending.frames[:1])))
    what = "the greeting" if verb == "connect" else f"the reply to {verb}"
    server, client = connection.server.label, connection.client.label
    waited_ns = connection.end_ns - since_ns
    if connection.ending.by == "server":
        how = "reset" if connection.ending.closure is Closure.RESET else "closed"
        text = f"{server} {how} the connection instead of giving {client} {what}"
        yield Finding("server-hung-up", Severity.ERROR, text, frames, _reference(connection), (connection.number,))
    elif waited_ns >= _PATIENCE_NS:
        text = f"{client} waited {waited_ns / 1e9:.0f} s for {what} of {server}, in vain"
        code = "no-greeting" if verb == "connect" else "no-reply"
        yield Finding(code, Severity.ERROR, text, frames, _reference(connection), (connection.number,))


def _reference(connection: Connection) -> str:
    return "RFC 1939 §3" if connection.service == "pop3" else "RFC 3501 §3"


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"


def _verb(exchange: Exchange) -> str:
    return exchange.command.verb if exchange.command is not None else ""

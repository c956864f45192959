"""What goes wrong when mail is read by POP3 or IMAP."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.durations import SECOND
from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.reading.results import reading_result

_LOGINS = frozenset(("PASS", "APOP", "AUTH", "LOGIN", "AUTHENTICATE"))
_REFUSALS = frozenset(("-ERR", "NO"))
_GOODBYES = frozenset(("QUIT", "LOGOUT", "IDLE"))  # after these a client may go without waiting
_PATIENCE_NS = 30 * SECOND  # whoever waited less for a reply did not go because of it

# Response code: name of the finding, what it means, reference.
_CODES = {
    "IN-USE": ("mailbox-in-use", "another session has the mailbox open", "RFC 2449 §8.1.1"),
    "OVERQUOTA": ("over-quota", "the mailbox is full", "RFC 9208 §4.3"),
    "TRYCREATE": ("no-such-folder", "the folder does not exist", "RFC 3501 §7.1"),
}


def refused_readers(connection: Connection, *, login: str) -> Iterator[Finding]:
    """Logins and commands a mailbox server refused; ``login`` is where logging in is specified."""
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        if command is None or reply is None or reply.code not in _REFUSALS:
            continue
        code = reading_result(exchange).code
        if code in _CODES:
            name, meaning, reference = _CODES[code]
        elif command.verb in _LOGINS and command.argument:  # AUTH alone only asks what there is
            name, meaning, reference = "login-refused", "wrong name or password, or no login allowed", login
        else:
            continue
        text = f"{connection.server.label} refused {command.verb} from {connection.client.label}: {meaning}"
        text += f" ({reply.text})"
        yield connection.finding(name, Severity.WARNING, text, exchange.frames, reference)


def cut_reading(connection: Connection, *, reference: str) -> Iterator[Finding]:
    """Commands of readers that never got their reply; ``reference`` is where replies are specified."""
    if connection.transport.gaps or connection.opening.handshake is not Handshake.COMPLETE:
        return
    if connection.unheard is not None:
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
        text = f"{server} {how} the connection instead of sending {client} {what}"
        yield connection.finding("server-hung-up", Severity.ERROR, text, frames, reference)
    elif waited_ns >= _PATIENCE_NS:
        text = f"{client} waited {waited_ns / SECOND:.0f} s for {what} from {server}, in vain"
        code = "no-greeting" if verb == "connect" else "no-reply"
        yield connection.finding(code, Severity.ERROR, text, frames, reference)

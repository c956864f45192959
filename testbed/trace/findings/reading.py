"""What goes wrong when mail is read by POP3 or IMAP."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model import Connection, Exchange, Finding, Severity

_LOGINS = frozenset(("PASS", "APOP", "AUTH", "LOGIN", "AUTHENTICATE"))
_REFUSALS = frozenset(("-ERR", "NO"))

# Response code: name of the finding, what it means, reference.
_CODES = {
    "[IN-USE]": ("mailbox-in-use", "another session has the mailbox open", "RFC 2449 §8.1.1"),
    "[OVERQUOTA]": ("over-quota", "the mailbox is full", "RFC 9208 §4.3"),
    "[TRYCREATE]": ("no-such-folder", "the folder does not exist", "RFC 3501 §7.1"),
}


def refused_readers(connection: Connection) -> Iterator[Finding]:
    """Logins and commands a mailbox server refused."""
    if connection.service not in ("pop3", "imap"):
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
    if connection.service != "pop3":
        return
    deleted = [e for e in connection.exchanges if _verb(e) == "DELE" and e.reply is not None and e.reply.code == "+OK"]
    quits = [e for e in connection.exchanges if _verb(e) == "QUIT" and e.reply is not None]
    resets = [e for e in connection.exchanges if _verb(e) == "RSET" and e.reply is not None]
    if deleted and not quits and not resets:
        text = f"the connection ended without QUIT: {connection.server.label} keeps the {len(deleted)} messages "
        text += f"{connection.client.label} marked for deletion"
        frames = tuple(frame for exchange in deleted for frame in exchange.frames)
        yield Finding("deletions-undone", Severity.WARNING, text, frames, "RFC 1939 §6", (connection.number,))


def _verb(exchange: Exchange) -> str:
    return exchange.command.verb if exchange.command is not None else ""

"""What goes wrong when filter scripts are managed: logins and scripts that are refused."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.managesieve.results import script_result

_SCRIPTS = frozenset(("PUTSCRIPT", "CHECKSCRIPT"))
# Response code: name of the finding, what it means, reference.
_CODES = {
    "AUTH-TOO-WEAK": ("login-refused", "the mechanism is too weak for the server", "RFC 5804 §1.3"),
    "ENCRYPT-NEEDED": ("login-refused", "the mechanism is only allowed under TLS", "RFC 5804 §1.3"),
    "TRANSITION-NEEDED": (
        "login-refused",
        "the password must be given in clear once",
        "RFC 5804 §1.3",
    ),
    "QUOTA": ("over-quota", "there is no room for the script", "RFC 5804 §1.3"),
    "QUOTA/MAXSIZE": ("over-quota", "the script is too long", "RFC 5804 §1.3"),
    "QUOTA/MAXSCRIPTS": ("over-quota", "there are too many scripts", "RFC 5804 §1.3"),
}


def refused_scripts(connection: Connection) -> Iterator[Finding]:
    """Logins and scripts the server refused."""
    client, server = connection.client.label, connection.server.label
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        if command is None or reply is None or reply.code != "NO":
            continue
        result = script_result(exchange)
        if result.code in _CODES:
            name, meaning, reference = _CODES[result.code]
        elif command.verb == "AUTHENTICATE":
            name, meaning, reference = "login-refused", "wrong name or password, or no login allowed", "RFC 5804 §2.1"
        elif command.verb in _SCRIPTS:
            name, meaning = "script-refused", "it is not a script that the server can run"
            reference = "RFC 5804 §2.6" if command.verb == "PUTSCRIPT" else "RFC 5804 §2.12"
        else:
            continue
        text = f"{server} refused {command.verb} from {client}: {meaning}"
        text += f" ({result.text})" if result.text else ""
        yield connection.finding(name, Severity.WARNING, text, exchange.frames, reference)

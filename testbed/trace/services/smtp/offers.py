"""What a server had not offered when its client used it all the same (RFC 5321 §2.2)."""

from __future__ import annotations

from testbed.protocols.smtp import HELLOS, parameters_of
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.smtp.transactions import ENDS_TRANSACTION

_OF_SEQUENCE = frozenset(("500", "501", "502", "503", "504", "555"))  # the client's own mistake, by the code
_EXTENSIONS = {
    "STARTTLS": "STARTTLS",
    "AUTH": "AUTH",
    "BDAT": "CHUNKING",
    "SMTPUTF8": "SMTPUTF8",
    "RET": "DSN",
    "ENVID": "DSN",
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
    "BODY": "8BITMIME",
    "SIZE": "SIZE",
    "REQUIRETLS": "REQUIRETLS",
}
_NEED_HELLO = frozenset(("MAIL", "RCPT", "DATA", "BDAT", "STARTTLS", "AUTH"))


def mistake(connection: Connection, refused: Exchange) -> str:
    """What the client did wrong when it was refused: ``DSN had not been offered``; ``""`` where it does not show."""
    command, reply = refused.command, refused.reply
    if command is None or reply is None or reply.code not in _OF_SEQUENCE or command.verb not in _NEED_HELLO:
        return ""
    if connection.opening.handshake is not Handshake.COMPLETE or connection.transport.gaps:
        return ""
    hello, open_ = None, False
    for exchange in connection.exchanges:
        if exchange is refused:
            break
        verb = exchange.command.verb if exchange.command is not None else ""
        taken = exchange.reply is not None and exchange.reply.code == "250"
        hello = exchange if verb in HELLOS and taken else hello
        open_ = taken if verb == "MAIL" else open_ and verb not in ENDS_TRANSACTION and verb != "message"
    if hello is None or hello.reply is None:
        return "no EHLO or HELO came before it"
    offered = {line.partition(" ")[0].upper() for line in hello.reply.lines[1:]}
    used = [command.verb, *(word.partition("=")[0].upper() for word in parameters_of(command.argument).split())]
    missing = [_EXTENSIONS[word] for word in used if word in _EXTENSIONS and _EXTENSIONS[word] not in offered]
    if missing:
        return f"{', '.join(dict.fromkeys(missing))} had not been offered"
    return "another mail transaction was open" if command.verb == "MAIL" and open_ else ""

"""The grammar of SMTP lines (RFC 5321 §4.1, §4.2)."""

from __future__ import annotations

import re

from msgspec import Struct

from testbed.protocols.text import decoded

COMMANDS = frozenset(
    [
        "EHLO",
        "HELO",
        "LHLO",
        "MAIL",
        "RCPT",
        "DATA",
        "BDAT",
        "RSET",
        "NOOP",
        "QUIT",
        "VRFY",
        "EXPN",
        "HELP",
        "STARTTLS",
        "AUTH",
        "ETRN",
        "TURN",
        "X-ANONYMOUSTLS",
        "XCLIENT",
        "XFORWARD",
    ]
)
BEGINS_TLS = frozenset(("STARTTLS", "X-ANONYMOUSTLS"))
"""Commands whose 220 is followed by TLS (RFC 3207); the second is what Exchange servers say to each other."""
HELLOS = frozenset(("EHLO", "HELO", "LHLO"))
GREETING = HELLOS | {"connect", "STARTTLS"}
MASK = "********"

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_IN_BRACKETS, _BARE = (rf'(?:{_QUOTED}|[^{ends}"]|"(?=[^"]*$))*' for ends in (">", r"\s"))
_PATH = re.compile(
    rf"[^:]*:\s*(?:<(?:@[^:<>\"]*:)?(?P<bracketed>{_IN_BRACKETS})>?|(?P<bare>{_BARE}))(?P<behind>.*)", re.DOTALL
)
_REPLY = re.compile(rb"([2-5]\d\d)([ -]|$)")


class ReplyLine(Struct, frozen=True):
    """One line of a reply; ``last`` when no more lines follow."""

    code: str
    last: bool
    text: str


def split_command(line: bytes) -> tuple[str, str]:
    """Verb in upper case and argument; credentials of AUTH are masked.  Octets that are no text come out escaped."""
    verb, _, argument = decoded(line).partition(" ")
    verb, argument = verb.upper()[:64], argument.strip()
    if verb == "AUTH":
        mechanism, _, initial = argument.partition(" ")
        argument = f"{mechanism.upper()} {MASK}" if initial else mechanism.upper()
    return verb, argument


def parse_reply_line(line: bytes) -> ReplyLine | None:
    """One reply line, None for what is none (RFC 5321 §4.2)."""
    found = _REPLY.match(line)
    if found is None:
        return None
    return ReplyLine(found.group(1).decode(), found.group(2) != b"-", decoded(line[4:].rstrip()))


def parameters_of(argument: str) -> str:
    """What stands behind the path: ``SIZE=200`` of ``FROM:<alice@crepes.fr> SIZE=200``."""
    found = _PATH.match(argument)
    return (found["behind"] or "").strip() if found is not None else ""


def path_of(argument: str) -> str:
    """The address in ``FROM:<alice@crepes.fr> SIZE=200``; ``""`` for the null path.

    Brackets may be missing, a quoted local part may hold ``>`` and spaces (RFC 5321 §4.1.2), and a source route is no
    part of the address (§4.1.1.3).
    """
    found = _PATH.match(argument)
    return (found["bracketed"] or found["bare"] or "") if found is not None else ""

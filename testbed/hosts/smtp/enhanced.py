"""Enhanced status codes for replies that have none (RFC 2034, RFC 3463, RFC 5248)."""

from __future__ import annotations

import re

from testbed.protocols.status import split_enhanced

_REPLY = re.compile(r"([245]\d\d)([ -])")
_UNKNOWN_COMMAND = "500 Error: command "  # as aiosmtpd says it; its other 500s are about syntax
_DETAILS = {"500": "5.2", "501": "5.4", "502": "5.1", "503": "5.1", "504": "5.4", "530": "7.0"}


def with_enhanced_code(line: str) -> str:
    """One line of a reply, its enhanced status code behind the reply code; 3yz replies have none."""
    found = _REPLY.match(line)
    if found is None or split_enhanced(line[4:])[0]:
        return line
    code = found.group(1)
    detail = "5.1" if line.startswith(_UNKNOWN_COMMAND) else _DETAILS.get(code, "0.0")
    return f"{found.group()}{code[0]}.{detail} {line[4:]}"

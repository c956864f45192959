"""What the octets of an SMTP client are.

The client is in one of four modes; only replies and complete messages change it:

========== ================================= ==========================================
mode       what the client's octets are      left at
========== ================================= ==========================================
commands   lines, each a command             354 (message), BDAT (chunk), 220 to STARTTLS (secret)
message    mail data up to the lone dot      the lone dot
chunk      as many octets as BDAT said       the last of them
secret     TLS records                       octets that keys opened, or a command (commands)
========== ================================= ==========================================
"""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """What the client's next octets are."""

    COMMANDS, MESSAGE, CHUNK, SECRET = range(4)

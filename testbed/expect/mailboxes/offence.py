"""What a mailbox server, or a reader, did that it must not do."""

from __future__ import annotations

from msgspec import Struct

KEEPS = "mailboxes keep what nobody has deleted (RFC 1939 §6, RFC 9051 §6.4.3)"
REMOVES = "what was deleted is gone (RFC 1939 §6, RFC 9051 §6.4.3)"
GIVES = "readers get what was sent to them (RFC 1939 §5, RFC 9051 §2.3)"
NAMES = "no message takes another's name (RFC 1939 §7, RFC 9051 §2.3.1.1)"
COUNTS = "numbers and sizes are reported correctly (RFC 1939 §11, RFC 9051 §2.3.4)"
FLAGS = "flags stay as they were stored (RFC 9051 §2.3.2)"
KEPT = "what readers have fetched and deleted, they have once"
READS = "readers delete nothing that they have not fetched whole"


class Offence(Struct, frozen=True):
    """One of the rules above, and how it was broken, with the frames that show it."""

    rule: str
    why: str
    frames: tuple[int, ...]
    judged: bool = True

"""How octets are written in a scenario."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_NAMED = {"<CRLF>": "\r\n", "<CR>": "\r", "<LF>": "\n", "<NUL>": "\0"}
_NAME = re.compile("|".join(_NAMED))


def octets_of(text: str) -> bytes:
    """What ``octets`` stands for: ``<CRLF>``, ``<CR>``, ``<LF>`` and ``<NUL>`` by name, else an octet a character."""
    return _NAME.sub(lambda found: _NAMED[found[0]], text).encode("latin-1")


def are_octets(value: object) -> object:
    """The text of octets.  Raises ValueError for a character that is none."""
    strange = next((c for c in value if ord(c) > 0xFF), "") if isinstance(value, str) else ""
    if strange:
        raise ValueError(f"'{strange}' is not an octet; write the octets of its UTF-8 as \\x.. in double quotes")
    return value


Octets = Annotated[
    str,
    BeforeValidator(are_octets),
    Field(description="An octet a character up to \\xff, and <CRLF>, <CR>, <LF>, <NUL>."),
]

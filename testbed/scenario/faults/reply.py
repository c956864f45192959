"""The replies a scenario gives to an SMTP server to say (RFC 5321 §4.2)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_TEXT = r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]*"  # a reply may be UTF-8 (RFC 6531 §3.7.4.2)
_LAST = re.compile(rf"[2-5]\d\d(?: {_TEXT})?")
_EARLIER = re.compile(rf"[2-5]\d\d-{_TEXT}")
_LINE_END = re.compile(r"\r?\n")
_MAX_LINE, _MAX_LINES = 500, 100


def check_smtp_reply(reply: str) -> None:
    """Raise ValueError for what is no reply.  Its lines may have unequal codes, as those of some servers have."""
    *earlier, last = lines = reply.split("\r\n")
    if len(lines) > _MAX_LINES:
        raise ValueError(f"a reply has {_MAX_LINES} lines at most, not {len(lines)}")
    for number, line in enumerate(lines, 1):
        if (_EARLIER if number <= len(earlier) else _LAST).fullmatch(line) and len(line) <= _MAX_LINE:
            continue
        if not earlier:
            raise ValueError(f"'{line[:40]}' is not an SMTP reply; write e.g. 452 4.2.2 Mailbox full")
        which = f"line {number} of the reply, '{line[:40]}'"
        if line is last:
            raise ValueError(f"{which}, cannot be the last line; write e.g. 452 4.2.2 Mailbox full")
        raise ValueError(f"{which}, cannot be followed by others; write e.g. 452-4.2.2 Mailbox full")


def _one_text(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("a reply has at least one line")
        lines = [_one_text(line) for line in value]
        strange = next((line for line in lines if not isinstance(line, str) or _LINE_END.search(line)), None)
        if strange is not None:
            raise ValueError(f"'{str(strange)[:40]}' is not a line of a reply; write one line in each entry")
        return "\r\n".join(map(str, lines))
    return _LINE_END.sub("\r\n", value.removesuffix("\n")) if isinstance(value, str) else value


ReplyText = Annotated[
    str,
    BeforeValidator(_one_text, json_schema_input_type=str | int | list[str | int]),
    Field(description="A reply: one line, a text of several, or a list of lines."),
]
"""The lines of a reply with CRLF between them."""

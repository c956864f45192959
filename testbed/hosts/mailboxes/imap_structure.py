"""The structure of a message as pymap reads it, within bounds.

pymap goes down into every part, line by line anew: parts in parts take quadratic time, and keep everybody else waiting.
"""

from __future__ import annotations

import re
from itertools import islice

from pymap.mime import MessageContent

_TYPE = re.compile(rb"^Content-Type(?=[ \t]*:)", re.I | re.M)
_MULTIPART = re.compile(rb"^Content-Type[ \t]*:\s{0,100}multipart/", re.I | re.M)
_HIDDEN = b"Xontent-Type"  # as long as what it stands for, so that every line stays where it is
_MOST_PARTS = 100


def message_content(octets: bytes) -> MessageContent:
    """A message with its parts; one of very many is a single part, of no type and in one line."""
    if not _is_intricate(octets):
        return MessageContent.parse(octets)
    end = octets.find(b"\r\n\r\n") + 4
    whole = end if end >= 4 else len(octets)
    known = MessageContent.parse(_TYPE.sub(_HIDDEN, octets[:whole])).json
    body = {**known["body"], "lines": [(whole, len(octets), len(octets))], "nested": []}
    return MessageContent.from_json(octets, {**known, "body": body})


def _is_intricate(octets: bytes) -> bool:
    typed = sum(1 for _ in islice(_TYPE.finditer(octets), _MOST_PARTS + 1))
    return typed > _MOST_PARTS or (octets.count(b"\n--") > _MOST_PARTS and _MULTIPART.search(octets) is not None)

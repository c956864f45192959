"""Which YAML files are scenarios: told by their keys, so that a broken one is told from a stranger's file."""

from __future__ import annotations

import re
import stat
from pathlib import Path

SUFFIXES = (".yaml", ".yml")
_MOST_OCTETS = 1_048_576  # larger files are no scenarios
_SCHEMA = re.compile(rb"^# yaml-language-server: \$schema=\S*scenario\.schema\.json", re.M)
_KEY = re.compile(rb"""^["']?(title|steps|expect|like)["']?[ \t]*:""", re.M)
_KEY_IN_BRACES = re.compile(rb"""[{,]\s*["']?(title|steps|expect|like)["']?\s*:""")
_BRACE = re.compile(rb"^\{", re.M)
_SCENARIO = ({b"title", b"expect"}, {b"steps", b"expect"}, {b"title", b"like"})  # many a file has title and steps


def looks_like_scenario(path: Path) -> bool:
    """Whether a file names our schema, or has two of the keys that every scenario has.  Raises OSError."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_OCTETS:
        return False
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    keys = set((_KEY_IN_BRACES if _BRACE.search(content) else _KEY).findall(content))
    return _SCHEMA.search(content) is not None or any(needed <= keys for needed in _SCENARIO)

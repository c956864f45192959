"""The one place that reads the units people use: ``40m``, ``1d 12h``, ``20 KB``."""

from __future__ import annotations

import re

from testbed.durations import DAY, HOUR, MILLISECOND, MINUTE, SECOND

_NS = {"ms": MILLISECOND, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_OCTETS = {
    "": 1,
    "B": 1,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}

DURATION = r"^\s*(\d{1,9}(\.\d{1,9})?\s*(ms|s|min|m|h|d|w)(?![a-z])\s*)+$"
"""What durations look like, for editors; :func:`parse_duration` knows besides how long they may be."""
_DURATION_PART = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?\s*(ms|s|min|m|h|d|w)(?![a-z])\s*", re.ASCII)
_SIZE = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?\s*(B|KB|MB|GB|KiB|MiB|GiB|)", re.ASCII)

_LONGEST_NS = 3_650 * DAY


def parse_duration(text: object) -> int:
    """Nanoseconds.  Raises ValueError with a sentence for what is no duration."""
    if isinstance(text, int) and not isinstance(text, bool) and text == 0:
        return 0
    complaint = f"'{_shown(text)}' is not a duration; write e.g. 300ms, 40m, 2h, 5d or 1d 12h"
    if not isinstance(text, str) or not text.strip():
        raise ValueError(complaint)
    rest, total, at = text.strip(), 0, 0
    while at < len(rest):
        part = _DURATION_PART.match(rest, at)
        if part is None:
            raise ValueError(complaint)
        total += _scaled(part.group(1), part.group(2), _NS[part.group(3)])
        at = part.end()
    if total > _LONGEST_NS:
        raise ValueError(f"'{_shown(text)}' is longer than ten years")
    return total


def parse_size(text: object) -> int:
    """Octets; ``20 KB`` is 20,000 and ``20 KiB`` is 20,480.  Raises ValueError with a sentence."""
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text < 10**12:
        return text
    found = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"'{_shown(text)}' is not a size; write e.g. 512, 20 KB or 5 MiB")
    return _scaled(found.group(1), found.group(2), _OCTETS[found.group(3)])


def parse_share(value: object) -> float:
    """A share between 0 and 1, written ``5%``.  Raises ValueError with a sentence."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)\s*%", value.strip(), re.ASCII) if isinstance(value, str) else None
    share = float(found.group(1)) / 100 if found else value if isinstance(value, float) else 0.0
    if not 0 < share <= 1:
        raise ValueError(f"'{_shown(value)}' is not a share between 0% and 100%; write e.g. 5%")
    return share


def parse_rate(value: object) -> tuple[int, int]:
    """How many in how many nanoseconds, written ``2 per 1h``.  Raises ValueError with a sentence."""
    if isinstance(value, tuple):
        return value
    found = re.fullmatch(r"(\d{1,6})\s+per\s+(.+)", value.strip(), re.ASCII) if isinstance(value, str) else None
    if found is None or not int(found.group(1)):
        raise ValueError(f"'{_shown(value)}' is not a rate; write e.g. 2 per 1h")
    span = parse_duration(found.group(2))
    if not span:
        raise ValueError(f"'{_shown(value)}' is not a rate; write e.g. 2 per 1h")
    return int(found.group(1)), span


def _scaled(whole: str, fraction: str | None, unit: int) -> int:
    if fraction is None:
        return int(whole) * unit
    return int(whole) * unit + int(fraction) * unit // int(10 ** len(fraction))


def _shown(value: object) -> str:
    text = "".join(c if c.isprintable() else "·" for c in ("" if value is None else str(value))[:41])
    return text if len(text) <= 40 else text[:39] + "…"

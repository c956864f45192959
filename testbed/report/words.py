"""How reports write numbers and frames."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.plural import count


def frames(numbers: Sequence[int], most: int = 6) -> str:
    """``frame 31`` or ``frames 31, 58, 85``; long lists are cut."""
    if not numbers:
        return ""
    shown = ", ".join(str(number) for number in numbers[:most])
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"frame{'s' if len(numbers) > 1 else ''} {shown}{more}"


def frame_range(first: int, last: int) -> str:
    """``frames 6–13``, ``frame 6``."""
    return f"frames {first}–{last}" if first != last else f"frame {first}"


def both_frames(before: Sequence[int], now: Sequence[int]) -> str:
    """``before: frame 31; now: frames 30, 58``: where two traces differ."""
    sides = (("before", frames(before)), ("now", frames(now)))
    return "; ".join(f"{side}: {cited}" for side, cited in sides if cited)


def followed(number: int) -> str:
    """The words before differences that come later than another and have a host in common with it: no proof."""
    return f"and what may follow from it: {count(number, 'difference')}"


def octets(number: int) -> str:
    """``312 octets``, ``20.4 KB``, ``1.2 MB``."""
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 10_000)):
        if number >= size:
            return f"{number / (1000 if unit == 'KB' else size):.1f} {unit}"
    return count(number, "octet")

"""How many there are of something, in words."""

from __future__ import annotations


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 packet``, ``2,048 packets``, ``1 copy``; ``plural`` where it takes more than an ``s``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def were(number: int, noun: str) -> str:
    """``1 packet was``, ``2 packets were``."""
    return f"{count(number, noun)} {'was' if number == 1 else 'were'}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def times(number: int) -> str:
    """``once``, ``twice``, ``3 times``."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")

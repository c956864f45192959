"""What is said of the whole lab: addresses, the seed, how long it waits until mail is settled."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.explore.reductions.shorter import shorter
from testbed.explore.variant import Variant

_SUPERFLUOUS = ("ip", "addresses", "seed")
_SETTLE = "settle"


def plainer_lab(variant: Variant) -> Iterator[Variant]:
    """Without each setting that only some scenarios have."""
    yield from (variant.saying(key, None) for key in _SUPERFLUOUS if key in variant.data)


def sooner_settled(variant: Variant) -> Iterator[Variant]:
    """With less time for mail to be settled: an hour, or a day."""
    yield from (variant.saying(_SETTLE, span) for span in shorter(variant.data.get(_SETTLE), ("1h", "1d")))

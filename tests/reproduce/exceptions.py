"""References that do not come out the same, by the kind of reason."""

from __future__ import annotations

_KINDS: dict[str, tuple[str, ...]] = {}
EXCEPTIONS = {name: why for why, names in _KINDS.items() for name in names}

"""How much ``testbed run`` says: by ``-q``, ``-v`` and ``-vv``."""

from __future__ import annotations

QUIET, FINDINGS, LADDERS = -1, 1, 2
"""Only what is red; also what the inspector says of each scenario; also the annotated trace of each."""

"""What DNS said in other captures than the one that is inspected."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from testbed.errors import CaptureError
from testbed.trace.analysis import ONE_BY_ONE
from testbed.trace.inspect import inspect

if TYPE_CHECKING:
    from testbed.trace.authentication.answers import Told

MOST_CAPTURES = 20
_MOST_OCTETS = 64 << 20


def answers_elsewhere(paths: Sequence[str]) -> Iterator[Told]:
    """The answers of the first :data:`MOST_CAPTURES` captures; none of those that are large, or that are none."""
    from testbed.trace.authentication.account import answers_in

    for path in paths[:MOST_CAPTURES]:
        if not os.path.isfile(path) or os.path.getsize(path) > _MOST_OCTETS:
            continue
        try:
            analysis = inspect(path)
        except CaptureError:  # which is told where that capture is inspected itself
            continue
        few = len(analysis.connections) <= ONE_BY_ONE
        yield from answers_in(analysis.understanding, analysis.connections if few else None)

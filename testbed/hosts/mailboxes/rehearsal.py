"""Commands that are only rehearsed, so that what a server would refuse anyway is known, and nothing comes of asking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_rehearsed: ContextVar[bool] = ContextVar("rehearsed", default=False)


class WouldBeDoneError(Exception):
    """Nothing is in the way of what is rehearsed: here it would change a mailbox."""


@contextmanager
def rehearsal() -> Iterator[None]:
    """What this task does meanwhile to mailboxes goes as far as :func:`for_real`."""
    token = _rehearsed.set(True)
    try:
        yield
    finally:
        _rehearsed.reset(token)


def for_real() -> None:
    """Something is changed from here on.  Raises WouldBeDoneError in a rehearsal."""
    if _rehearsed.get():
        raise WouldBeDoneError

"""The signals that end a lab before its steps are over."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from testbed.interruption import TIME_IS_UP

_INTERRUPTING = (signal.SIGINT, signal.SIGTERM)
_ALL = (*_INTERRUPTING, TIME_IS_UP)


def heed(loop: asyncio.AbstractEventLoop, interrupt: Callable[[], None], time_is_up: Callable[[], None]) -> None:
    """Call the one or the other when a signal comes."""
    for number in _INTERRUPTING:
        loop.add_signal_handler(number, interrupt)
    loop.add_signal_handler(TIME_IS_UP, time_is_up)


def heed_no_more(loop: asyncio.AbstractEventLoop) -> None:
    """Ignore those that come when the lab is over.

    Closing its loop would give them back their default, to end the process, which has still to say what came of it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
    for number in _ALL:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ALL)

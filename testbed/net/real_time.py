"""To wait in real time, in a loop whose own time jumps (timerfd_create(2))."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import time

from testbed.net.namespace import libc

_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK | TFD_CLOEXEC


async def real_sleep(seconds: float) -> None:
    """Return when so much real time has passed, whatever the loop's clock shows meanwhile.  Raises OSError."""
    loop = asyncio.get_running_loop()
    timer = libc.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
    if timer < 0:
        raise OSError(ctypes.get_errno(), "no timer")
    whole, part = divmod(round(seconds * 1e9), 1_000_000_000)
    libc.timerfd_settime(timer, 0, struct.pack("=qqqq", 0, 0, whole, max(part, 1)), None)
    over = asyncio.Event()
    loop.add_reader(timer, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(timer)
        os.close(timer)

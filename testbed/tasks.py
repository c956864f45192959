"""Tasks that somebody holds.

The loop has only weak references to its tasks.  One that waits for a stream nobody else knows is collected as garbage,
and Python then reports a mistake, which ends a lab.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class HeldTasks:
    """Each task is held until it is done.  What it raises goes to the loop's exception handler at once."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Begin, and hold."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def settled(self) -> None:
        """Return when all have ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Cancel all, and wait for none."""
        for task in list(self._tasks):
            task.cancel()

    async def stop(self) -> None:
        """Cancel all, and return when they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": "a task crashed", "exception": error, "task": task},
            )

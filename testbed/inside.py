"""``python -m testbed.inside PID HOST COMMAND …``: becomes a program on a host of the lab that lives in a process.

A process with threads cannot join a lab, so whoever has some starts this one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from testbed.errors import reason
from testbed.net.programs import join, on_host

CANNOT_RUN, NOT_FOUND = 126, 127  # as shells have it


def main(arguments: Sequence[str]) -> NoReturn:
    """Join, and become the command; the exit status is its own, or says why there is none."""
    pid, host, *command = arguments
    try:
        join(int(pid))
    except OSError as error:
        sys.exit(f"the lab cannot be joined: {reason(error)}")
    on_host(host)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]} cannot be run: {reason(error)}", file=sys.stderr)
        sys.exit(NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1:])

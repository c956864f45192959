"""``python -m testbed.inside DESCRIPTOR COMMAND …``: becomes a program on a host of a lab.

The descriptor is that of a file with the way there.  A process with threads cannot join a lab, so whoever has some
starts this one.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from typing import NoReturn

from testbed.errors import reason
from testbed.net.entry import Entry

CANNOT_RUN, NOT_FOUND = 126, 127  # as shells have it


def main(arguments: Sequence[str]) -> NoReturn:
    """Join, and become the command; the exit status is its own, or says why there is none."""
    descriptor, *command = arguments
    with open(int(descriptor), "rb") as file:
        entry = pickle.load(file)
    assert isinstance(entry, Entry)
    try:
        entry.take()
    except OSError as error:
        sys.exit(f"the lab cannot be joined: {reason(error)}")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]} cannot be run: {reason(error)}", file=sys.stderr)
        sys.exit(NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1:])

"""A process of this program that is started afresh, and inherits nothing: no threads, files, handlers or memory."""

from __future__ import annotations

import socket
import subprocess
import sys


def fresh_process(module: str, line: socket.socket) -> subprocess.Popen[bytes]:
    """Run ``main(descriptor)`` of a module in one, with the other end of a socket that it is to talk by."""
    # The same modules as here, wherever they were found.
    program = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; main({line.fileno()})"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[line.fileno()],
        start_new_session=True,  # Ctrl-C is for the program that asked
    )

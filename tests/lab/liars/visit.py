"""Says lines to a mailbox server, one after the other: visit.py pop3|imap SERVER LINE...

``CUT`` closes the connection then and there.  ``APPEND`` is given a message of its own.  A visit ends early when
the server dies.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time

PROTOCOL, SERVER, *LINES = sys.argv[1:]
MOST_TRIES, WAIT_S = 50, 0.1
MESSAGE = b"From: bob@someschool.edu\r\nMessage-ID: <draft@someschool.edu>\r\nSubject: Draft\r\n\r\nTo do\r\n"


def answered(said: str, tag: str) -> None:
    """Read the reply to the end."""
    verb, _, argument = said.partition(" ")
    many = verb in ("RETR", "TOP") or (verb in ("UIDL", "LIST") and not argument)
    for line in iter(stream.readline, b""):
        if PROTOCOL == "imap" and line.startswith(b"+"):
            stream.write(MESSAGE + b"\r\n")
            stream.flush()
        ended = line.startswith(tag.encode()) if tag else not many or line.startswith(b"-") or line == b".\r\n"
        if ended:
            return


def connected() -> socket.socket:
    """A connection to a server that may be about to start."""
    for _ in range(MOST_TRIES):
        try:
            return socket.create_connection((SERVER, 110 if PROTOCOL == "pop3" else 143))
        except OSError:
            time.sleep(WAIT_S)
    sys.exit(f"{SERVER} cannot be reached")


with connected() as connection, contextlib.suppress(OSError):
    stream = connection.makefile("rwb")
    stream.readline()
    for number, said in enumerate(LINES):
        if said == "CUT":
            break
        tag = f"a{number} " if PROTOCOL == "imap" else ""
        size = f" {{{len(MESSAGE)}}}" if said.startswith("APPEND") else ""
        stream.write(f"{tag}{said}{size}\r\n".encode())
        stream.flush()
        answered(said, tag)

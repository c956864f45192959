"""Says lines to a mailbox server, one after the other: visit.py pop3|imap SERVER LINE...

``CUT`` closes the connection then and there.  ``APPEND`` is given a message of its own.
"""

from __future__ import annotations

import socket
import sys

PROTOCOL, SERVER, *LINES = sys.argv[1:]
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


with socket.create_connection((SERVER, 110 if PROTOCOL == "pop3" else 143)) as connection:
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

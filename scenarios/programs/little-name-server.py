#!/usr/bin/env python3
"""A name server of fifty lines, to put under test: every domain's mail goes to the host of the same name.

little-name-server.py NAME=ADDRESS...
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys

HOSTS = dict(word.split("=") for word in sys.argv[1:])
A, MX = 1, 15


class Query(socketserver.DatagramRequestHandler):
    """One question (RFC 1035 §4)."""

    def handle(self) -> None:
        """Answer it."""
        query = self.rfile.read()
        end = query.index(b"\0", 12) + 5
        name, kind = self.question(query, end)
        answers = self.answers(name, kind)
        code = 0 if name in HOSTS else 3
        head = query[:2] + struct.pack(">HHHHH", 0x8400 | code, 1, len(answers), 0, 0)
        self.wfile.write(head + query[12:end] + b"".join(answers))
        print(f"{name}: {len(answers)} answers")

    def question(self, query: bytes, end: int) -> tuple[str, int]:
        """Name and type asked for."""
        at, labels = 12, []
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode())
            at += 1 + length
        return ".".join(labels).lower(), int.from_bytes(query[end - 4 : end - 2], "big")

    def answers(self, name: str, kind: int) -> list[bytes]:
        """The records of a name."""
        if name in HOSTS and kind == A:
            data = socket.inet_aton(HOSTS[name])
        elif name in HOSTS and kind == MX:
            data = struct.pack(">H", 10) + b"\xc0\x0c"  # the name of the question
        else:
            return []
        return [b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data]


if __name__ == "__main__":
    with socketserver.ThreadingUDPServer(("", 53), Query) as server:
        server.serve_forever()

"""An IMAP server that says yes to everything and writes down what it was told, word by word."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")
_MESSAGE = b"Subject: x\r\nFrom: a@b\r\n\r\nx\r\n"
_ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE LITERAL+\r\n",
    b"LIST": b'* LIST () "/" INBOX\r\n* LIST () "/" Trash\r\n',
    b"STATUS": b"* STATUS INBOX (UNSEEN 1)\r\n",
    b"SELECT": b"* 1 EXISTS\r\n",
    b"EXAMINE": b"* 1 EXISTS\r\n",
    b"UID SEARCH": b"* SEARCH 1\r\n",
    b"UID FETCH": b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE %d BODY[] {%d}\r\n%s)\r\n"
    % (len(_MESSAGE), len(_MESSAGE), _MESSAGE),
}


@dataclass
class Recorded:
    """A command: its name, and what stands behind it; a literal is one word, whatever is in it."""

    name: str
    rest: list[bytes]


@dataclass
class RecordingServer:
    """``port`` is of 127.0.0.1; ``take`` gives the commands since it was last asked."""

    port: int
    said: list[Recorded] = field(default_factory=list)

    def take(self) -> list[Recorded]:
        said, self.said[:] = list(self.said), []
        return said


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"* OK ready\r\n")
        while line := self.rfile.readline():
            parts = [line.rstrip(b"\r\n")]
            while found := _LITERAL.search(parts[-1]):
                if not found[2]:
                    self.wfile.write(b"+ go on\r\n")
                parts.append(self.rfile.read(int(found[1])))
                parts.append(self.rfile.readline().rstrip(b"\r\n"))
            tag, _, first = parts[0].partition(b" ")
            words = first.split(b" ")
            name = b" ".join(words[:2] if words[0].upper() == b"UID" else words[:1]).upper()
            record: RecordingServer = self.server.recording  # type: ignore[attr-defined]
            record.said.append(Recorded(name.decode("latin-1"), [first[len(name) + 1 :], *parts[1:]]))
            self.wfile.write(_ANSWERS.get(name, b"") + tag + b" OK done\r\n")
            if name == b"LOGOUT":
                return


@contextmanager
def recording() -> Iterator[RecordingServer]:
    """The server, in a thread of its own."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session) as server:
        server.daemon_threads = True
        record = RecordingServer(server.server_address[1])
        server.recording = record  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield record
        finally:
            server.shutdown()
            thread.join()

"""A connection to a server that is asked."""

from __future__ import annotations

import contextlib
import socket

from testbed.errors import LabError, reason
from testbed.learn.alphabets import Alphabet, Names
from testbed.learn.machine import CLOSED, SILENT

_PIECE = 65_536


class ServerLine:
    """Raises LabError when nobody can be connected to."""

    def __init__(self, address: tuple[str, int], alphabet: Alphabet, names: Names, patience_s: float) -> None:
        self._alphabet = alphabet
        self._names = names
        self._reader = alphabet.reader()
        try:
            self._socket = socket.create_connection(address, patience_s)
        except OSError as error:
            raise LabError(f"{address[0]} port {address[1]} cannot be connected to: {reason(error)}") from error
        self._socket.settimeout(patience_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.greeting = self._answer()

    def ask(self, name: str) -> str:
        """Send an input and give its answer."""
        with contextlib.suppress(OSError):  # what is heard then is that it is closed
            self._socket.sendall(self._reader.octets(name, self._alphabet.text(name, self._names)))
        return self._answer()

    def close(self) -> None:
        """Close it, once the server has ended too, so that it holds nothing any more: no lock, no process."""
        with contextlib.suppress(OSError), self._socket:
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(_PIECE):
                pass

    def _answer(self) -> str:
        octets = b""
        try:
            while (answer := self._reader.answer(octets)) is None:
                octets = self._socket.recv(_PIECE)
                if not octets:
                    return CLOSED
        except TimeoutError:
            return SILENT
        except OSError:
            return CLOSED
        return answer

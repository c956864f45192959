"""A connection to a server that is asked."""

from __future__ import annotations

import contextlib
import socket
import ssl

from testbed.errors import LabError, reason
from testbed.learn.alphabets import Alphabet, Names
from testbed.learn.machine import CLOSED, SILENT

_PIECE = 65_536
_NO_TLS = "no TLS"  # follows the answer that has promised it


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
        answer = self._answer()
        if (name, answer) in self._alphabet.begins_tls and not self._begin_tls():
            return f"{answer} {_NO_TLS}"
        return answer

    def close(self) -> None:
        """Close it, once the server has ended too, so that it holds nothing any more: no lock, no process."""
        with contextlib.suppress(OSError), self._socket:
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(_PIECE):
                pass

    def _begin_tls(self) -> bool:
        """Whether that succeeds; whose certificate it is does not matter here."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self._socket = context.wrap_socket(self._socket)
        except (OSError, ValueError):
            return False
        return True

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

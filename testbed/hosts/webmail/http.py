"""HTTP/1.1 for the web mail: uvicorn's, for clients that have no manners."""

from __future__ import annotations

import logging

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether an error is not a client's that broke off in the middle of HTTP, to which nothing can be answered."""
    return not (record.exc_info and isinstance(record.exc_info[1], h11.LocalProtocolError))


logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of every request that is none
logging.getLogger("uvicorn.error").addFilter(_is_ours)


class HttpProtocol(H11Protocol):
    """One connection's server side."""

    _ended = False

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client says no more, and may still listen: what it has asked for, it gets.  TLS cannot be half closed."""
        self._ended = True
        return self.scheme == "http" and self._answering()

    def on_response_complete(self) -> None:
        """Go on to the next request; after FIN, close behind the last answer."""
        super().on_response_complete()
        if self._ended and not self._answering():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; behind the beginning of another answer there is no place to say so."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _answering(self) -> bool:
        """Whether a whole request waits for its answer."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)

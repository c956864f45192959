"""The control server: a thread of this process that listens on 127.0.0.1."""

from __future__ import annotations

import secrets
import socket
import threading
from types import TracebackType

from uvicorn import Config, Server

from testbed.control.app import application
from testbed.control.labs import Labs
from testbed.errors import UsageError, reason
from testbed.net.forward import HOME

_AT_ONCE = 200  # requests
_PATIENCE_S = 2


class ControlServer:
    """Answers while its ``with`` lasts; the labs end with it.

    ``port`` is 0 for any that is free.  Raises UsageError for one that cannot be had.
    """

    def __init__(self, labs: Labs, port: int = 0) -> None:
        self.labs = labs
        self.token = secrets.token_urlsafe(24)
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOME, port))
        except OSError as error:
            self._socket.close()
            raise UsageError(f"--control-port {port}: the port is not available: {reason(error)}") from None
        self.port: int = self._socket.getsockname()[1]
        config = Config(
            application(labs, self.token, self.port),
            log_config=None,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_AT_ONCE,
            timeout_graceful_shutdown=_PATIENCE_S,
        )
        self._server = Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="control", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOME}:{self.port}"

    @property
    def page(self) -> str:
        """The page's address; a browser keeps what stands behind # to itself."""
        return f"{self.url}/#{self.token}"

    @property
    def environment(self) -> dict[str, str]:
        """What programs find it by."""
        return {"TESTBED_CONTROL_URL": self.url, "TESTBED_CONTROL_TOKEN": self.token}

    def __enter__(self) -> ControlServer:
        self._socket.listen(128)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.labs.close()

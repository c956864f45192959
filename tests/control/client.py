"""A client of the control API: plain HTTP, as any language has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from typing import Any

from testbed.control import ControlServer
from tests.patience import HANG_S

BOB = "bob@someschool.edu"


@dataclass(frozen=True)
class Answer:
    """What a server has said."""

    status: int
    headers: Message
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Client:
    """Asks a server, with its token unless a header says otherwise."""

    server: ControlServer

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """A body that is no octets is sent as JSON; a header that is ``""`` is left out."""
        own = {"Authorization": f"Bearer {self.server.token}"}
        if body is not None:
            own["Content-Type"] = "application/json"
        said = {name: value for name, value in (own | dict(headers or {})).items() if value}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=HANG_S)
        try:
            connection.request(method, path, content, said)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def done(self, method: str, path: str, body: object = None) -> Any:
        """The same, where it must go well; gives the JSON of the answer, None for none."""
        answer = self.ask(method, path, body)
        assert answer.status < 300, answer.content
        return answer.json if answer.content else None

    def open(self, **order: object) -> str:
        """Bring a lab up; gives its path."""
        return f"/labs/{self.done('POST', '/labs', order)['id']}"

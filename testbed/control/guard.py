"""Who may ask: whoever has the token, by a name of this machine's loopback, from no page but our own."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from testbed.control.problems import Problem, problem_response
from testbed.net.forward import HOME

_HEADERS = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class Guard:
    """Lets requests through to ``app``.

    Another name in ``Host`` is how a stranger's page reaches a loopback server (DNS rebinding), so it is refused; so is
    another ``Origin``.  ``open_paths`` need no token: they hold no secret.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, open_paths: frozenset[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(f"{name}:{port}" for name in (HOME, "localhost"))
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                added = [(name, value) for name, value in _HEADERS.items() if name not in own]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        if scope["type"] != "http":
            return
        request = Request(scope)
        refused = self._refusal(request)
        if refused is None:
            await self._app(scope, receive, secured)
            return
        wanted = {"WWW-Authenticate": 'Bearer realm="testbed"'} if refused.status == 401 else {}
        await problem_response(refused, {**wanted, "Connection": "close"})(scope, receive, secured)

    def _refusal(self, request: Request) -> Problem | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return Problem(421, f"this server is {sorted(self._hosts)[0]}, and answers to no other name")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower().removeprefix("http://") not in self._hosts:
            return Problem(403, "pages from other origins may not send requests")
        if request.scope["path"] in self._open_paths:
            return None
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(said.strip().encode("latin-1"), self._token):
            return Problem(401, "authenticate with 'Authorization: Bearer TOKEN' and the token that was printed")
        return None

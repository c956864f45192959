"""The application: every operation at its path, the page, and problems in place of tracebacks."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable
from importlib import resources

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from testbed.control.bodies import Anything, read_body
from testbed.control.guard import Guard
from testbed.control.labs import Labs
from testbed.control.openapi import openapi
from testbed.control.operations import JSON, OPERATIONS, Call, File, Operation
from testbed.control.problems import Problem, problem_of, problem_response
from testbed.errors import TestbedError

_ASSETS = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_DOCUMENT = "/openapi.json"


def application(labs: Labs, token: str, port: int) -> ASGIApp:
    """What answers at a port, to whoever has the token."""
    routes = [Route(path, _asset(*asset)) for path, asset in _ASSETS.items()]
    routes.append(Route(_DOCUMENT, _document))
    routes += [Route(one.path, _endpoint(one, labs), methods=[one.method]) for one in OPERATIONS]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refuse})
    app.router.redirect_slashes = False
    return Guard(app, token, port, frozenset((*_ASSETS, _DOCUMENT)))


def _endpoint(operation: Operation, labs: Labs) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            body = await read_body(request, operation.body) if operation.body is not None else Anything({})
            call = Call(labs, request.path_params, request.query_params, body)
            return _response(operation, await run_in_threadpool(operation.do, call))
        except Problem as problem:
            return problem_response(problem)
        except TestbedError as error:
            return problem_response(problem_of(error))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return problem_response(Problem(500, "this is an error in the testbed itself; see its standard error"))

    return answer


def _response(operation: Operation, answer: object) -> Response:
    if operation.status == 204:
        return Response(status_code=204)
    if isinstance(answer, File):
        headers = {
            "Content-Disposition": f'attachment; filename="{_plain(answer.name)}"',
            "Content-Security-Policy": "sandbox",
        }
        return Response(answer.content, 200, headers, operation.media)
    return Response(to_json(answer), operation.status, media_type=JSON)


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)[-100:]


def _asset(name: str, media: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files("testbed.control").joinpath("page", name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=media)

    return answer


async def _document(request: Request) -> Response:
    return JSONResponse(openapi())


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "there is nothing at this path", 405: "this path takes another method"}
    return problem_response(
        Problem(error.status_code, words.get(error.status_code, error.detail)), dict(error.headers or {})
    )

"""What is wrong with a request, as RFC 9457 has it."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.responses import Response

from testbed.errors import LabError, NoLabError, StepError, TestbedError, UsageError

MEDIA_TYPE = "application/problem+json"
_MOST = 4_000  # characters of a sentence


class Problem(Exception):
    """The answer to a request that is not right: a status and a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem_of(error: TestbedError) -> Problem:
    """What one of the testbed's own errors is to whoever asked."""
    match error:
        case NoLabError():
            return Problem(503, str(error))
        case UsageError() | StepError():
            return Problem(422, str(error))
        case LabError():
            return Problem(409, str(error))
    return Problem(500, str(error))


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """``{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no lab 7"}``."""
    detail = problem.detail.encode("utf-8", "backslashreplace").decode()[:_MOST]
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": detail,
    }
    return Response(json.dumps(document), problem.status, headers, MEDIA_TYPE)

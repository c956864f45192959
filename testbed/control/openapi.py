"""The OpenAPI 3.1 document, made from the table of operations and the JSON Schema of scenarios."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from testbed import __version__
from testbed.control.operations import JSON, OPERATIONS, Operation
from testbed.control.problems import MEDIA_TYPE
from testbed.scenario.schema import schema

Document = dict[str, object]

_REF = "#/components/schemas/"
_PROBLEM: Document = {
    "description": "What is wrong, in a sentence (RFC 9457).",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
_DESCRIPTIONS = {"lab": "A lab's number.", "fault": "A fault's number.", "mailbox": "An address.", "message": "From 1."}


@cache
def openapi() -> Document:
    """The document."""
    schemas: Document = {"Problem": _PROBLEM, **_of_scenarios()}
    paths: dict[str, Document] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mail Testbed",
            "version": __version__,
            "description": "Labs with failing mail servers, for tests in any language.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(operation: Operation, schemas: Document) -> Document:
    answer: Document = {"description": operation.summary}
    if operation.media != JSON:
        answer["content"] = {operation.media: {"schema": {"type": "string", "format": "binary"}}}
    elif operation.answer is not None:
        answer["content"] = {JSON: {"schema": _schema(operation.answer, schemas)}}
    found: Document = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            *(_parameter("path", name, _DESCRIPTIONS[name]) for name in re.findall(r"\{(\w+)\}", operation.path)),
            *(_parameter("query", name, says) for name, says in (operation.query or {}).items()),
        ],
        "responses": {
            str(operation.status): answer,
            "default": {
                "description": "What is wrong.",
                "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}},
            },
        },
    }
    if operation.body is not None:
        said = {"$ref": _REF + operation.schema} if operation.schema else _schema(operation.body, schemas)
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": said}}}
    return found


def _parameter(where: str, name: str, says: str) -> Document:
    kind = "string" if name in ("lab", "mailbox", "folder") else "integer"
    return {"name": name, "in": where, "required": where == "path", "description": says, "schema": {"type": kind}}


def _schema(kind: Any, schemas: Document) -> Document:
    """The schema of a type; what it is made of goes among the schemas."""
    found: Document = TypeAdapter(kind).json_schema(mode="serialization", ref_template=f"{_REF}{{model}}")
    added = found.pop("$defs", {})
    assert isinstance(added, dict)
    schemas.update(added)
    return found


def _of_scenarios() -> Document:
    """The parts of the scenario language that are said in requests."""
    whole = schema()
    definitions, properties = whole["$defs"], whole["properties"]
    assert isinstance(definitions, dict)
    assert isinstance(properties, dict)
    named: Document = {"Fault": properties["faults"]["items"], "Step": properties["steps"]["items"]}
    found = _moved({**named, **definitions})
    assert isinstance(found, dict)
    return found


def _moved(part: object) -> object:
    """The same, with references that lead to where schemas lie in an OpenAPI document."""
    if isinstance(part, list):
        return [_moved(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value.replace("#/$defs/", _REF) if key == "$ref" and isinstance(value, str) else _moved(value)
        for key, value in part.items()
    }

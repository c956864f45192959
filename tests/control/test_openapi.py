"""The OpenAPI document: whole, and it knows good faults and steps from bad ones."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from testbed.control.openapi import openapi
from testbed.control.operations import OPERATIONS

DOCUMENT = json.loads(json.dumps(openapi()))
BODIES = [
    ("Fault", {"at": "crepes.fr", "on": "RCPT", "reply": "452 4.3.1 Out of space"}, True),
    ("Fault", {"host": "someschool.edu", "is": "silent", "until": "10m"}, True),
    ("Fault", {"host": "someschool.edu", "is": "asleep"}, False),
    ("Fault", {"on": "RCPT"}, False),
    ("Step", {"send": {"to": "bob@someschool.edu"}}, True),
    ("Step", {"wait": "5d"}, True),
    ("Step", {"sing": {}}, False),
    ("Wait", {"duration": "5d"}, True),
    ("Wait", {}, False),
    ("LabOrder", {"scenario": {"title": "A lab"}, "play_steps": False}, True),
    ("LabOrder", {"scenarios": ""}, False),
]


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT)):
        head, _, name = reference.rpartition("/")
        assert (head, name in schemas) == ("#/components/schemas", True), reference
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[\w.-]+", name)  # OpenAPI 3.1 §4.8.7.1


def test_every_operation_is_in_it_once() -> None:
    told = [
        (method.upper(), path, operation["operationId"])
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]
    assert sorted(told) == sorted((one.method, one.path, one.name) for one in OPERATIONS)
    assert len({name for _, _, name in told}) == len(told)


@pytest.mark.parametrize(("name", "body", "good"), BODIES, ids=str)
def test_it_knows_good_bodies_from_bad_ones(name: str, body: object, *, good: bool) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    inline = {
        one["requestBody"]["content"]["application/json"]["schema"].get("title"): one["requestBody"]
        for methods in DOCUMENT["paths"].values()
        for one in methods.values()
        if "requestBody" in one
    }
    schema = schemas.get(name) or inline[name]["content"]["application/json"]["schema"]
    assert jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).is_valid(body) == good

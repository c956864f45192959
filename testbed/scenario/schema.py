"""The JSON Schema of scenario files, made from the model, for editors that complete and check.

The model is flatter than the file in two places: steps and expectations carry their one key as ``kind``, and a
host's role may be left out.  Both are turned back here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pydantic import TypeAdapter

from testbed.durations import format_duration
from testbed.scenario.expectations import EXPECTATIONS
from testbed.scenario.faults import KINDS
from testbed.scenario.hosts import ROLES
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import STEPS
from testbed.scenario.tagged import Tagged
from testbed.scenario.units import DURATION

_PARAMETER = r"\$(\w+|\{\w+\})"
_NAME = "urn:mail-testbed:scenario"
_OUTSIDE = ("title", "description", "default", "deprecated", "deprecationMessage")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, object]


FILE = "scenario.schema.json"
"""What its file is called, beside scenarios; by this name a file that names it is known as one of ours."""


def schema_text() -> str:
    """The schema as a file holds it."""
    return json.dumps(schema(), indent=2) + "\n"


def schema() -> Schema:
    """The schema as a JSON document (2020-12)."""
    definitions: dict[str, Schema] = {}
    document = _model(Scenario, definitions)
    properties = document["properties"]
    assert isinstance(properties, dict)
    properties["hosts"] = {
        "description": "Hosts that differ from the textbook's, by name.",
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [*(_ref(_host(m, definitions), definitions) for m in ROLES.values()), _NULL]},
    }
    faults = _list("What goes wrong.", [_ref(_model(m, definitions), definitions) for m in KINDS.values()])
    properties["faults"] = {**faults, "type": ["array", "null"]}
    properties["steps"] = _list("What happens, in order.", _keyed(STEPS, definitions), at_least=1)
    properties["expect"] = _list("What must hold at the end.", _keyed(EXPECTATIONS, definitions), at_least=1)
    properties["ours"] = _list(
        "What must hold besides where all mail servers are the lab's own.", _keyed(EXPECTATIONS, definitions)
    )
    document["required"] = ["title"]
    document["anyOf"] = [{"required": ["like"]}, {"required": ["steps", "expect"]}]
    found = {**document, "$defs": _used(document, definitions)}
    return {"$schema": _DIALECT, "$id": _NAME, **{key: _or_parameter(value) for key, value in found.items()}}


def _or_parameter(part: object) -> object:
    """What is no free text may be a parameter of the matrix instead."""
    if isinstance(part, list):
        return [_or_parameter(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    changed = {key: _or_parameter(inner) for key, inner in part.items()}
    constrained = "enum" in part or "pattern" in part or part.get("type") in ("integer", "number", "boolean")
    if not constrained:
        return changed
    outside = {key: changed.pop(key) for key in _OUTSIDE if key in changed}
    anywhere = "pattern" in part  # such as '$user@someschool.edu'
    parameter = _PARAMETER if anywhere else f"{_beginnings(part.get('enum'))}{_PARAMETER}$"
    return {**outside, "anyOf": [changed, {"type": "string", "pattern": parameter}]}


def _beginnings(words: object) -> str:
    """A pattern for nothing, or for how words of several words begin, the rest being a parameter: ``POP3 $command``."""
    parts = [word.split(" ") for word in words if isinstance(word, str)] if isinstance(words, list) else []
    found = dict.fromkeys(" ".join(part[:end]) for part in parts for end in range(1, len(part)))
    return f"^(({'|'.join(map(re.escape, found))}) )?" if found else "^"


def _used(document: Schema, definitions: dict[str, Schema]) -> dict[str, Schema]:
    """The definitions the document leads to, in the order of their names."""
    used: dict[str, Schema] = {}
    waiting: list[Schema] = [document]
    while waiting:
        for name in re.findall(r'"#/\$defs/(\w+)"', json.dumps(waiting.pop())):
            if name not in used:
                used[name] = definitions[name]
                waiting.append(definitions[name])
    return dict(sorted(used.items()))


_NULL: Schema = {"type": "null"}


def _model(model: type, definitions: dict[str, Schema]) -> Schema:
    """One model's own schema; the models it uses go into ``definitions``."""
    made: Schema = TypeAdapter(model).json_schema(by_alias=True, ref_template="#/$defs/{model}")
    found = _in_words(made)
    assert isinstance(found, dict)
    inner = found.pop("$defs", {})
    assert isinstance(inner, dict)
    for name, definition in inner.items():
        definitions.setdefault(name, definition)
    properties = found.get("properties")
    if isinstance(properties, dict) and issubclass(model, Tagged):
        properties.pop("kind", None)
    return found


def _in_words(part: object) -> object:
    """Defaults of durations as a file says them: the model has them in nanoseconds."""
    if isinstance(part, list):
        return [_in_words(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    found = {key: _in_words(inner) for key, inner in part.items()}
    if "default" in part and json.dumps(DURATION) in json.dumps(part):
        found["default"] = _told(part["default"])
    return found


def _told(default: object) -> object:
    if isinstance(default, list):
        return [_told(one) for one in default]
    return format_duration(default) if isinstance(default, int) and default else default


def _host(model: type, definitions: dict[str, Schema]) -> Schema:
    """A host as files may write it: nothing is required, mailboxes may be a bare list of names."""
    found = _model(model, definitions)
    found.pop("required", None)
    properties = found["properties"]
    assert isinstance(properties, dict)
    if "mailboxes" in properties:
        names: Schema = {"type": "array", "items": {"type": "string"}}
        quotas: Schema = {"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#/$defs/MailboxSpec"}, _NULL]}}
        properties["mailboxes"] = {"description": properties["mailboxes"]["description"], "anyOf": [names, quotas]}
    if "items" in properties.get("retry", ()):
        one = properties["retry"]["items"]
        properties["retry"] = {"description": properties["retry"]["description"], "anyOf": [one, properties["retry"]]}
    return found


def _ref(definition: Schema, definitions: dict[str, Schema]) -> Schema:
    name = str(definition["title"]) + "Item"
    definitions[name] = definition
    return {"$ref": f"#/$defs/{name}"}


def _keyed(kinds: Mapping[str, type[Tagged]], definitions: dict[str, Schema]) -> list[Schema]:
    return [
        {
            "type": "object",
            "properties": {key: _body(model, definitions)},
            "required": [key],
            "additionalProperties": False,
        }
        for key, model in kinds.items()
    ]


def _body(model: type[Tagged], definitions: dict[str, Schema]) -> Schema:
    found = _model(model, definitions)
    properties = found["properties"]
    assert isinstance(properties, dict)
    if model.shorthand:
        short = {**properties[model.shorthand], "description": found.get("description", "")}
        return short if len(properties) == 1 else {"anyOf": [short, _ref(found, definitions)]}
    for key in ("to", "bcc", "notify"):
        if key in properties and properties[key].get("type") == "array":
            one_or_many = [properties[key]["items"], properties[key]]
            properties[key] = {"description": properties[key]["description"], "anyOf": one_or_many}
    return _ref(found, definitions)


def _list(description: str, kinds: list[Schema], at_least: int = 0) -> Schema:
    return {"description": description, "type": "array", "minItems": at_least, "items": {"anyOf": kinds}}

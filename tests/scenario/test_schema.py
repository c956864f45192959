"""The JSON Schema editors use says what the loader does."""

import json

import pytest
from jsonschema import Draft202012Validator

from testbed.scenario.document import read_document
from testbed.scenario.expectations import EXPECTATIONS
from testbed.scenario.faults import KINDS
from testbed.scenario.scenario import Scenario
from testbed.scenario.schema import schema
from testbed.scenario.steps import STEPS

from .test_docs_scenarios import EXAMPLES


def references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_is_json_and_always_the_same():
    assert json.loads(json.dumps(schema())) == schema()


def test_the_copy_in_the_docs_is_up_to_date(project):
    assert json.loads((project / "docs" / "scenario.schema.json").read_text()) == schema()


def test_every_reference_leads_somewhere():
    document = schema()
    found = set(references(document))
    assert found
    assert {ref.removeprefix("#/$defs/") for ref in found} <= set(document["$defs"])


def test_it_says_what_each_word_means(project):
    told = [one for one in every_part(schema()) if "enumDescriptions" in one]
    assert all(len(one["enum"]) == len(one["enumDescriptions"]) and all(one["enumDescriptions"]) for one in told)
    reference = " ".join((project / "docs" / "faults.md").read_text().split())
    then = next(one for one in told if "stall" in one["enum"])
    for word, says in zip(then["enum"], then["enumDescriptions"], strict=True):
        assert f"| `{word}` | {says} |" in reference
    assert {"silent", "full", "SYN", "NXDOMAIN", "wrong-name", "redirected"} <= {w for one in told for w in one["enum"]}


def every_part(value):
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from every_part(one)


def test_the_top_level():
    document = schema()
    assert document["$id"] == "urn:mail-testbed:scenario"
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(document["properties"]) == set(Scenario.model_fields)
    assert document["required"] == ["title"]
    assert document["anyOf"] == [{"required": ["like"]}, {"required": ["steps", "expect"]}]
    assert document["additionalProperties"] is False


@pytest.mark.parametrize(("key", "kinds"), [("steps", STEPS), ("expect", EXPECTATIONS)])
def test_steps_and_expectations_have_one_key_each(key, kinds):
    found = schema()["properties"][key]["items"]["anyOf"]
    assert [one["required"] for one in found] == [[kind] for kind in kinds]
    assert all(one["additionalProperties"] is False for one in found)


def test_faults():
    document = schema()
    found = [document["$defs"][ref.removeprefix("#/$defs/")] for ref in references(document["properties"]["faults"])]
    assert len(found) == len(KINDS)
    for kind, one in zip(KINDS, found, strict=True):
        assert kind in one["required"]
        assert not {"from_", "is_"} & set(one["properties"])


def test_nothing_of_the_models_inside_shows():
    document = schema()
    used = {ref.removeprefix("#/$defs/") for ref in references(document)}
    internal = {"kind", "sender", "recipients", "is_", "from_"}
    for name in used:
        written = {"kind"} if name == "ZoneFaultItem" else set()  # there the kind of record, a key of the file
        assert not (internal - written) & set(document["$defs"][name]["properties"])


@pytest.mark.parametrize("text", [example.values[0] for example in EXAMPLES], ids=[example.id for example in EXAMPLES])
def test_it_accepts_every_example_of_the_docs(text):
    validator = Draft202012Validator(schema())
    assert [error.message for error in validator.iter_errors(read_document("example.yaml", text).data)] == []


@pytest.mark.parametrize("word", ["stahl", "$", "a $command"])
def test_it_refuses_what_is_neither_a_word_nor_a_parameter(word):
    fault = {"at": "someschool.edu", "on": "MAIL", "then": word}
    scenario = {"title": "x", "faults": [fault], "steps": [{"wait": "1m"}], "expect": [{"queued": {"at": "crepes.fr"}}]}
    assert not Draft202012Validator(schema()).is_valid(scenario)


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("40m", True),
        ("1d 12h", True),
        ("1.5 s", True),
        ("2 h 31 min", True),
        ("$delay", True),
        ("${delay}m", True),
        (0, True),
        (5, False),
        ("5", False),
        ("5 sec", False),
        ("5 minutes", False),
        ("", False),
    ],
)
def test_durations_are_told_from_others(value, good):
    scenario = {"title": "x", "steps": [{"wait": value}], "expect": [{"queued": {"at": "crepes.fr"}}]}
    assert Draft202012Validator(schema()).is_valid(scenario) is good


def test_defaults_are_as_a_file_says_them():
    definitions = schema()["$defs"]
    relay, fault = (definitions[name]["properties"] for name in ("RelaySpecItem", "DialogueFaultItem"))
    assert relay["give_up"]["default"] == "5 d"
    assert relay["retry"]["anyOf"][1]["default"] == ["30 min", "1 h", "2 h", "4 h"]
    assert fault["pace"]["default"] == "1 s"
    assert fault["from"]["default"] == 0

"""A state machine as a file: the same text for the same behaviour, a line for each input in each state."""

from __future__ import annotations

import json
import os
from typing import TypeAlias

from testbed.errors import UsageError, reason
from testbed.learn.machine import NOT_SENT, Machine, Step
from testbed.protocols.text import shown
from testbed.regular_file import read_regular

SCHEMA_VERSION = 1
_MOST_OCTETS = 20_000_000

Document: TypeAlias = dict[str, object]


class _NoMachineError(Exception):
    """Why a document is no machine."""


def machine_document(protocol: str, machine: Machine) -> Document:
    """``{"schema", "protocol", "greeting", "inputs", "states": [{"after": [input …], "answers": {input: [answer,
    state]}} …]}``; inputs that a client would not send in a state are left out there.
    """
    ways = machine.ways()
    return {
        "schema": SCHEMA_VERSION,
        "protocol": protocol,
        "greeting": machine.greeting,
        "inputs": list(machine.inputs),
        "states": [
            {
                "after": list(ways[state]),
                "answers": {
                    name: [step.answer, step.to]
                    for name, step in zip(machine.inputs, row, strict=True)
                    if step.answer != NOT_SENT
                },
            }
            for state, row in enumerate(machine.steps)
        ],
    }


def machine_text(protocol: str, machine: Machine) -> str:
    """The file of a canonical machine."""
    return pretty(machine_document(protocol, machine)) + "\n"


def read_machine(path: str | os.PathLike[str]) -> tuple[str, Machine]:
    """The protocol and the machine of a file.  Raises UsageError when it cannot be read, or is none."""
    try:
        octets = read_regular(path, _MOST_OCTETS)
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown(path)} cannot be read: {reason(error)}") from error
    try:
        return parse_machine(octets)
    except _NoMachineError as why:
        raise UsageError(f"{shown(path)} is not a state machine that 'testbed learn' has written: {why}") from None


def parse_machine(octets: bytes) -> tuple[str, Machine]:
    """What :func:`machine_text` has written."""
    try:
        said = json.loads(octets)
    except (ValueError, RecursionError):
        raise _NoMachineError("it is not JSON") from None
    if not isinstance(said, dict) or said.get("schema") != SCHEMA_VERSION:
        raise _NoMachineError(f"it has no 'schema': {SCHEMA_VERSION}")
    protocol, greeting = (_text(said.get(key), key) for key in ("protocol", "greeting"))
    inputs = tuple(_text(name, "inputs") for name in _several(said.get("inputs"), "inputs"))
    rows = _several(said.get("states"), "states")
    if len(set(inputs)) != len(inputs) or not rows:
        raise _NoMachineError("its inputs are not different, or it has no states")
    steps = tuple(_row(row, number, inputs, len(rows)) for number, row in enumerate(rows))
    return protocol, Machine(greeting, inputs, steps).canonical()


def _row(row: object, number: int, inputs: tuple[str, ...], states: int) -> tuple[Step, ...]:
    answers = row.get("answers") if isinstance(row, dict) else None
    if not isinstance(answers, dict) or not set(answers) <= set(inputs):
        raise _NoMachineError(f"state {number} has no 'answers' to its inputs")
    return tuple(_step(answers[name], number, states) if name in answers else Step(NOT_SENT, number) for name in inputs)


def _step(said: object, number: int, states: int) -> Step:
    match said:
        case [str(answer), int(to)] if 0 <= to < states and answer != NOT_SENT and answer.isprintable():
            return Step(answer, int(to))
    raise _NoMachineError(f"an answer of state {number} is not [answer, state]")


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise _NoMachineError(f"'{key}' is not text")
    return value


def _several(value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise _NoMachineError(f"'{key}' is not a list")
    return value


def pretty(value: object, indent: str = "") -> str:
    """JSON with a line for each key, and for each state; lists of plain values on one."""
    deeper = indent + "  "
    if isinstance(value, dict):
        body = ",\n".join(f"{deeper}{json.dumps(key)}: {pretty(one, deeper)}" for key, one in value.items())
        return f"{{\n{body}\n{indent}}}"
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        body = ",\n".join(f"{deeper}{pretty(one, deeper)}" for one in value)
        return f"[\n{body}\n{indent}]"
    return json.dumps(value)

"""Faults that are set while a lab runs: read as those of files are, and placed in the lab's time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from testbed.errors import UsageError
from testbed.scenario.base import Part
from testbed.scenario.document import Document
from testbed.scenario.faults import AnyFault, DialogueFault, Fault, TlsFault
from testbed.scenario.faults.when import When
from testbed.scenario.fronts import fronted, is_staged_in_front
from testbed.scenario.in_code import IN_CODE
from testbed.scenario.network_needs import NetworkKind, why_private
from testbed.scenario.problems import Problem
from testbed.scenario.references import reference_problems
from testbed.scenario.scenario import Scenario
from testbed.scenario.words import problems_of


class _Faults(Part):
    faults: tuple[AnyFault, ...]


def fault_in_code(scenario: Scenario, said: Mapping[str, object]) -> Fault:
    """One more fault for a scenario, from its keys and values.  Raises UsageError."""
    document = Document(IN_CODE, "")
    try:
        [fault] = _Faults.model_validate({"faults": [json.loads(as_json(said))]}).faults
    except ValidationError as error:
        raise _wrong(problems_of(error, document)) from None
    if problems := reference_problems(scenario.model_copy(update={"faults": (fault,)}), document):
        raise _wrong(problems)
    return fault


def as_json(said: Mapping[str, object]) -> str:
    """The keys and values of a fault, as the log has them.  Raises UsageError."""
    try:
        return json.dumps(said)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"a fault is made of mappings, lists, text and numbers: {error}") from None


def why_not_now(scenario: Scenario, fault: Fault, network: NetworkKind) -> str:
    """Why a fault cannot be set in a lab of the scenario that runs there, ``""`` where it can."""
    if network is NetworkKind.HOST and (why := why_private(scenario, fault)):
        return f"this lab lives on the machine's own loopback, and the fault needs a private network: {why}"
    if isinstance(fault, When) and fault.connection is not None:
        return "'connection' counts from the start of a lab, so a fault that is set later cannot say it; say 'nth'"
    if not isinstance(fault, DialogueFault | TlsFault):
        return ""
    if isinstance(fault, DialogueFault) and fault.reads_partly:
        return f"'then: {fault.then}' must be known before the server listens; write it among the scenario's faults"
    host = fault.at if isinstance(fault, DialogueFault) else fault.tls
    if scenario.hosts[host].is_program and is_staged_in_front(fault) and host not in fronted(scenario):
        return (
            f"{host} is a program, and nothing of the lab's stands in front of it; "
            "write the fault, or another at this host, among the scenario's faults"
        )
    return ""


def set_at(fault: Fault, number: int, at_ns: int) -> Fault:
    """The fault as one that is the ``number``-th to be set, at a time of the scenario: its ``from`` and ``until`` count
    from then.

    No file has a line of it; in its place events have the number below zero.
    """
    window = {"from_": fault.from_ or None, "until": fault.until}
    later = {key: value + at_ns for key, value in window.items() if value is not None}
    placed = fault.model_copy(update=later)
    placed._line = -number
    return placed


def _wrong(problems: Iterable[Problem]) -> UsageError:
    return UsageError("; ".join(problem.message for problem in problems))

"""pydantic's errors in the words of people who run mail."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from testbed.durations import format_duration
from testbed.scenario.attachments import Attachment
from testbed.scenario.document import Document
from testbed.scenario.expectations import EXPECTATIONS
from testbed.scenario.faults import KINDS
from testbed.scenario.former import as_written
from testbed.scenario.hosts import ROLES
from testbed.scenario.problems import Path, Problem, did_you_mean
from testbed.scenario.rules import Rule
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import STEPS
from testbed.scenario.talk import SAYINGS
from testbed.scenario.units import parse_duration

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "finite_number": "a whole number",
    "dict_type": "a mapping (name: value)",
    "model_type": "a mapping (name: value)",
    "model_attributes_type": "a mapping (name: value)",
    "tuple_type": "a list",
    "list_type": "a list",
    "bool_type": "true or false",
}


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Every mistake pydantic found, at its place in the file."""
    found = [_problem(details, document) for details in error.errors() if not _echo(details)]
    return sorted(found, key=lambda problem: (problem.line, problem.column))


def _echo(details: ErrorDetails) -> bool:
    """A list counted as too short only because its entries were refused, each with an error of its own."""
    return details["type"] == "too_short" and bool(details.get("input"))


def _problem(details: ErrorDetails, document: Document) -> Problem:
    model, path = _resolve(details["loc"])
    path = as_written(path, document)
    kind, value, context = details["type"], details.get("input"), details.get("ctx", {})
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "the file")[:60]
    match kind:
        case "extra_forbidden":
            known = _keys(model)
            message = f"unknown key '{name[:40]}'{did_you_mean(name, known) or '; known: ' + ', '.join(known)}"
            return document.problem(path, message, key=True)
        case "missing":
            return document.problem(path[:-1], f"'{name}' is missing{_owner(path)}")
        case "literal_error":
            expected = str(context["expected"]).replace(" or ", ", ")
            words = [word.strip("'") for word in expected.split(", ")]
            message = f"'{_shown(value)}' is not one of {', '.join(_choices(value, words))}{did_you_mean(value, words)}"
        case "union_tag_invalid":
            path = (*path, "role")
            message = f"unknown role '{_shown(context['tag'])}'{did_you_mean(context['tag'], ROLES)}"
        case "union_tag_not_found":
            message = f"say the role of '{name}': {', '.join(ROLES)}"
            if not isinstance(value, dict):
                message = f"'{name}' must be a mapping (name: value)"
        case "unknown_kind":
            kinds = STEPS if path[0] == "steps" else EXPECTATIONS
            word = context["word"]
            message = f"{details['msg']}{did_you_mean(word, kinds) or '; known: ' + ', '.join(kinds)}"
        case "too_short":
            message = f"'{name}' is empty; it needs at least one entry"
        case "string_too_short":
            message = f"'{name}' is empty"
        case "string_pattern_mismatch":
            message = f"'{_shown(value)}' is no {_PATTERNS.get(name, 'valid value for ' + repr(name))}"
        case "value_error":
            message = str(context["error"])
        case "greater_than_equal" | "less_than_equal" | "less_than":
            limit: float = context.get("ge", context.get("le", context.get("lt", 0)))
            word = "at least" if kind == "greater_than_equal" else "at most" if kind == "less_than_equal" else "below"
            message = f"'{name}' must be {word} {_limit(limit, value)}, not {_shown(value)}"
        case "string_too_long":
            message = f"'{name}' is longer than {context['max_length']} characters"
        case _ if kind in _TYPES:
            message = f"'{name}' must be {_TYPES[kind]}, not {_type_name(value)}"
            message += f"; {_TOP[name]}" if value is None and path == (name,) and name in _TOP else ""
        case _:
            message = details["msg"]
    return document.problem(path, message)


def _limit(limit: float, value: object) -> str:
    """A limit as the value is written: as a duration where that is one."""
    try:
        is_duration = isinstance(value, str) and parse_duration(value) >= 0
    except ValueError:
        is_duration = False
    return format_duration(int(limit)) if is_duration else f"{limit:,}"


_PATTERNS = {
    "code": "reply code; write 452, 452 4.2.2, 5.. for any refusal, or 5.. 5.1.*",
    "status": "enhanced status code; write e.g. 5.1.1, 5.1.* or 5.*",
    "subject": "subject: one line without control characters",
    "password": "password: ASCII without blanks",
    "name": "file name: one line without control characters",
    "type": "media type of one file; write e.g. application/pdf",
    "title": "title: one line without control characters",
    "users": "user's name; write letters, digits, -, _ and .",
    **dict.fromkeys(
        ("to", "from", "address", "mailbox", "recipient", "mail_from", "for"),
        "mail address; write e.g. bob@someschool.edu",
    ),
}


def _resolve(location: tuple[str | int, ...]) -> tuple[type | None, Path]:
    """The model a location leads into, and its path in the file: pydantic names tags of unions, YAML does not."""
    if not location:
        return Scenario, ()
    if location[0] == "hosts" and len(location) > 2:
        role, rest = str(location[2]), location[3:]
        model: type | None = ROLES.get(role)
        if rest[:1] == ("mailboxes",) and len(rest) > 1:
            from testbed.scenario.mailboxes import MailboxSpec

            model = Rule if rest[2:3] == ("rules",) and len(rest) > 3 else MailboxSpec
        return model, (*location[:2], *rest)
    if location[0] == "faults" and len(location) > 2:
        return KINDS.get(str(location[2])), (*location[:2], *location[3:])
    if location[0] == "steps" and location[2:4] == ("talk", "say") and len(location) > 5:
        told = [part for part in location if part not in ("bare", "breath")]
        tag = next((str(part) for part in told[5:] if part in SAYINGS), "")
        return SAYINGS.get(tag), (*told[: told.index(tag)], *told[told.index(tag) + 1 :]) if tag else tuple(told)
    if location[0] == "steps" and location[3:4] == ("attach",) and len(location) > 4:
        return Attachment, location
    if location[0] in ("steps", "expect", "ours") and len(location) > 2:
        kinds = STEPS if location[0] == "steps" else EXPECTATIONS
        return kinds.get(str(location[2])), location
    return Scenario, location


def _keys(model: type | None) -> list[str]:
    fields = getattr(model, "model_fields", {})
    own = getattr(model, "__annotations__", {})  # before what all parts of its sort have in common
    names = sorted(fields, key=lambda name: name not in own)
    return [fields[name].alias or name for name in names if not fields[name].exclude]


_MOST_SHOWN = 15


def _choices(value: object, words: list[str]) -> list[str]:
    """The words to show: of those of several protocols, the ones of the protocol that was named."""
    if len(words) <= _MOST_SHOWN:
        return words
    protocol = str(value).partition(" ")[0]
    groups = list(dict.fromkeys(word.partition(" ")[0] for word in words if " " in word))
    if protocol in groups:
        return [word for word in words if word.startswith(f"{protocol} ")]
    return [*(word for word in words if " " not in word), *(f"{group} …" for group in groups)]


_TOP = {
    "steps": "say what happens, e.g. 'steps: [send: {to: bob@someschool.edu}]'",
    "expect": "say what must hold at the end, e.g. 'expect: [delivered: {to: bob@someschool.edu}]'",
}


def _owner(path: Path) -> str:
    if not path[:-1]:
        return f"; {_TOP.get(str(path[-1]), 'a scenario has title, steps and expect')}"
    owner = next((str(part) for part in reversed(path[:-1]) if isinstance(part, str)), "")
    return f" in '{owner}'" if owner else ""


def _shown(value: object) -> str:
    text = "".join(c if c.isprintable() else "·" for c in str(value)[:41])
    return text if len(text) <= 40 else text[:39] + "…"


def _type_name(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), f"'{_shown(value)}'")

"""Hosts that are ready-made programs: ``program: postfix`` in place of a command, files and all that goes with them."""

from __future__ import annotations

import re

from testbed.scenario.document import Document
from testbed.scenario.problems import Path, Problem, ScenarioError, did_you_mean
from testbed.scenario.programs import COMPILER, ROOT
from testbed.subjects.subject import Subject, subjects

USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")

Data = dict[str, object]


def with_ready_made(data: Data, document: Document) -> Data:
    """A scenario's data, where each host with a ``program`` says what that takes; what it says itself goes before.

    Raises ScenarioError for one nobody knows, or that does not play such a role.
    """
    hosts = data.get("hosts")
    if not isinstance(hosts, dict):
        return data
    found, needs, problems = dict(hosts), list[str](), list[Problem]()
    for name, spec in hosts.items():
        if not isinstance(spec, dict) or spec.get("program") is None:
            continue
        if wrong := _wrong(spec):
            path, message = wrong
            problems.append(document.problem(("hosts", name, *path), message))
            continue
        subject = subjects()[str(spec["program"])]
        found[name] = host = _host(subject, spec)
        needs += [ROOT] if subject.root else []
        needs += [COMPILER] if host.get("time") == "scenario" else []
    if problems:
        raise ScenarioError(problems)
    given = data.get("needs")
    if needs and (given is None or isinstance(given, list)):
        data = {**data, "needs": list(dict.fromkeys((*(given or ()), *needs)))}
    return {**data, "hosts": found}


def _wrong(spec: Data) -> tuple[Path, str] | None:
    """What is wrong with a host's program, and where."""
    said, role = spec["program"], spec.get("role")
    if "command" in spec:
        return ("program",), "say 'program', a ready-made one, or 'command', a program of your own; not both"
    if not isinstance(said, str) or said not in subjects():
        near = did_you_mean(said, subjects()) or f"; there are {', '.join(subjects())}"
        return ("program",), f"there is no ready-made program '{str(said)[:60]}'{near}"
    roles = subjects()[said].roles
    if isinstance(role, str) and role not in roles:
        return ("program",), f"{said} plays a {' or a '.join(roles)}, and this host's role is {role[:40]}"
    wanted = _policies(spec)
    if not isinstance(spec.get("files"), str) and (
        unable := [one for one in wanted if one not in subjects()[said].tls]
    ):
        return ("configured", "tls"), f"{subjects()[said].title} cannot be set to '{unable[0][:40]}' here"
    if len(set(wanted)) > 1:
        return ("configured", "tls"), "a ready-made server has one policy for every domain; or give it its 'files'"
    return None


def _policies(spec: Data) -> list[str]:
    """What its configuration is to say of TLS on the way to the next hop, of any domain."""
    configured = spec.get("configured")
    tls = configured.get("tls") if isinstance(configured, dict) else None
    return list(map(str, tls.values())) if isinstance(tls, dict) else [] if tls is None else [str(tls)]


def _host(subject: Subject, spec: Data) -> Data:
    """What it takes, below what the scenario says; folders and users of its own are added to.

    Where production files have it deliver, only these know.
    """
    ours: Data = {**subject.host, **subject.roles.get(str(spec.get("role")), {})}
    if isinstance(spec.get("files"), str):
        ours.pop("stores", None)
    boxes = spec.get("mailboxes")
    names = boxes if subject.accounts and isinstance(boxes, dict | list) else ()
    users = [name for name in names if isinstance(name, str) and USER_NAME.fullmatch(name)]
    for key, more in (("users", users), ("private", [])):
        given = spec.get(key, [])
        if isinstance(given, list):
            spec = {**spec, key: list(dict.fromkeys((*_list(ours.get(key)), *more, *given)))}
    return {**ours, **spec}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []

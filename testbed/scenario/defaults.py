"""The textbook's lab: what a scenario need not say."""

from __future__ import annotations

from testbed.scenario.hosts import ROLES

TEXTBOOK: dict[str, dict[str, object]] = {
    "alice.crepes.fr": {"role": "user-agent", "address": "alice@crepes.fr", "server": "crepes.fr"},
    "crepes.fr": {"role": "relay", "domain": "crepes.fr", "mailboxes": {"alice": {}}},
    "someschool.edu": {"role": "receiver", "domain": "someschool.edu", "mailboxes": {"bob": {}}},
    "ns.lab": {"role": "name-server"},
}
"""Alice's user agent → the relay of her domain → the receiver of Bob's, and a name server."""

_TELLING_KEYS = (
    ("warn_after", "relay"),
    ("pipelining", "relay"),
    ("routes", "relay"),
    ("reuse_connections", "relay"),
    ("forward", "relay"),
    ("lists", "relay"),
    ("dkim", "relay"),
    ("server", "user-agent"),
    ("address", "user-agent"),
    ("retry", "relay"),
    ("give_up", "relay"),
    ("lmtp", "receiver"),
    ("mta_sts", "receiver"),
    ("dane", "receiver"),
    ("mailboxes", "receiver"),
    ("mx", "receiver"),
    ("domain", "receiver"),
    ("records", "name-server"),
    ("blocklists", "name-server"),
    ("dnssec", "name-server"),
)


def with_defaults(hosts: dict[str, object]) -> dict[str, object]:
    """The hosts of a file over those of the textbook, each with its role where it can be told.

    A textbook host is left out when the file has another of its role for the same domain (or, for the name server,
    another at all).  The order is the textbook's, then the file's.
    """
    given = {name: _with_role(name, spec) for name, spec in hosts.items()}
    result: dict[str, object] = {}
    for name, default in TEXTBOOK.items():
        if name in given:
            result[name] = given[name]
        elif not any(_replaces(spec, default) for spec in given.values()):
            result[name] = default
    return {**result, **{name: spec for name, spec in given.items() if name not in result}}


def _with_role(name: str, spec: object) -> object:
    if spec is None:
        spec = {}
    if not isinstance(spec, dict):
        return spec
    default = TEXTBOOK.get(name, {})
    told = default.get("role") or next((r for key, r in _TELLING_KEYS if key in spec), None)
    role = spec.get("role", told)
    if role == default.get("role"):
        spec = {**default, **spec}
    spec = {**spec, "role": role}
    if isinstance(role, str) and role in ("relay", "receiver"):
        spec.setdefault("domain", name)
    return spec


def _replaces(spec: object, default: dict[str, object]) -> bool:
    if not isinstance(spec, dict) or spec.get("role") != default["role"]:
        return False
    if default["role"] == "name-server":
        return True
    if default["role"] == "user-agent":
        return spec.get("address") == default["address"]
    return spec.get("domain") == default["domain"]


assert {str(spec["role"]) for spec in TEXTBOOK.values()} <= set(ROLES)

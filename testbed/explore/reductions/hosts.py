"""Fewer hosts, and those of the textbook in place of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.explore.variant import Variant
from testbed.scenario.program_hosts import ProgramKeys

_NEEDED = frozenset({"role", "domain", "address", "server"})
_BOXES = "mailboxes"


def fewer_hosts(variant: Variant) -> Iterator[Variant]:
    """With the programs alone, then without each host: where the textbook has one of its name, that stands there."""
    hosts = variant.hosts
    programs = {name: spec for name, spec in hosts.items() if _is_program(spec)}
    if len(programs) < len(hosts) - 1:
        yield variant.with_hosts(programs)
    for name in reversed(hosts):
        yield variant.with_hosts({other: spec for other, spec in hosts.items() if other != name})


def plainer_hosts(variant: Variant) -> Iterator[Variant]:
    """Each host without each thing that is said of it, and with fewer and plainer mailboxes.

    What makes a program run stays.
    """
    for name, spec in variant.hosts.items():
        if not isinstance(spec, Mapping):
            continue
        kept = _NEEDED | (frozenset(ProgramKeys.model_fields) if _is_program(spec) else frozenset())
        more = [key for key in spec if key not in kept]
        if len(more) > 1:
            yield _with_host(variant, name, {key: spec[key] for key in spec if key in kept})
        for key in more:
            yield _with_host(variant, name, {other: value for other, value in spec.items() if other != key})
        for boxes in _fewer_boxes(spec.get(_BOXES)):
            yield _with_host(variant, name, {**spec, _BOXES: boxes})


def _fewer_boxes(boxes: object) -> Iterator[object]:
    names = list(boxes) if isinstance(boxes, list | Mapping) else []
    if isinstance(boxes, Mapping) and any(boxes.values()):
        yield names
    for gone in reversed(names if len(names) > 1 else []):
        left = [name for name in names if name != gone]
        yield {name: boxes[name] for name in left} if isinstance(boxes, Mapping) else left


def _is_program(spec: object) -> bool:
    return isinstance(spec, Mapping) and any(spec.get(key) is not None for key in ("command", "program"))


def _with_host(variant: Variant, name: str, spec: Mapping[str, object]) -> Variant:
    return variant.with_hosts({other: spec if other == name else told for other, told in variant.hosts.items()})

"""Which changes follow from which: what somebody did otherwise first, and what came of it later.

Nothing here is proof.  A change is taken for a consequence where it can be one by its nature, comes later in the trace,
and has a host in common with the cause; anything else stands for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from testbed.trace.compare.change import Change

# What somebody decides, or the wire does, whatever went before it on other connections.
_BY_ITSELF = frozenset(
    {
        *("content", "order", "address", "handshake", "syn", "tls", "repeated", "ending"),
        *("reply", "reason", "offer-new", "offer-gone", "argument", "size", "pipelining", "answer-time", "patience"),
        *("answer", "command-new", "command-gone", "deed crashed"),
    }
)
_BY_STEPS = frozenset({"deed emptied"})
"""What a scenario has its lab do: no consequence, and no cause that could be told from the others."""
# Where nothing of that kind has changed, what comes first in this order is the cause of the others.
_THEN = ("delay", "connections", "return", "first", "tries", "question", "fate")
_COUNTED = frozenset({"connections", "first", "return"})
"""What is told by other frames than those in which it came about."""
_OF_CONTENT = frozenset({"argument", "size", "body", "message"})
"""What another message is known by, wherever it goes."""


class Cause(Struct, frozen=True):
    """Changes that are told in one sentence, and those that follow from them."""

    changes: tuple[Change, ...]
    follows: tuple[tuple[Change, ...], ...] = ()


def causes(told: Sequence[tuple[Change, ...]]) -> list[Cause]:
    """Changes that are told together, sorted out: the causes in their order, each with what follows from it."""
    in_time = sorted(range(len(told)), key=lambda place: _since(told[place]))
    deciding = [place for place in in_time if told[place][0].kind in _BY_ITSELF]
    cause_of = dict[int, int]()
    for number, place in enumerate(deciding):
        _put(cause_of, told, place, [one for one in deciding[:number] if one not in cause_of], _leads_on)
    heads = [place for place in deciding if place not in cause_of]
    alone = [place for place in range(len(told)) if told[place][0].kind in _BY_STEPS]
    others = [place for place in range(len(told)) if place not in deciding and place not in alone]
    for place in others:
        _put(cause_of, told, place, heads, _leads_to)
    for kind in _THEN:
        for head in [place for place in others if told[place][0].kind == kind and place not in cause_of]:
            if head not in cause_of:
                heads.append(head)
                for place in others:
                    if place not in heads:
                        _put(cause_of, told, place, [head], _leads_to)
    heads += [*alone, *(place for place in others if place not in cause_of and place not in heads)]
    return [Cause(told[head], tuple(told[p] for p in range(len(told)) if cause_of.get(p) == head)) for head in heads]


def _put(
    cause_of: dict[int, int],
    told: Sequence[tuple[Change, ...]],
    place: int,
    possible: Sequence[int],
    leads: Callable[[Sequence[Change], Sequence[Change]], bool],
) -> None:
    """Note the cause of what has none yet: another message, where that is told by what is in it, else the latest."""
    found = [one for one in possible if leads(told[one], told[place])]
    if place in cause_of or not found:
        return
    other = [one for one in found if told[one][0].kind == "content"]
    cause_of[place] = other[0] if other and _is_of_content(told[place]) else found[-1]


def _since(told: Sequence[Change]) -> int:
    """The first frame in which it shows."""
    return min((frame for one in told for frame in (one.now_frames or one.before_frames)), default=0)


def _until(told: Sequence[Change]) -> int:
    return max((frame for one in told for frame in (*one.now_frames, *one.before_frames)), default=0)


def _is_of_content(told: Sequence[Change]) -> bool:
    return told[0].kind in _OF_CONTENT or (told[0].kind.startswith("command-") and told[0].what == "RCPT")


def _leads_on(root: Sequence[Change], later: Sequence[Change]) -> bool:
    """Whether what changed on a connection follows from what changed there, or in the message, before."""
    if root[0].kind == "content":
        return _is_of_content(later)
    places = {(one.who, one.whom, one.connection) for one in root}
    return all((one.who, one.whom, one.connection) in places for one in later)


def _leads_to(root: Sequence[Change], later: Sequence[Change]) -> bool:
    """Whether something that comes of others may come of this."""
    shared = {host for one in root for host in _hosts(one)} & {host for one in later for host in _hosts(one)}
    in_time = later[0].kind in _COUNTED or _until(later) >= _since(root)
    return in_time and bool(shared or root[0].kind == "content")


def _hosts(change: Change) -> set[str]:
    """Who takes part in it: hosts, and the domains of addresses."""
    names = {change.who, *change.whom.split(), *change.hosts}
    return {name.rpartition("@")[2] for name in names if name}

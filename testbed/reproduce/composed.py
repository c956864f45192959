"""A scenario put together from what the packets of a capture show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from itertools import pairwise

from testbed.durations import SECOND
from testbed.reproduce.answers import Asked, Directory, asked
from testbed.reproduce.conduct import conduct
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.expected import expected
from testbed.reproduce.names import Names
from testbed.reproduce.outages import outages
from testbed.reproduce.parties import Cast, cast
from testbed.reproduce.reading import reading
from testbed.reproduce.replies import replies
from testbed.reproduce.senders import Busy, last_wait, senders
from testbed.reproduce.servers import servers, shortened
from testbed.reproduce.spans import rounded, written
from testbed.reproduce.talks import talks
from testbed.reproduce.visits import Visit, visits
from testbed.reproduce.wire import wire
from testbed.reproduce.zones import zones
from testbed.scenario.defaults import with_defaults
from testbed.trace.analysis import Analysis

_PATIENCE_NS = 5 * SECOND  # of a resolver, before it asks again or gives up


class Way(StrEnum):
    """How clients are played, in the order in which they please."""

    NATURAL = "natural"  # as the lab's own user agents and relays
    BY_HAND = "by hand"  # by talks, which say what was said


def composed(analysis: Analysis, way: Way = Way.NATURAL, *, keep_names: bool = False) -> tuple[Draft, Cast]:
    """A scenario in the making, and who is who in it."""
    names = Names(keep=keep_names)
    questions = asked(analysis)
    directory = Directory(questions)
    found = cast(analysis, directory, names, by_hand=way is Way.BY_HAND)
    ours = visits(analysis, found)
    draft = Draft(title="What a capture shows")
    servers(draft, found, ours)
    if any(":" in one.client.address for one in analysis.connections if one.client.address):
        both = any(":" not in one.client.address for one in analysis.connections)
        draft.settings["ip"] = "both" if both else "ipv6"
    if way is Way.NATURAL:
        zones(draft, found, questions, ipv6="ip" in draft.settings)
    draft.faults += outages(ours)
    draft.faults += wire(analysis, ours)
    draft.faults += replies(ours, names)
    if way is Way.NATURAL:
        draft.faults += conduct(ours)
    wait = 0
    if way is Way.BY_HAND:
        talks(draft, analysis, ours, names)
        _strangers(draft, found)
    else:
        busy = _busy(questions, found, ours)
        senders(draft, found, ours, busy)
        reading(draft, analysis, found, ours)
        wait = last_wait(ours, draft.steps, found, busy)
    draft.steps = list(_with_waits(draft.steps))
    if wait:
        draft.steps.append(Part({"wait": written(wait)}))
    draft.expect += expected(draft, found, ours)
    _said_by_one(draft)
    shortened(draft)
    return draft, found


def _busy(questions: Iterable[Asked], found: Cast, ours: Iterable[Visit]) -> Busy:
    busy: Busy = {}
    for one in questions:
        party = found.named(one.client)
        if party is not None:
            until_ns = one.at_ns if one.said else one.at_ns + _PATIENCE_NS
            busy.setdefault(party.name, []).append((one.at_ns, until_ns))
    for visit in ours:
        busy.setdefault(visit.client.name, []).append((visit.start_ns, visit.end_ns))
    return busy


def _with_waits(steps: Iterable[Part]) -> Iterable[Part]:
    """The steps in order of time, with what passes between them."""
    ordered = sorted(steps, key=lambda step: step.at_ns)
    if ordered and ordered[0].at_ns >= SECOND:
        yield Part({"wait": written(rounded(ordered[0].at_ns))})
    for step, following in pairwise([*ordered, None]):
        assert step is not None
        yield step
        if following is not None and following.at_ns - step.at_ns >= SECOND:
            yield Part({"wait": written(rounded(following.at_ns - step.at_ns))})


def _strangers(draft: Draft, found: Cast) -> None:
    for party in found.parties.values():
        if party.role == "client":
            draft.host(party.name)["role"] = "client"


def _said_by_one(draft: Draft) -> None:
    """Leave out who sends, where only one can."""
    known = with_defaults(dict(draft.hosts))
    agents = [host for host in known.values() if isinstance(host, dict) and host.get("role") == "user-agent"]
    addresses = [host["address"] for host in agents]
    sending = [host for host in agents if "server" in host]

    def short(step: Part) -> Part:
        send = step.data.get("send")
        if not isinstance(send, dict):
            return step
        said: Data = dict(send)
        if addresses.count(said["from"]) < 2:
            said.pop("via", None)
        if len(sending) == 1:
            said.pop("from", None)
            said.pop("via", None)
        return replace(step, data={"send": said})

    draft.steps = [short(step) for step in draft.steps]

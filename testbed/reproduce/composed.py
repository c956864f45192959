"""A scenario put together from what the packets of a capture show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise

from msgspec.structs import replace

from testbed.durations import SECOND
from testbed.reproduce.answers import Asked, Directory, asked
from testbed.reproduce.checks import checks
from testbed.reproduce.conduct import conduct
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.expected import expected, opened
from testbed.reproduce.names import Names
from testbed.reproduce.outages import outages
from testbed.reproduce.parties import Cast, cast, is_mail, is_reading
from testbed.reproduce.promised import promised
from testbed.reproduce.reading import reading, sessions
from testbed.reproduce.replies import replies
from testbed.reproduce.secured import FLAWED, Secured, flaws, offers_tls, secured
from testbed.reproduce.senders import Busy, last_wait, senders
from testbed.reproduce.servers import servers, shortened
from testbed.reproduce.signing import signing
from testbed.reproduce.spans import rounded, written
from testbed.reproduce.talks import talks
from testbed.reproduce.title import title
from testbed.reproduce.visits import Visit, visits
from testbed.reproduce.wire import wire
from testbed.reproduce.zones import zones
from testbed.scenario.defaults import with_defaults
from testbed.trace.analysis import Analysis

_PATIENCE_NS = 5 * SECOND  # of a resolver, before it asks again or gives up


class Way(StrEnum):
    """How clients are played, in the order in which they please."""

    NATURAL = "natural"  # as the lab's own user agents and relays
    FIRST_BY_HAND = "first hop by hand"  # whoever hands in mail talks, which says what was said; relays are natural
    BY_HAND = "by hand"  # all of them talk


_PLAYED: dict[Way, frozenset[str]] = {
    Way.NATURAL: frozenset({"user-agent", "relay"}),
    Way.FIRST_BY_HAND: frozenset({"relay"}),
    Way.BY_HAND: frozenset(),
}
"""Which clients are played by the lab's own."""


def composed(analysis: Analysis, way: Way = Way.NATURAL, *, keep_names: bool = False) -> tuple[Draft, Cast]:
    """A scenario in the making, and who is who in it."""
    names = Names(keep=keep_names)
    questions = asked(analysis)
    directory = Directory(questions)
    found = cast(analysis, directory, names, agents=way is Way.NATURAL, relays=way is not Way.BY_HAND)
    ours = visits(analysis, found)
    draft = Draft(title=title(ours))
    servers(draft, found, ours)
    if any(":" in one.client.address for one in analysis.connections if one.client.address):
        both = any(":" not in one.client.address for one in analysis.connections)
        draft.settings["ip"] = "both" if both else "ipv6"
    secure = list(_secured(analysis, found))
    draft.faults += flaws(secure)
    published = promised(draft, found, analysis, questions)
    if way is not Way.BY_HAND:
        published |= signing(draft, found, analysis, questions, ours)
    zones(draft, found, _askable(questions, found, way), published, ipv6="ip" in draft.settings)
    draft.faults += outages(ours)
    draft.faults += wire(analysis, ours)
    draft.faults += replies(ours, names, checks(draft, found, analysis, questions, ours))
    _wanted(draft, ours, secure)
    draft.faults += conduct([visit for visit in ours if visit.client.role in _PLAYED[way]])
    busy = _busy(questions, found, ours)
    talks(draft, analysis, [visit for visit in ours if visit.client.role not in _PLAYED[way]], names)
    senders(draft, found, [visit for visit in ours if visit.client.role in _PLAYED[way]], busy, ours)
    reading(draft, analysis, found, ours)
    _strangers(draft, found)
    wait = last_wait(ours, draft.steps, found, busy) if way is not Way.BY_HAND else 0
    draft.steps = list(_with_waits(draft.steps))
    if wait:
        draft.steps.append(Part({"wait": written(wait)}))
    draft.expect += expected(draft, found, ours)
    if not draft.expect:
        draft.expect += opened(sessions(analysis, found))
    _said_by_one(draft)
    shortened(draft)
    return draft, found


def _secured(analysis: Analysis, found: Cast) -> Iterator[Secured]:
    connections = [one for one in analysis.connections if is_mail(one) or is_reading(one)]
    for one in connections:
        server = found.server(one)
        offers = offers_tls([c for c in connections if found.server(c) is server])
        if (told := secured(one, server.name, one.start_ns - analysis.start_ns, offers=offers)) is not None:
            yield told


def _wanted(draft: Draft, ours: Sequence[Visit], secure: Sequence[Secured]) -> None:
    """Relays that would have TLS or nothing: who met a flaw, and never spoke on behind one."""
    flawed = {one.frames: one for one in secure if one.flaw in FLAWED}
    for relay in {visit.client.name for visit in ours if visit.client.role == "relay"}:
        own = [visit for visit in ours if visit.client.name == relay]
        met = [flawed[visit.frames] for visit in own if visit.frames in flawed]
        refused = [e for v in own for e in v.exchanges if e.command is not None and e.command.verb == "STARTTLS"]
        cut = any("STARTTLS" in v.verbs and "MAIL" not in v.verbs for v in own)
        given_up = cut or any(e.reply is not None and e.reply.code[:1] in "45" for e in refused) or bool(met)
        in_clear = any("MAIL" in v.verbs and v.connection.tls is None for v in own)
        if draft.host(relay).get("tls", "opportunistic") == "opportunistic" and given_up and secure:
            went_on = in_clear or any(one.went_on for one in met)
            draft.host(relay)["tls"] = "opportunistic" if went_on else "required"


def _askable(questions: Sequence[Asked], found: Cast, way: Way) -> list[Asked]:
    """Questions that somebody asks in the scenario, too: servers that check, and who is played by the lab's own."""
    servers = {"relay", "receiver", "webmail", "other"}
    asking = servers | _PLAYED[way] if way is not Way.BY_HAND else {"receiver"}
    return [one for one in questions if (party := found.named(one.client)) is None or party.role in asking]


def _busy(questions: Iterable[Asked], found: Cast, ours: Iterable[Visit]) -> Busy:
    busy: Busy = {}
    for one in questions:
        party = found.named(one.client)
        if party is not None:
            until_ns = one.at_ns if one.said else one.at_ns + _PATIENCE_NS
            busy.setdefault(party.name, []).append((one.at_ns, until_ns))
    for visit in ours:
        busy.setdefault(visit.client.name, []).append((visit.start_ns, visit.until_ns))
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

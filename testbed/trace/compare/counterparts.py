"""Which host and which message of one trace is which of the other, where their names do not tell."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping

from msgspec.structs import replace

from testbed.trace.compare.values import Deed, Fingerprint, Question, Talk

Way = tuple[str, str, str]


def same_hosts(before: Fingerprint, now: Fingerprint) -> dict[str, str]:
    """For each host of ``now`` that has another name in ``before``: that name.

    Hosts that both traces name are known by their names, and so are addresses both have.  An address of a stranger's
    capture is known by what it does: which services it serves and uses, in order of appearance; first those that do
    the same, then those that do most of it.  One that talks to a host of both traces is a new one.
    One that talks to itself plays two parts: see :func:`same_ways`.
    """
    roles_before, roles_now = _roles(before), _roles(now)
    peers = _peers(now)
    left = [host for host in before.hosts if host not in now.hosts]
    new = [host for host in now.hosts if host not in before.hosts and not peers[host] & {*before.hosts, host}]
    found: dict[str, str] = {}
    for least in (1.0, 0.3):
        for host in [host for host in new if host not in found]:
            likeness = {
                candidate: len(roles_before[candidate] & roles_now[host])
                / len(roles_before[candidate] | roles_now[host])
                for candidate in left
                if host not in now.named or candidate not in before.named
            }
            best = max(likeness, key=lambda candidate: likeness[candidate], default="")
            if best and likeness[best] >= least:
                found[host] = best
                left.remove(best)
    return found


def same_ways(before: Fingerprint, now: Fingerprint) -> dict[Way, Way]:
    """Ways of ``now`` that ``before`` has not, as when everything happens on one machine: the way in their place."""
    ways_before, ways_now = ([*dict.fromkeys(talk.way for talk in given.talks)] for given in (before, now))
    left = [way for way in ways_before if way not in ways_now]
    found: dict[Way, Way] = {}
    for way in ways_now:
        strangers = not set(way[:2]) & now.named and not set(way[:2]) & set(before.hosts)
        candidate = next((old for old in left if old[2] == way[2]), None)
        if way not in ways_before and candidate is not None and strangers:
            found[way] = candidate
            left.remove(candidate)
    return found


def on_ways(given: Fingerprint, ways: Mapping[Way, Way]) -> Fingerprint:
    """The fingerprint with other ends for the connections that go some ways."""
    if not ways:
        return given

    def ends(talk: Talk) -> Talk:
        client, server, _ = ways.get(talk.way, talk.way)
        return dataclasses.replace(talk, client=client, server=server)

    return replace(given, talks=tuple(map(ends, given.talks)))


def _peers(given: Fingerprint) -> Mapping[str, set[str]]:
    peers: dict[str, set[str]] = defaultdict(set)
    for client, server in [talk.way[:2] for talk in given.talks] + [(q.client, q.server) for q in given.questions]:
        peers[client].add(server)
        peers[server].add(client)
    return peers


def _share(one: set[tuple[str, str]], other: set[tuple[str, str]]) -> float:
    return len(one & other) / len(one | other)


def _roles(given: Fingerprint) -> Mapping[str, set[tuple[str, str]]]:
    roles: dict[str, set[tuple[str, str]]] = defaultdict(set)
    ways = [talk.way for talk in given.talks] + [(q.client, q.server, "dns") for q in given.questions]
    for client, server, service in ways:
        roles[client].add(("uses", service))
        roles[server].add(("serves", service))
    return roles


def renamed(given: Fingerprint, names: Mapping[str, str]) -> Fingerprint:
    """The fingerprint with other names for some hosts."""
    if not names:
        return given

    def name(host: str) -> str:
        return names.get(host, host)

    def ends(item: Talk) -> Talk:
        return dataclasses.replace(item, client=name(item.client), server=name(item.server))

    def asked(item: Question) -> Question:
        return dataclasses.replace(item, client=name(item.client), server=name(item.server))

    return replace(
        given,
        hosts=tuple(map(name, given.hosts)),
        talks=tuple(map(ends, given.talks)),
        questions=tuple(map(asked, given.questions)),
        deeds=tuple(dataclasses.replace(deed, host=name(deed.host)) for deed in given.deeds),
        clues=tuple(dataclasses.replace(clue, between=tuple(sorted(map(name, clue.between)))) for clue in given.clues),
    )


def same_messages(before: Fingerprint, now: Fingerprint) -> dict[str, str]:
    """For each message only ``now`` has: the one only ``before`` has that seems to be in its place, in order."""
    had, has = (
        [name for name in dict.fromkeys(mail.message for talk in given.talks for mail in talk.mails) if name]
        for given in (before, now)
    )
    known, knows = set(had), set(has)
    gone, new = [name for name in had if name not in knows], [name for name in has if name not in known]
    return dict(zip(new, gone, strict=False))


def with_messages(given: Fingerprint, names: Mapping[str, str]) -> Fingerprint:
    """The fingerprint with other names for some messages."""
    if not names:
        return given

    def mails(talk: Talk) -> Talk:
        told = tuple(dataclasses.replace(mail, message=names.get(mail.message, mail.message)) for mail in talk.mails)
        return dataclasses.replace(talk, mails=told)

    def about(deed: Deed) -> Deed:
        fields = tuple((key, names.get(value, value) if key == "message" else value) for key, value in deed.about)
        return dataclasses.replace(deed, about=fields)

    return replace(given, talks=tuple(map(mails, given.talks)), deeds=tuple(map(about, given.deeds)))

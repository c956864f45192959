"""The hosts of a way in their natural order: who sends stands left, who reads stands right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from testbed.plural import count
from testbed.report.pictures.carrying import Carrying
from testbed.report.pictures.values import Lane, Role
from testbed.trace.model.connection import Connection, Endpoint
from testbed.trace.services.table import service_of

MOST_LANES = 8

_SUBMISSION = "submission"


@dataclass(slots=True)
class _Host:
    """What is seen of a host."""

    name: str
    takes: bool = False  # mail, as a server
    gives: bool = False  # mail, as a client
    submits: bool = False
    serves: bool = False  # readers
    reads: bool = False
    web: bool = False  # serves pages
    browses: bool = False
    answers: bool = False  # questions about names
    policies: bool = False  # serves those of MTA-STS
    asks: bool = False
    depth: int = 0
    next: set[str] = field(default_factory=set)

    @property
    def role(self) -> Role:
        """The first that holds."""
        roles = (
            (self.web, Role.WEB_MAIL),
            (self.takes and (self.gives or self.asks), Role.RELAY),
            (self.takes, Role.SERVER),
            (self.serves, Role.MAILBOXES),
            (self.submits or (self.gives and self.reads), Role.USER_AGENT),
            (self.gives, Role.SENDER),
            (self.reads, Role.READER),
            (self.browses, Role.BROWSER),
            (self.policies, Role.POLICY_HOST),
        )
        return next((role for holds, role in roles if holds), Role.NAME_SERVER)


class Lanes:
    """Finds the lane of either end of a connection.

    Hosts are known by their names; where both ends of connections have the same, the servers are told apart by their
    ports.  Where there are more than :data:`MOST_LANES`, those of one role share a lane, the largest crowd first.
    """

    def __init__(self, found: Sequence[Carrying]) -> None:
        self._names = {end.address: end.name for one in found for end in _ends(one.connection) if end.name}
        self._hosts: dict[str, _Host] = {}
        for one in found:
            self._note(one)
        order = sorted(self._hosts.values(), key=_place)
        crowds = _crowds(Counter(host.role for host in order))
        names = [crowds.get(host.role, host.name) for host in order]
        self.lanes = tuple({name: Lane(name, host.role) for name, host in zip(names, order, strict=True)}.values())
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        self._places = {host.name: places[name] for name, host in zip(names, order, strict=True)}

    def of(self, connection: Connection) -> tuple[int, int]:
        """The lanes of client and server."""
        client, server = self._keys(connection)
        return self._places[client], self._places[server]

    def named(self, host: str) -> int | None:
        """The lane of a host by the name it logs under, None where it has none of its own."""
        return self._places.get(host)

    def _keys(self, connection: Connection) -> tuple[str, str]:
        client, server = (self._names.get(end.address) or end.label for end in _ends(connection))
        return client, f"{server}:{connection.server.port}" if client == server else server

    def _note(self, one: Carrying) -> None:
        connection = one.connection
        names = self._keys(connection)
        client, server = (self._hosts.setdefault(name, _Host(name)) for name in names)
        if one.asks:
            client.asks = server.answers = True
        elif one.policy_of:
            client.asks = server.policies = True
        elif not one.pulls:
            client.gives = server.takes = True
            client.submits |= connection.service.startswith(_SUBMISSION)
            self._lead(client, server)
        elif service_of(connection.service).word == "HTTP":
            client.browses = server.web = True
            self._lead(server, client)
        else:
            client.reads = server.serves = True
            self._lead(server, client)

    def _lead(self, before: _Host, after: _Host) -> None:
        """Mail goes from one to the other, unless it is known to go the other way: then it comes back."""
        if after.name in before.next or self._reaches(after, before.name):
            return
        before.next.add(after.name)
        self._deepen(after, before.depth + 1)

    def _reaches(self, host: _Host, name: str) -> bool:
        reached, todo = set(), [host.name]
        while todo:
            here = todo.pop()
            if here == name:
                return True
            if here not in reached:
                reached.add(here)
                todo += self._hosts[here].next
        return False

    def _deepen(self, host: _Host, depth: int) -> None:
        todo = [(host, depth)]
        while todo:
            here, at_least = todo.pop()
            if here.depth < at_least:
                here.depth = at_least
                todo += [(self._hosts[name], at_least + 1) for name in here.next]


def _crowds(hosts: Counter[Role]) -> dict[Role, str]:
    """The roles whose hosts share a lane, with its name."""
    found: dict[Role, str] = {}
    for role, number in hosts.most_common():
        alone = sum(other for one, other in hosts.items() if one not in found)
        if alone + len(found) <= MOST_LANES or number == 1:
            break
        found[role] = count(number, "host")
    return found


def _ends(connection: Connection) -> tuple[Endpoint, Endpoint]:
    return connection.client, connection.server


def _place(host: _Host) -> tuple[bool, float]:
    """Who only reads stands behind all others, and a name server behind those who send."""
    only_reads = host.role in (Role.READER, Role.WEB_MAIL, Role.BROWSER)
    return only_reads, 1.5 if host.role in (Role.NAME_SERVER, Role.POLICY_HOST) else host.depth

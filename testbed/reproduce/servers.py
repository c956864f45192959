"""The mail servers of a capture as hosts: domains, mailboxes, what they offer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from testbed.protocols.address import domain_of
from testbed.reproduce.draft import Data, Draft
from testbed.reproduce.parties import Cast
from testbed.reproduce.visits import Visit
from testbed.scenario.defaults import TEXTBOOK, with_defaults
from testbed.trace.model.exchange import UNSEEN

_USUAL = frozenset({"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"})
_ON_REQUEST = frozenset({"CHUNKING", "REQUIRETLS"})
_LARGEST = 52_428_800
_LMTP_PORT = 24
_PREFERENCE = 10


def servers(draft: Draft, cast: Cast, visits: Iterable[Visit]) -> None:
    """Add what is not the textbook's of every mail server."""
    visits = list(visits)
    boxes = _mailboxes(cast, visits)
    for party in cast.parties.values():
        if party.role not in ("relay", "receiver"):
            continue
        host = draft.host(party.name)
        if party.domain != party.name:
            host["domain"] = party.domain
        if party.preference is not None:
            host["mx"] = party.preference
        host["role"] = party.role
        users = boxes[party.name]
        host["mailboxes"] = users
        ours = [visit for visit in visits if visit.server is party]
        _offers(host, ours)
        lmtp = {visit.connection.server.port for visit in ours if visit.connection.service == "lmtp"}
        if lmtp:
            port = min(lmtp)
            host["lmtp"] = True if port == _LMTP_PORT else port
            if all(visit.connection.service == "lmtp" for visit in ours):
                host["smtp"] = False
        if any(v.connection.tls is not None or v.connection.server.port == 465 for v in ours):
            host["starttls"] = True


def _mailboxes(cast: Cast, visits: Iterable[Visit]) -> dict[str, list[str]]:
    """Who gets mail there: all that mail was handed over for, refused or not, as faults refuse."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for visit in visits:
        for transaction in visit.connection.transactions:
            if transaction.sender and transaction.sender != UNSEEN:
                sender = cast.names.address(transaction.sender)
                for host in (visit.client, visit.server):
                    if host.role == "relay" and domain_of(sender) == host.domain:
                        found[host.name].setdefault(sender.rpartition("@")[0])
            for to in transaction.recipients:
                if to.address and to.address != UNSEEN:
                    address = cast.names.address(to.address)
                    if domain_of(address) == visit.server.domain:
                        found[visit.server.name].setdefault(address.rpartition("@")[0])
    return {name: list(users) for name, users in found.items()} | {
        party.name: [] for party in cast.parties.values() if party.name not in found
    }


def _offers(host: Data, visits: list[Visit]) -> None:
    """What the server offers in its answers to EHLO, where that is not what the lab's offer."""
    answers = [
        {line.upper().split(" ")[0]: line.partition(" ")[2] for line in exchange.reply.lines[1:] if line}
        for visit in visits
        for exchange in visit.exchanges
        if exchange.command is not None and exchange.command.verb in ("EHLO", "LHLO")
        if exchange.reply is not None and exchange.reply.code == "250"
    ]
    if not answers:
        return
    offered = {word: value for answer in reversed(answers) for word, value in answer.items()}
    if without := sorted(_USUAL - set(offered)):
        host["without"] = without
    if with_ := sorted(_ON_REQUEST & set(offered)):
        host["with"] = with_
    if "STARTTLS" in offered:
        host["starttls"] = True
    size = offered.get("SIZE", "")
    if size.isdigit() and 0 < int(size) < _LARGEST:
        host["max_message"] = int(size)


def shortened(draft: Draft) -> None:
    """Leave out what the textbook's lab has without being told."""
    needed = [name for name in draft.hosts if name in TEXTBOOK]
    for name, spec in list(draft.hosts.items()):
        if spec.get("mx") == _PREFERENCE:
            del spec["mx"]
        usual = TEXTBOOK.get(name)
        if usual is None or usual["role"] != spec.get("role"):
            continue
        mailboxes = usual.get("mailboxes")
        if isinstance(mailboxes, dict) and spec.get("mailboxes") == list(mailboxes):
            del spec["mailboxes"]
        for key in [key for key in spec if key in usual and spec[key] == usual[key]]:
            del spec[key]
        if not spec:
            del draft.hosts[name]
    for name in [name for name in needed if name not in with_defaults(dict(draft.hosts))]:
        draft.host(name)["role"] = TEXTBOOK[name]["role"]

"""User agents and relays that send as the lab's own do: what they send, when, and how often they try."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from testbed.durations import DAY, HOUR, MINUTE, SECOND
from testbed.protocols.address import is_host_name
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.mailings import Mailing, mailings, pauses
from testbed.reproduce.parties import Cast, Party
from testbed.reproduce.spans import rounded, written
from testbed.reproduce.visits import Visit
from testbed.trace.model.exchange import Transaction

_SHORT = 700  # octets, up to which a message is as long as it is by itself
_OWN = 270  # octets of a message besides its padding
_USUAL_RETRY = [30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR]
_KEPT_NS = SECOND  # a connection on which nothing was said for so long before QUIT was kept for more
_NOTIFY = {"NEVER": "never", "SUCCESS": "success", "FAILURE": "failure", "DELAY": "delay"}


Busy = dict[str, list[tuple[int, int]]]
"""When each party asked or spoke as a client, by its name: from when until when."""


def senders(draft: Draft, cast: Cast, visits: Sequence[Visit], busy: Busy, every: Sequence[Visit]) -> None:
    """Add user agents with what they send, and relays with their ways; relays without input are given some.

    ``visits`` are those whose clients are played, ``every`` are all.
    """
    agents = [party for party in cast.parties.values() if party.role == "user-agent"]
    relays = [party for party in cast.parties.values() if party.role == "relay"]
    for agent in agents:
        own = [visit for visit in visits if visit.client is agent]
        if own:
            _agent(draft, agent, own)
            found = mailings(own, cast.names)
            for mailing in found:
                _send(draft, agent, mailing, sends_again=True)
    for relay in relays:
        out = [visit for visit in visits if visit.client is relay]
        found = mailings(out, cast.names)
        taken = [visit for visit in every if visit.server is relay]
        _ways(draft, cast, relay, out, pauses(found, busy.get(relay.name, ())))
        if not taken and out:
            _input(draft, cast, relay, found)


def _agent(draft: Draft, agent: Party, visits: Sequence[Visit]) -> None:
    host = draft.host(agent.name)
    host["role"] = "user-agent"
    host["address"] = agent.address or "alice@crepes.fr"
    agent.address = str(host["address"])
    host["server"] = visits[0].server.name
    port = visits[0].connection.server.port
    if port != 587:
        host["port"] = 465 if port == 465 else 25
    verbs = {verb for visit in visits for verb in visit.verbs}
    if port != 465 and ("STARTTLS" in verbs or any(v.connection.tls is not None for v in visits)):
        host["tls"] = "starttls"
    if "AUTH" in verbs:
        host["password"] = "correct-horse"
        box = draft.host(visits[0].server.name)
        right = not any(_refused_login(visit) for visit in visits)
        users = box.get("mailboxes", [])
        local = agent.address.rpartition("@")[0]
        password = "correct-horse" if right else "battery-staple"
        known = dict.fromkeys([*users, local]) if isinstance(users, list) else {}
        box["mailboxes"] = {user: {"password": password} if user == local else {} for user in known}


def _refused_login(visit: Visit) -> bool:
    return any(
        e.command is not None and e.command.verb == "AUTH" and e.reply is not None and e.reply.code == "535"
        for e in visit.exchanges
    )


def _send(draft: Draft, agent: Party, mailing: Mailing, *, sends_again: bool) -> None:
    recipients = mailing.recipients or ["bob@someschool.edu"]
    data: Data = {}
    if mailing.sender and mailing.sender != agent.address:
        draft.unstaged.append(f"{agent.name} sends as {mailing.sender}, too")
    data["from"] = agent.address
    data["via"] = agent.name
    data["to"] = recipients[0] if len(recipients) == 1 else recipients
    if mailing.octets > _SHORT:
        data["size"] = max(1, mailing.octets - _OWN)
    for transaction in mailing.transactions[:1]:
        data.update(_parameters(transaction))
    if sends_again and (found := mailing.pauses_ns):
        data["retry"] = written(max(SECOND, found[0]))
    frames = mailing.attempts[0].frames if mailing.attempts else ()
    draft.steps.append(Part({"send": data}, frames, mailing.start_ns))


def _parameters(transaction: Transaction) -> Data:
    """What MAIL and RCPT said besides addresses (RFC 3461, RFC 8689)."""
    told: Data = {}
    words = dict(word.upper().partition("=")[::2] for word in transaction.parameters.split())
    if "ENVID" in words:
        told["envelope_id"] = transaction.parameters.upper().partition("ENVID=")[2].split(" ")[0][:30].lower()
    if "RET" in words:
        told["returned"] = "full" if words["RET"] == "FULL" else "headers"
    if "REQUIRETLS" in words:
        told["tls"] = "required"
    elif b"tls-required: no" in transaction.letter.header.lower():
        told["tls"] = "optional"
    if words.get("BODY") == "8BITMIME" or "SMTPUTF8" in words:
        told["body"] = "Schöne Grüße aus dem Labor."
    for to in transaction.recipients:
        asked = dict(word.upper().partition("=")[::2] for word in to.parameters.split())
        if "NOTIFY" in asked:
            known = [_NOTIFY[word] for word in asked["NOTIFY"].split(",") if word in _NOTIFY]
            if known:
                told["notify"] = known[0] if len(known) == 1 else known
    return told


def _ways(draft: Draft, cast: Cast, relay: Party, out: Sequence[Visit], waits: Sequence[int]) -> None:
    """How a relay delivers."""
    host = draft.host(relay.name)
    if waits:
        retry = [max(SECOND, pause) for pause in waits]
        while len(retry) > 1 and retry[-1] == retry[-2]:
            retry.pop()
        if list(waits) != (_USUAL_RETRY + [_USUAL_RETRY[-1]] * len(waits))[: len(waits)]:
            host["retry"] = written(retry[0]) if len(retry) == 1 else [written(pause) for pause in retry]
    _routes(host, cast, out)
    _kept(host, out)
    _grouped(host, out)
    secured = [v for v in out if v.connection.tls is not None or "STARTTLS" in v.verbs]
    if secured:
        host.setdefault("tls", "opportunistic")


def _routes(host: Data, cast: Cast, out: Sequence[Visit]) -> None:
    for visit in out:
        if visit.connection.service != "lmtp" or not visit.server.domain:
            continue
        port = visit.connection.server.port
        route: Data = {"lmtp": visit.server.name}
        if port != 24:
            route["port"] = port
        routes = host.setdefault("routes", {})
        assert isinstance(routes, dict)
        routes[visit.server.domain] = route


def _kept(host: Data, out: Sequence[Visit]) -> None:
    """Whether connections are kept for the next message, and for how long."""
    idle, most, several = 0, 0, False
    for visit in out:
        said = [e for e in visit.exchanges if e.command is not None]
        mails = sum(e.command is not None and e.command.verb == "MAIL" for e in said)
        most = max(most, mails)
        several |= mails > 1
        for before, after in pairwise(said):
            if after.command is None or before.reply is None or after.command.verb not in ("QUIT", "MAIL", "RSET"):
                continue
            pause = after.command.time_ns - before.reply.end_ns
            if pause > _KEPT_NS:
                idle = max(idle, pause)
    if idle > _KEPT_NS or several:
        host["reuse_connections"] = written(rounded(max(idle, 30 * SECOND)))


def _grouped(host: Data, out: Sequence[Visit]) -> None:
    """Whether commands go in groups, where that is not as with the lab's own."""
    for visit in out:
        for transaction in visit.connection.transactions:
            envelope = [e for e in visit.exchanges if e.command is not None and e.command.verb in ("MAIL", "RCPT")]
            if len(envelope) < 2 or envelope[0].reply is None:
                continue
            second, first = envelope[1].command, envelope[0].reply
            assert second is not None
            grouped = bool(second.frames and first.frames) and second.frames[0] < first.frames[0]
            several = len(transaction.recipients) > 1
            if grouped != several and (grouped or "PIPELINING" in _offered(visit)):
                host["pipelining"] = grouped
            return


def _offered(visit: Visit) -> set[str]:
    return {
        line.upper().split(" ")[0]
        for e in visit.exchanges
        if e.command is not None and e.command.verb == "EHLO" and e.reply is not None
        for line in e.reply.lines[1:]
    }


def _input(draft: Draft, cast: Cast, relay: Party, found: Iterable[Mailing]) -> None:
    """A relay whose input is not in the capture gets it from user agents."""
    agents: dict[str, Party] = {}
    for mailing in found:
        if not mailing.sender and mailing.recipients:
            draft.unstaged.append("notifications whose cause is not in the capture")
            continue
        sender = mailing.sender or "alice@crepes.fr"
        if sender not in agents:
            local, _, domain = sender.rpartition("@")
            name = f"{local}.{domain}".lower()
            if name in draft.hosts or not is_host_name(name):
                name = f"agent{len(agents) + 1}.example"
            agents[sender] = Party(name, "user-agent", name, "", sender)
            host = draft.host(name)
            host.update({"role": "user-agent", "address": sender, "server": relay.name})
            draft.assumed.append(f"{sender} has handed {relay.name} its mail")
        _send(draft, agents[sender], mailing, sends_again=False)


def last_wait(visits: Sequence[Visit], steps: Sequence[Part], cast: Cast, busy: Busy) -> int:
    """How long the lab must go on behind the last step, for all that relays did later."""
    senders = [party for party in cast.parties.values() if party.role in ("relay", "user-agent")]
    later = [start for party in senders for start, _ in busy.get(party.name, ())]
    if not later or not steps:
        return 0
    done = max(step.at_ns for step in steps)
    if max(later) - done < 2 * SECOND:
        return 0
    waits = [
        pauses(mailings([v for v in visits if v.client is party], cast.names), busy.get(party.name, ()))
        for party in senders
    ]
    shortest = min((wait[-1] for wait in waits if wait), default=DAY)
    return rounded(max(later) - done) + min(MINUTE, max(SECOND, shortest // 2))

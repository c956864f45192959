"""What servers log of what they answer, against what the inspector makes of their packets: the two must agree.

A server of the lab's own knows what it has taken, refused and been asked.  So each message that it has taken came whole
by the account, for those very recipients; a refusal that it logs is the reply of the account, unless that never left;
and each name that a name server was asked for is a question of the account, with that answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from testbed.expect.observed import programs
from testbed.expect.sealed import ends, sealed
from testbed.explore.ran import Breach
from testbed.protocols import events
from testbed.protocols.header import named
from testbed.scenario.faults import DialogueFault
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.model.log import LogEntry, of
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

WHAT = "the inspector's account agrees with what servers log"


def servers_account(scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
    """Each contradiction between the log of a server of the lab's own and the account of its connections."""
    hidden = programs(analysis) | ends(sealed(analysis))
    taken = defaultdict[str, list[tuple[Connection, Transaction]]](list)
    for connection in analysis.connections:
        if connection.server.label not in hidden and service_of(connection.service).mail is Mail.PUSHED:
            taken[connection.server.label] += ((connection, one) for one in connection.transactions)
    asked = set(scenario.hosts) - hidden
    accepted = [entry for entry in of(analysis.log, events.Accepted) if entry.host in asked]
    yield from _accepted(accepted, taken)
    yield from _answered_250(scenario, accepted, {host: taken[host] for host in asked})
    yield from _refused(analysis, [entry for entry in of(analysis.log, events.Refused) if entry.host in asked])
    yield from _names(analysis)


def _accepted(
    log: list[LogEntry[events.Accepted]], taken: dict[str, list[tuple[Connection, Transaction]]]
) -> Iterator[Breach]:
    """What a server logs to have taken, and no connection has brought it whole, for these recipients."""
    for entry in log:
        event = entry.event
        wanted = {address.lower() for address in event.recipients}
        if not any(
            transaction.message_id == event.message_id
            and transaction.whole
            and transaction.message is not None
            and transaction.message.command is not None
            and transaction.message.command.frames[-1] < entry.frame
            and transaction.sender.lower() == event.sender.lower()
            and wanted <= {to.address.lower() for to in transaction.recipients if not to.refused}
            for _, transaction in taken[entry.host]
        ):
            why = f"{entry.host} logs that it took {named(event.message_id)} from <{event.sender}> for "
            yield Breach(
                WHAT, f"{why}{', '.join(event.recipients)}, and nobody brought it by the account", (entry.frame,)
            )


def _answered_250(
    scenario: Scenario,
    log: list[LogEntry[events.Accepted]],
    taken: dict[str, list[tuple[Connection, Transaction]]],
) -> Iterator[Breach]:
    """What a server took by the account more often than by its log; a fault may have said so in its name."""
    noted = Counter((e.host, e.event.message_id, to.lower()) for e in log for to in e.event.recipients)
    staged = {
        fault.at
        for fault in scenario.faults
        if isinstance(fault, DialogueFault) and (fault.raw or fault.answer[:1] == b"2")
    }
    shown = defaultdict[tuple[str, str, str], list[int]](list)
    for host, brought in taken.items():
        for _, transaction in brought if host not in staged else ():
            for to in transaction.recipients:
                if to.accepted and to.final is not None:
                    shown[host, transaction.message_id, to.address.lower()].append(to.final.frames[-1])
    for (host, message_id, address), frames in shown.items():
        if len(frames) > noted[host, message_id, address]:
            why = f"by the account {host} took {named(message_id)} for {address} {len(frames)} times, "
            yield Breach(WHAT, f"{why}and it logs {noted[host, message_id, address]}", tuple(frames))


def _refused(analysis: Analysis, log: list[LogEntry[events.Refused]]) -> Iterator[Breach]:
    """What a server logs to have refused, and has answered otherwise by the account."""
    asked: dict[str, list[Exchange]] = defaultdict(list)
    for connection in analysis.connections:
        if service_of(connection.service).mail is Mail.PUSHED:
            asked[connection.server.label] += connection.exchanges
    for entry in log:
        status = entry.event.status
        before = [
            exchange
            for exchange in asked[entry.host]
            if exchange.command is not None and exchange.command.frames and exchange.command.frames[0] < entry.frame
            if exchange.command.verb in ("message", "BDAT")
            or entry.event.recipient.lower() in exchange.command.argument.lower()
        ]
        agrees = any(
            reply is None or not reply.whole or (status.startswith(reply.status) and reply.frames[-1] > entry.frame)
            for exchange in before
            for reply in (exchange.replies or (None,))
        )
        if not agrees:
            why = (
                f"{entry.host} logs that it refused {entry.event.recipient} with '{status}', and did not by the account"
            )
            yield Breach(WHAT, why, (entry.frame,))


def _names(analysis: Analysis) -> Iterator[Breach]:
    """Questions that a name server logs to have answered, and that the account does not have, or otherwise."""
    shown: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    servers = {entry.host for entry in of(analysis.log, events.Answered)}
    for connection in analysis.connections:
        for exchange in connection.exchanges if connection.server.label in servers else ():
            if exchange.command is not None:
                key = exchange.command.verb.upper(), exchange.command.argument.rstrip(".").lower()
                shown[key].append(exchange)
    for entry in of(analysis.log, events.Answered):
        name, _, rest = entry.event.question.partition(" ")
        key = rest.rpartition(" ")[2].upper(), name.rstrip(".").lower()
        found = [e for e in shown[key] if e.command is not None and e.command.frames[0] < entry.frame]
        said = [e.reply for e in found if e.reply is not None and e.reply.frames[-1] > entry.frame]
        lost = any(e.reply is None for e in found)
        if not found or (not lost and entry.event.rcode not in [reply.code for reply in said]):
            why = f"{entry.host} logs {entry.event.rcode} to {entry.event.question}, and by the account "
            why += (
                f"it said {', '.join(reply.code for reply in said) or 'nothing'}" if found else "nobody has asked that"
            )
            yield Breach(WHAT, why, (entry.frame,))

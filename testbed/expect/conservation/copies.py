"""Copies too many, mail for those whom nobody has sent it, and mail that is kept although it was refused.

A copy too many is allowed only where a reply did not reach a client that could note it (RFC 1047), and is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence

from testbed.expect.conservation.canonical import canonical_addresses, canonical_names
from testbed.expect.conservation.passages import Answer, Passage
from testbed.expect.observed import programs
from testbed.expect.read_back import known
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.address import domain_of
from testbed.protocols.header import named
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import AnyEntry, of


def stored_too_often(
    analysis: Analysis, carried: Sequence[Passage], log: Iterable[AnyEntry]
) -> tuple[list[str], list[str]]:
    """What lies in a mailbox more often than it was brought there, in sentences, then what RFC 1047 excuses.

    In the mailboxes of a program, its readers may have put copies by IMAP.
    """
    copies = Counter(
        (entry.host, entry.event.message_id, (entry.event.alias or entry.event.recipient).lower())
        for entry in of(log, events.Stored)
    )
    brought = Counter((p.server, p.message_id, p.recipient) for p in carried if p.answer is not Answer.REFUSED)
    brought += _expanded(analysis)
    unheard = Counter((p.server, p.message_id, p.recipient) for p in carried if p.answer is Answer.UNHEARD)
    doubled, excused = [], []
    put_by_imap = _put_by_imap(analysis)
    for key, number in copies.items():
        host, message_id, recipient = key
        if host in put_by_imap:
            continue
        what = f"{count(number, 'copy', 'copies')} of {named(message_id)} for {recipient}"
        if number > max(1, brought[key]):
            doubled.append(f"{what}, and no lost reply explains it")
        elif number > max(1, brought[key] - unheard[key]):
            excused.append(f"{what}: the reply to the final dot was lost (RFC 1047)")
    return doubled, excused


def _put_by_imap(analysis: Analysis) -> frozenset[str]:
    hosts = programs(analysis)
    return frozenset(
        connection.server.label
        for connection in analysis.connections
        if connection.server.label in hosts
        for exchange in connection.exchanges
        if exchange.command is not None and exchange.command.verb.removeprefix("UID ") in ("APPEND", "COPY", "MOVE")
    )


def sent_again(analysis: Analysis, carried: Sequence[Passage], hidden: Container[str]) -> Iterator[str]:
    """Messages a relay has handed over more often than it was given them, having heard the 250.

    Nobody knows what ``hidden`` hosts were given.
    """
    given = Counter((p.server, p.message_id, p.recipient) for p in carried if p.answer is not Answer.REFUSED)
    given += Counter(
        (entry.host, entry.event.message_id, entry.event.target.lower()) for entry in of(analysis.log, events.Forwarded)
    )
    given += _expanded(analysis)
    handed: dict[tuple[str, str, str], list[Passage]] = {}
    for passage in (one for one in carried if one.client not in hidden):
        handed.setdefault((passage.client, passage.known_as, passage.recipient), []).append(passage)
    expanding = _expanding(analysis, carried)
    for key, tries in handed.items():
        if key[:2] in expanding:
            continue
        heard = [passage for passage in tries if passage.answer is Answer.TAKEN]
        if 0 < given[key] < len(heard) or (
            given[key] and len(heard) == given[key] and tries[-1].began_ns > heard[-1].ended_ns
        ):
            host, message_id, recipient = key
            yield f"{host} sent {named(message_id)} for {recipient} again after it had heard {heard[0].server}'s 250"


def _expanded(analysis: Analysis) -> Counter[tuple[str, str, str]]:
    """What the lab's own lists have sent to each of their members."""
    return Counter(
        (entry.host, entry.event.message_id, member.lower())
        for entry in of(analysis.log, events.Expanded)
        for member in entry.event.members
    )


def _expanding(analysis: Analysis, carried: Sequence[Passage]) -> frozenset[tuple[str, str]]:
    """Programs, and the messages they were given for an address of their own domain, which may stand for others."""
    own = _own_domains(analysis)
    return frozenset((p.server, p.message_id) for p in carried if domain_of(p.recipient) in own.get(p.server, ()))


def _own_domains(analysis: Analysis) -> dict[str, set[str]]:
    return {
        entry.host: {domain_of(address) for address in (*entry.event.mailboxes, f"@{entry.host}")}
        for entry in of(analysis.log, events.Started)
    }


def kept_though_refused(analysis: Analysis, carried: Sequence[Passage], log: Iterable[AnyEntry]) -> Iterator[str]:
    """Messages in a program's mailbox whose every bringer was told that they are not taken.

    The lab's own servers may be made to say so by a fault.
    """
    hosts = programs(analysis)
    offered: dict[tuple[str, str, str], list[Passage]] = {}
    for passage in carried:
        offered.setdefault((passage.server, passage.message_id, passage.recipient), []).append(passage)
    for entry in of(log, events.Stored):
        tries = offered.get((entry.host, entry.event.message_id, (entry.event.alias or entry.event.recipient).lower()))
        if tries and entry.host in hosts and all(passage.answer is Answer.REFUSED for passage in tries):
            yield (
                f"{entry.host} keeps {named(entry.event.message_id)} for {entry.event.recipient}, "
                f"which it has refused with {tries[-1].status}"
            )


def misdelivered(
    analysis: Analysis, carried: Sequence[Passage], log: Iterable[AnyEntry], hidden: frozenset[str]
) -> Iterator[str]:
    """Messages that a program gave to somebody whom nobody has sent them, in a mailbox or to the next hop.

    Nobody knows what ``hidden`` hosts were given.
    """
    hosts = programs(analysis) - hidden
    wanted: dict[tuple[str, str], set[str]] = {}
    for passage in carried:
        wanted.setdefault((passage.server, passage.message_id), set()).add(passage.recipient)
    mailboxes = {entry.host: set(entry.event.mailboxes) for entry in of(analysis.log, events.Started)}
    for host, address in known(analysis):
        mailboxes.setdefault(host, set()).add(address)
    for entry in of(log, events.Stored):
        named_there = wanted.get((entry.host, entry.event.message_id), set())
        got = entry.event.recipient.lower()
        if entry.host not in hosts or not named_there or got in named_there:
            continue
        if named_there <= mailboxes[entry.host]:  # an address that is no mailbox may be an alias of the program's
            yield _astray(entry.host, entry.event.message_id, got)
    own, names = _own_domains(analysis), canonical_names(analysis)
    for one, addresses in wanted.items():
        addresses.update([written for address in addresses for written in canonical_addresses(address, names)])
        if any(domain_of(address) in own.get(one[0], set()) for address in addresses):  # it may expand them
            addresses.clear()
    for passage in carried:
        meant = wanted.get((passage.client, passage.known_as))
        if passage.client in hosts and passage.promised and meant and passage.recipient not in meant:
            yield _astray(passage.client, passage.message_id, passage.recipient)


def _astray(host: str, message_id: str, recipient: str) -> str:
    return f"{host} gave {named(message_id)} to {recipient}, whom nobody has sent it"

"""The expectation about what a server found when it checked who a message is from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from testbed.expect.observed import programs
from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.verdict import Verdict
from testbed.plural import count, times
from testbed.protocols import events
from testbed.scenario.expectations import AuthenticatedExpected
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.exchange import Transaction
from testbed.trace.model.log import of

_CHECKS = ("spf", "dkim", "dmarc", "arc", "ptr", "dnsbl")
_METHODS = {"iprev": "ptr"}


class _Found(Struct, frozen=True):
    """What one server found of one message; ``action`` is ``""`` where nobody says what came of it."""

    server: str
    sender: str
    recipients: tuple[str, ...]
    results: dict[str, str]
    action: str
    frame: int

    def __str__(self) -> str:
        said = ", ".join(f"{check} {result}" for check, result in self.results.items()) or "nothing"
        return f"{self.server} found {said}" + (f" ({self.action})" if self.action else "")


def judge_authenticated(expected: AuthenticatedExpected, analysis: Analysis) -> Verdict:
    """A server found this, as its log says; of programs, as the field says that they wrote into the message."""
    words = [f"{check} {result}" for check, result in expected.results.items()]
    words += [f"action {expected.action}"] if expected.action else []
    what = f"mail to {expected.to} is checked: {', '.join(words)}"
    what += f", {times(expected.count)}" if expected.count is not None else ""
    checked = [one for one in (*_of_hosts(analysis), *_of_programs(analysis)) if _concerns(expected, one)]
    hidden = _not_shown(expected, analysis, checked)
    if hidden:
        return Verdict(what, True, hidden, tuple(sorted(one.frame for one in checked)), expected.line, judged=False)
    fitting = [one for one in checked if _fits(expected, one)]
    held = len(fitting) == expected.count if expected.count is not None else bool(fitting)
    others = [str(one) for one in checked if one not in fitting]
    shown = fitting if fitting and held else checked
    why = "; ".join(dict.fromkeys(map(str, shown))) if checked else f"nobody checked mail to {expected.to}"
    if checked and not held and expected.count is not None:
        why = f"{count(len(fitting), 'such message')}" + (f", and {'; '.join(dict.fromkeys(others))}" if others else "")
    frames = tuple(sorted(one.frame for one in shown))
    verdict = Verdict(what, held and bool(checked), why, frames, expected.line)
    return verdict if verdict.held else unless_sealed(verdict, sealed(analysis, programs(analysis)))


def _not_shown(expected: AuthenticatedExpected, analysis: Analysis, checked: Sequence[_Found]) -> str:
    """Why nobody can tell: a program shows its results only in mail that it hands on, and not what came of them."""
    hosts = programs(analysis)
    if not checked:
        took = {c.server.label for c in analysis.connections for t in c.transactions if _is_for(expected.to, t)}
        unseen = sorted(took & hosts if expected.at is None else hosts & {expected.at})
        return f"nobody can see what {unseen[0]}, a program, found" if unseen else ""
    fitting = [one for one in checked if _fits(expected, one)]
    unsaid = next((one for one in fitting if not one.action), None)
    if expected.action is None or unsaid is None or any(one.action for one in fitting):
        return ""
    return f"{unsaid}; nobody can see what came of that"


def _is_for(address: str, transaction: Transaction) -> bool:
    return address.lower() in (recipient.address.lower() for recipient in transaction.recipients)


def _concerns(expected: AuthenticatedExpected, found: _Found) -> bool:
    return (
        expected.to.lower() in (recipient.lower() for recipient in found.recipients)
        and expected.at in (None, found.server)
        and expected.sender in (None, found.sender)
    )


def _fits(expected: AuthenticatedExpected, found: _Found) -> bool:
    if expected.action is not None and found.action and found.action != expected.action:
        return False
    return all(found.results.get(check) == result for check, result in expected.results.items())


def _of_hosts(analysis: Analysis) -> Iterator[_Found]:
    for entry in of(analysis.log, events.Authenticated):
        event = entry.event
        results = {check: getattr(event, check) for check in _CHECKS if getattr(event, check)}
        yield _Found(entry.host, event.sender, event.recipients, results, event.deed, entry.frame)


def _of_programs(analysis: Analysis) -> Iterator[_Found]:
    """What programs wrote into messages that they handed on or gave out, by the first field on top (RFC 8601 §4.1)."""
    hosts = programs(analysis)
    if not hosts:
        return
    from testbed.authentication.message import parse
    from testbed.authentication.results import FIELD, read

    by_number = {connection.number: connection for connection in analysis.connections}
    for mail in mail_objects(analysis, analysis.understanding.decrypted.flows):
        connection = by_number[mail.connection]
        server = (connection.client if mail.direction == "to server" else connection.server).label
        fields = parse(mail.octets).named(FIELD) if server in hosts else ()
        if not fields:
            continue
        _, said = read(fields[0].value)
        results: dict[str, str] = {}
        for one in said:
            check = _METHODS.get(one.method, one.method)
            results[check] = one.result if results.get(check) != "pass" else "pass"
        sender, recipients = _envelope(analysis, mail.message_id, server)
        yield _Found(server, sender, recipients, results, "", mail.frames[-1])


def _envelope(analysis: Analysis, message_id: str, server: str) -> tuple[str, tuple[str, ...]]:
    """The sender and all recipients with whom a message was brought to a server."""
    sender, recipients = "", []
    for connection in analysis.connections:
        if connection.server.label != server:
            continue
        for transaction in connection.transactions:
            if transaction.message_id == message_id:
                sender = transaction.sender or ""
                recipients += [recipient.address for recipient in transaction.recipients]
    return sender, tuple(recipients)

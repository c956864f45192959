"""What an account says, and whether it says anything that the account of the whole capture contradicts.

It may say less.  Frames are told by the packet of the whole capture they are, so that it is known of what both speak.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import UNSEEN, Command, Exchange, Recipient, Reply, Transaction
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.mail import ReadMail
from testbed.trace.services.credentials import MASK
from testbed.trace.services.managesieve.results import script_result
from testbed.trace.services.reading.results import reading_result
from tests.metamorphic.packets import Frame

ABOUT_THE_CAPTURE = frozenset(
    (
        "capture-ends",
        "one-side-only",
        "message-not-captured",
        "answer-not-captured",
        "captured-again",
        "segment-reordered",
    )
)
"""Findings that say what is in the capture or not, how often, or in which order, and blame nobody."""
_BLAMELESS = ABOUT_THE_CAPTURE
_UNSETTLED = frozenset(("syn-unanswered", "name-server-silent"))
"""Findings that nothing in the capture answers somebody: an answer that is missing looks like none."""
_GRAVITY = list(Severity)
_DENIALS = ("not sent", "no reply", "cut off", "broke off", "no recipient", "reset by", "no answer", "never began")
_SO_FAR = re.compile(r"([\d,]+) lines?, ([\d,]+) octets?( so far)?")

Origins = frozenset[int]


@dataclass(frozen=True, slots=True)
class Answered:
    """A command and one reply to it."""

    verb: str
    argument: str
    command: Origins
    reply: Reply
    replied: Origins


@dataclass(frozen=True)
class Told:
    """What an account says of a connection."""

    connection: Connection
    origins: Origins
    exchanges: tuple[Exchange, ...]
    of: Callable[[Sequence[int]], Origins]
    reading: tuple[Command, ...] = ()

    @property
    def answered(self) -> Iterator[Answered]:
        for exchange in self.exchanges:
            command = exchange.command
            for reply in exchange.replies:
                if command is not None:
                    yield Answered(
                        command.verb, command.argument, self.of(command.frames), reply, self.of(reply.frames)
                    )


@dataclass(frozen=True)
class Account:
    """What an analysis says of a capture."""

    told: tuple[Told, ...]
    findings: tuple[tuple[Finding, Origins], ...]
    texts: tuple[str, ...]


def account(analysis: Analysis, frames: Sequence[Frame]) -> Account:
    """What is said of these frames."""

    def of(numbers: Sequence[int]) -> Origins:
        return frozenset(frames[number - 1].origin for number in numbers)

    told = []
    understanding = analysis.understanding
    for connection in analysis.connections:
        flow = understanding.flows[understanding.index(connection.number)]
        told.append(Told(connection, of(flow.frame), connection.exchanges, of))
    findings = [(finding, of(finding.frames)) for finding in analysis.findings]
    return Account(tuple(told), tuple(findings), ())


def contradictions(whole: Account, less: Account) -> list[str]:
    """What the smaller account says otherwise than the whole one, or of its own."""
    found: list[str] = []
    pairs: dict[int, Told] = {}
    for one in less.told:
        truths = [truth for truth in whole.told if truth.origins & one.origins]
        if len(truths) != 1:
            found.append(f"connection {one.connection.number} is made of {len(truths)}")
            continue
        pairs[one.connection.number] = truths[0]
        found += (f"{_name(one)}: {text}" for text in _otherwise(truths[0], one))
    found += _findings(whole, less, pairs)
    return found


def _name(told: Told) -> str:
    return f"#{told.connection.number} {told.connection.service}"


def _otherwise(truth: Told, less: Told) -> Iterator[str]:
    mine, true = less.connection, truth.connection
    if (str(mine.client), str(mine.server)) != (str(true.client), str(true.server)):
        yield f"client and server are {mine.client} and {mine.server}"
    if mine.service not in ("", true.service):
        yield f"speaks {mine.service}, not {true.service}"
    said = mine.outcome.replace("no answer in the capture", "")
    for word in _DENIALS:
        if word in said and word not in f"{true.outcome}, {true.ending}" and "given up" not in true.outcome:
            yield f"outcome {mine.outcome!r}, not {true.outcome!r}"
    yield from _commands(truth, less)
    yield from _replies(truth, less)
    yield from _mails(truth, less)
    yield from _results(truth, less)
    yield from _letters(truth, less)


def _commands(truth: Told, less: Told) -> Iterator[str]:
    spoken = [(e.command, truth.of(e.command.frames)) for e in truth.exchanges if e.command is not None]
    for exchange in less.exchanges:
        command = exchange.command
        if command is None:
            continue
        origins = less.of(command.frames)
        if not any(_same_command(command, origins, one, other) for one, other in spoken):
            yield f"command {command.verb} {command.argument!r} was never said there"


def _same_command(mine: Command, origins: Origins, true: Command, others: Origins) -> bool:
    if mine.verb != true.verb:
        return mine.verb == "message" and not origins and "LAST" in true.argument.upper()
    span = range(min(others, default=0), max(others, default=0) + 1) if mine.verb in ("message", "BDAT") else others
    if origins and others and not any(origin in span for origin in origins):
        return False
    return _same_words(mine.argument, true.argument)


def _same_words(mine: str, true: str) -> bool:
    """Whether words are those of the truth, or fewer of them, or masked."""
    if mine == true or mine == "" or MASK in mine or (mine == "unfinished" and true == ""):
        return True
    (target, facts), (other, others) = (words.removesuffix(")").partition(" (")[::2] for words in (mine, true))
    return target == other and set(facts.split("; ")) <= {"", *others.split("; ")}


def _replies(truth: Told, less: Told) -> Iterator[str]:
    alone = [(e.reply, truth.of(e.reply.frames)) for e in truth.exchanges if e.command is None and e.reply is not None]
    for exchange in less.exchanges:
        command, reply = exchange.command, exchange.reply
        if command is not None:
            yield from _pairs(truth, less, command, exchange)
        elif reply is None or exchange.unseen:
            continue
        elif not any(_same_reply(reply, less, other, origins) for other, origins in alone):
            yield f"reply {reply.status} answers nothing"


def _pairs(truth: Told, less: Told, command: Command, exchange: Exchange) -> Iterator[str]:
    """Of a command: a reply that is another's, or none where there was one."""
    said, name = less.of(command.frames), f"{command.verb} {command.argument!r}"
    if not exchange.replies and not exchange.unseen:
        unanswered = [(e.command, truth.of(e.command.frames)) for e in truth.exchanges if e.command and not e.replies]
        if not any(_same_command(command, said, one, origins) for one, origins in unanswered):
            yield f"{name} has no reply"
    for reply in exchange.replies:
        if not any(
            _same_reply(reply, less, pair.reply, pair.replied)
            and _same_command(command, said, Command(pair.verb, pair.argument, (), 0, 0), pair.command)
            for pair in truth.answered
        ):
            yield f"{name} has the reply {reply.status} {reply.lines!r}"


def _same_reply(mine: Reply, less: Told, true: Reply, origins: Origins) -> bool:
    parts = all(any(_same_line(line, other) for other in true.lines) for line in mine.lines)
    return mine.code == true.code and bool(less.of(mine.frames) & origins) and parts


def _same_line(mine: str, true: str) -> bool:
    """Whether a line is that of the truth, the end of it, or counts less of it so far."""
    counted, all_of_it = _SO_FAR.fullmatch(mine), _SO_FAR.fullmatch(true)
    if counted is not None and all_of_it is not None and counted[3]:
        return all(int(counted[n].replace(",", "")) <= int(all_of_it[n].replace(",", "")) for n in (1, 2))
    return mine in (true, true[-len(mine) :])


def _mails(truth: Told, less: Told) -> Iterator[str]:
    for mail in less.connection.transactions:
        origins = less.of(mail.frames)
        true_mails = [one for one in truth.connection.transactions if _span(truth.of(one.frames)) & origins]
        if not origins and mail.sender == UNSEEN and {_fate(to, mail) for to in mail.recipients} <= {"unknown"}:
            continue  # DATA tells that there was one, and nothing of it is here
        if not true_mails:
            yield f"mail from {mail.sender} never was"
            continue
        if len(true_mails) > 1:
            yield f"mail from {mail.sender} is made of {len(true_mails)}"
            continue
        true_mail = true_mails[0]
        if mail.sender not in (UNSEEN, true_mail.sender):
            yield f"mail from {mail.sender!r}, not {true_mail.sender!r}"
        if mail.message_id not in ("", true_mail.message_id) or mail.subject not in ("", true_mail.subject):
            yield f"mail {mail.message_id!r} {mail.subject!r}, not {true_mail.message_id!r} {true_mail.subject!r}"
        for to in mail.recipients:
            same = [one for one in true_mail.recipients if to.address in (UNSEEN, one.address)]
            if to.address == UNSEEN and _fate(to, mail) == "unknown":
                continue
            if not same:
                yield f"recipient {to.address} never was"
            elif not any(_same_fate(to, mail, one, true_mail) for one in same):
                yield f"{to.address} is {_fate(to, mail)}, not {', '.join(_fate(one, true_mail) for one in same)}"


def _results(truth: Told, less: Told) -> Iterator[str]:
    """What replies are said to tell: how many messages there are, how many came or went, which were found."""
    true_results = {truth.of(e.reply.frames): reading_result(e) for e in truth.exchanges if e.reply is not None}
    true_scripts = {truth.of(e.reply.frames): script_result(e) for e in truth.exchanges if e.reply is not None}
    for exchange in less.exchanges:
        if exchange.reply is None:
            continue
        origins, result = less.of(exchange.reply.frames), reading_result(exchange)
        same = [true for others, true in true_results.items() if others & origins]
        for name in ("listed", "found"):
            value = getattr(result, name)
            if value is not None and value not in (getattr(true, name) for true in same):
                yield f"{name} {value}, not {[getattr(true, name) for true in same]}"
        for name in ("fetched", "removed"):
            if getattr(result, name) > max((getattr(true, name) for true in same), default=0):
                yield f"{name} {getattr(result, name)}, not {[getattr(true, name) for true in same]}"
        listed = script_result(exchange).listed
        if listed is not None and listed not in (t.listed for others, t in true_scripts.items() if others & origins):
            yield f"{listed} scripts"


def _letters(truth: Told, less: Told) -> Iterator[str]:
    """Messages that were read: whose they are said to be, how long, and whether they came whole."""
    true_letters = [(one, _span(truth.of(one.frames))) for one in _read(truth)]
    for mine in _read(less):
        said = less.of(mine.frames)
        same = [one for one, origins in true_letters if origins & said or not said]
        if not same:
            yield f"a message of {mine.command} {mine.letter.subject!r} never was"
        elif not any(_same_letter(mine, one) for one in same):
            yield f"message {mine}, not {same}"


def _read(told: Told) -> list[ReadMail]:
    return [one for one in told.connection.messages if isinstance(one, ReadMail)]


def _same_letter(mine: ReadMail, true: ReadMail) -> bool:
    if mine.command != true.command or (mine.whole and not true.whole):
        return False
    words = ("message_id", "subject", "author", "date")
    if any(getattr(mine.letter, word) not in ("", getattr(true.letter, word)) for word in words):
        return False
    return mine.letter == true.letter if mine.whole else mine.letter.octets <= true.letter.octets


def _span(origins: Origins) -> Origins:
    """All packets from the first of some to the last."""
    return frozenset(range(min(origins, default=0), max(origins, default=-1) + 1))


def _same_fate(mine: Recipient, mail: Transaction, true: Recipient, true_mail: Transaction) -> bool:
    fate = _fate(mine, mail)
    return fate in ("unknown", _fate(true, true_mail))


def _fate(to: Recipient, mail: Transaction) -> str:
    if to.accepted:
        return "taken"
    if to.refused and to.reply is not None:
        return f"refused {to.reply.status}"
    if to.final is not None and to.final.whole and to.final.code:
        return f"refused {to.final.status}" if not to.final.code.startswith("2") else "unknown"
    if to.unseen:
        return "unknown"
    return "not sent" if mail.message is None else "in doubt"


def _findings(whole: Account, less: Account, pairs: dict[int, Told]) -> Iterator[str]:
    known: dict[str, list[tuple[Finding, set[int]]]] = defaultdict(list)
    for finding, _ in whole.findings:
        known[finding.code].append((finding, set(finding.connections)))
    for finding, _ in less.findings:
        if finding.code in _BLAMELESS or finding.code in _UNSETTLED:
            continue
        where = {pairs[number].connection.number for number in finding.connections if number in pairs}
        same = [one for one, numbers in known[finding.code] if numbers & where]
        if not same:
            yield f"{finding.severity} {finding.code}: {finding.text} {finding.frames}"
        elif not finding.cause and not any(
            _GRAVITY.index(one.severity) >= _GRAVITY.index(finding.severity) for one in same
        ):
            yield f"{finding.severity}, not {same[0].severity}: {finding.code}: {finding.text}"

"""Reports as they crossed: DMARC's of a day and of single messages, and those on TLS, each as rows of fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from testbed.plural import count
from testbed.scenario.reported import SUCCESS, ReportKind
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import MailObject, mail_objects
from testbed.trace.services.http.results import http_result
from testbed.transport_security.report import Report

_UNITS: dict[ReportKind, str] = {"aggregate": "message", "failure": "message", "tls": "session"}
_NO_MORE_THAN = 4  # rows of one report in a sentence


class Row(Struct, frozen=True):
    """What a report says of ``times`` messages or sessions; ``fields`` by the names of the expectation."""

    fields: Mapping[str, str]
    times: int = 1

    def fits(self, wanted: Mapping[str, str]) -> bool:
        """Whether it says all that is wanted."""
        return all(self.fields.get(name, "") == value for name, value in wanted.items())


class Told(Struct, frozen=True):
    """A report on a domain, as a message carried it; ``problem`` says why it cannot be read, then it has no rows."""

    kind: ReportKind
    domain: str = ""
    rows: tuple[Row, ...] = ()
    problem: str = ""

    def times(self, wanted: Mapping[str, str]) -> int:
        """How many messages or sessions it tells of that are as wanted."""
        return sum(row.times for row in self.rows if row.fits(wanted))

    def __str__(self) -> str:
        if self.problem:
            return f"one cannot be read: {self.problem}"
        rows = [
            f"{', '.join(f'{name} {value}' for name, value in row.fields.items() if value)}: "
            f"{count(row.times, _UNITS[self.kind])}"
            for row in self.rows[:_NO_MORE_THAN]
        ]
        more = [f"{len(self.rows) - _NO_MORE_THAN} more rows"] if len(self.rows) > _NO_MORE_THAN else []
        return f"the one on {self.domain} says {'; '.join(rows + more) or 'nothing'}"


class Arrived(Struct, frozen=True):
    """A report in the message or the request that brought it, with the frames of its octets.

    ``readers`` are the addresses that a server took it for, or the URI it was posted to; ``sender`` is ``""`` where
    nobody said.
    """

    told: Told
    message_id: str
    sender: str
    readers: tuple[str, ...]
    frames: tuple[int, ...]

    def reached(self, reader: str) -> bool:
        """Whether a server took it for an address, or at a URI."""
        return reader.lower() in map(str.lower, self.readers)


def reports(analysis: Analysis, kind: ReportKind) -> Iterator[Arrived]:
    """The reports of a kind that were brought to servers whole; one that goes over several hops comes several times."""
    carrying = {c.number: c for c in analysis.connections if c.transactions}
    for mail in mail_objects(analysis, analysis.understanding.decrypted.flows) if carrying else ():
        connection = carrying.get(mail.connection)
        if connection is None or mail.direction != "to server" or not mail.complete:
            continue
        told = _told(mail, kind)
        if told is not None:
            for one in connection.transactions:
                if one.message_id == mail.message_id and one.message is not None:
                    readers = tuple(recipient.address for recipient in one.recipients if recipient.accepted)
                    yield Arrived(told, mail.message_id, one.sender, readers, mail.frames)


def posted(analysis: Analysis) -> Iterator[Arrived]:
    """The reports on TLS that were posted by HTTPS, and taken."""
    from testbed.transport_security import report_message
    from testbed.transport_security.report_json import Unreadable

    for connection in analysis.connections:
        for exchange in connection.exchanges if connection.service == "http" else ():
            result = http_result(exchange)
            if result.report is None:
                continue
            name = sender = ""
            try:
                found = report_message.read_document(result.report_kind, result.report)
            except Unreadable as error:
                told = Told("tls", problem=str(error))
            else:
                told, name, sender = _of_tls(found), found.identifier, found.contact
            yield Arrived(told, name, sender, (result.report_uri,), exchange.frames)


def _told(mail: MailObject, kind: ReportKind) -> Told | None:
    """The report of that kind in a message, None where there is none."""
    match kind:
        case "aggregate":
            return _aggregate(mail.octets)
        case "failure":
            return _failure(mail.octets)
        case "tls":
            return _tls(mail.octets)


def _aggregate(octets: bytes) -> Told | None:
    if not _has(octets, b"report domain:") or _has(octets, b"application/tlsrpt"):
        return None
    from testbed.authentication import report_message
    from testbed.authentication.report_xml import Unreadable

    try:
        found = report_message.read(octets)
    except Unreadable as error:
        return Told("aggregate", problem=str(error))
    rows = [
        Row(
            {
                "source": row.source,
                "disposition": row.disposition,
                "dkim": row.dkim,
                "spf": row.spf,
                "override": row.override or "none",
            },
            times,
        )
        for row, times in found.rows
    ]
    return Told("aggregate", found.published.domain, tuple(rows))


def _failure(octets: bytes) -> Told | None:
    if not _has(octets, b"message/feedback-report"):
        return None
    from testbed.authentication import failure_message

    try:
        found = failure_message.read(octets)
    except failure_message.Unreadable as error:
        return Told("failure", problem=str(error))
    fields = {"source": found.source, "failure": found.failure, "delivery": found.delivery}
    if found.unaligned is not None:
        fields |= {method: "fail" if method in found.unaligned else "pass" for method in ("dkim", "spf")}
    return Told("failure", found.domain, (Row(fields),))


def _tls(octets: bytes) -> Told | None:
    if not _has(octets, b"application/tlsrpt"):
        return None
    from testbed.transport_security import report_message
    from testbed.transport_security.report_json import Unreadable

    try:
        found = report_message.read(octets)
    except Unreadable as error:
        return Told("tls", problem=str(error))
    return _of_tls(found)


def _of_tls(found: Report) -> Told:
    rows: list[Row] = []
    for results in found.policies:
        policy = {"policy": str(results.policy.kind)}
        if results.successful:
            rows.append(Row({**policy, "failure": SUCCESS}, results.successful))
        rows += [Row({**policy, "failure": failure.result}, times) for failure, times in results.failures]
        untold = results.failed - sum(times for _, times in results.failures)
        if untold > 0:
            rows.append(Row({**policy, "failure": ""}, untold))
    return Told("tls", found.domain or _domains(results.policy.domain for results in found.policies), tuple(rows))


def _domains(names: Iterator[str]) -> str:
    return next(names, "")


def _has(octets: bytes, text: bytes) -> bool:
    return text in octets.lower()


def distinct(found: Sequence[Arrived]) -> list[Arrived]:
    """Each report once, however often it was brought."""
    by_id: dict[str, Arrived] = {}
    for number, one in enumerate(found):
        by_id.setdefault(one.message_id or str(number), one)
    return list(by_id.values())

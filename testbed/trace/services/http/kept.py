"""Bodies of which the octets are kept: policies of MTA-STS that are asked for, reports on TLS that are posted."""

from __future__ import annotations

from msgspec.structs import replace

from testbed.protocols.http import RequestLine
from testbed.protocols.text import printable
from testbed.trace.services.http.messages import MOST_REPORT, Message
from testbed.trace.services.http.results import HttpResult
from testbed.transport_security.mta_sts import MEDIA_TYPE, PATH
from testbed.transport_security.report_message import MEDIA_TYPES


def asks_for_policy(message: Message) -> bool:
    """Whether a request is for the file of a policy."""
    start = message.start
    return isinstance(start, RequestLine) and start.target == PATH.encode()


def is_text(message: Message) -> bool:
    """Who is told another media type may take it for no policy (RFC 8461 §3.3)."""
    return _kind(message) == MEDIA_TYPE


def is_report(message: Message) -> bool:
    """Whether a request brings a report on TLS."""
    start = message.start
    return isinstance(start, RequestLine) and start.method == "POST" and _kind(message) in MEDIA_TYPES


def _kind(message: Message) -> str:
    kind = message.head.first("content-type").decode("latin-1")
    return kind.partition(";")[0].strip().lower()


def with_report(result: HttpResult, asked: Message, code: str) -> HttpResult:
    """With the report that a request brought, if it came whole and was taken."""
    start, report = asked.start, asked.report
    if report is None or not isinstance(start, RequestLine) or code[0] != "2":
        return result
    if len(report) > MOST_REPORT or asked.missing or asked.trouble:
        return result
    uri = f"https://{host_of(asked)}{printable(start.target.decode('latin-1'))}"
    return replace(result, report=bytes(report), report_kind=_kind(asked), report_uri=uri)


def host_of(message: Message) -> str:
    """Which host a request says it is for."""
    return printable(message.head.first("host").decode("latin-1")).strip().lower()[:253]

"""What an HTTP dialogue knows of a request and its reply, as data."""

from __future__ import annotations

from msgspec import Struct

from testbed.trace.model.exchange import Exchange, ServiceResult


class HttpResult(Struct, ServiceResult, frozen=True):
    """``cut_off`` tells that the reply did not arrive whole, ``with_credentials`` that the request had some.

    ``policy`` is what came where a policy of MTA-STS was asked for (RFC 8461 §3.3), of the host ``policy_host``; None
    where none came, or not all of it.  ``report`` is a report on TLS that was posted and taken (RFC 8460
    §5.4) at ``report_uri``, a document of the media type ``report_kind``.
    """

    cut_off: bool
    with_credentials: bool
    policy: bytes | None = None
    policy_host: str = ""
    report: bytes | None = None
    report_kind: str = ""
    report_uri: str = ""


_NOTHING = HttpResult(cut_off=False, with_credentials=False)


def http_result(exchange: Exchange) -> HttpResult:
    """The result of an exchange of HTTP, an empty one for any other."""
    return exchange.result if isinstance(exchange.result, HttpResult) else _NOTHING

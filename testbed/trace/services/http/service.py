"""HTTP as a service: ports, requests, and everything that is known of it."""

from __future__ import annotations

import re

from testbed.trace.model.connection import Ending
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.services.http.dialogue import HttpDialogue
from testbed.trace.services.http.findings import refused_requests, web_remarks
from testbed.trace.services.http.outcome import outcome_of_requests
from testbed.trace.services.messages import OnMessage
from testbed.trace.services.service import Port, Service

_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"PROPFIND", b"REPORT")
# A method with the beginning of a target; what there is of a head may end before the target.
_REQUEST = re.compile(rb"(?:" + b"|".join(_METHODS) + rb")(?:\Z| (?:\Z|/|\*|https?:))|CONNECT (?:\Z|[^\s/])|PRI \* HT")


def _recognises(client: bytes, server: bytes) -> bool:
    return server.startswith(b"HTTP/1.") or _REQUEST.match(client) is not None


def _dialogue(*, show_credentials: bool = False, on_message: OnMessage | None = None) -> HttpDialogue:
    return HttpDialogue(show_credentials=show_credentials)


def _outcome(exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...], ending: Ending) -> str:
    return outcome_of_requests(exchanges, ending)


def _pages(exchange: Exchange) -> int:
    command, reply = exchange.command, exchange.reply
    return int(command is not None and command.verb == "GET" and reply is not None and reply.code == "200")


HTTP = Service(
    names=("http",),
    ports=(Port(80, "http"), Port(8000, "http"), Port(8080, "http"), Port(443, "https", inside="http")),
    openings=(*(method[:8] for method in _METHODS), b"CONNECT ", b"PRI * HT", b"HTTP/1."),
    recognises=_recognises,
    stream=_dialogue,
    pulled=_pages,
    word="HTTP",
    telling=("3", "4", "5"),
    outcome=_outcome,
    findings=(refused_requests,),
    remarks=web_remarks,
)
# What its dialogue finds where the client begins with the preface.
HTTP2 = Service(
    names=("http2",),
    outcome=lambda exchanges, transactions, ending: "HTTP/2, which is not followed",
)

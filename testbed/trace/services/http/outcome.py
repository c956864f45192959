"""What became of HTTP requests, in one line."""

from __future__ import annotations

from testbed.trace.model.connection import Closure, Ending
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.http.results import http_result


def outcome_of_requests(exchanges: tuple[Exchange, ...], ending: Ending) -> str:
    """``3 requests: 2 × 200 OK, 404 Not Found``; a single request with its address."""
    asked = [exchange.command for exchange in exchanges if exchange.command is not None]
    fates: dict[str, int] = {}
    cut = " not whole when the capture ends" if ending.closure is Closure.OPEN else " cut off"
    for exchange in exchanges:
        interim = exchange.reply is not None and exchange.command is None and exchange.reply.code[0] == "1"
        if not interim:
            reply = exchange.reply
            fate = f"{reply.code} {reply.lines[0]}".strip() if reply is not None else exchange.note
            fate += cut if http_result(exchange).cut_off else ""
            fates[fate] = fates.get(fate, 0) + 1
    told = [f"{count:,} × {fate}" if count > 1 else fate for fate, count in fates.items()][:5]
    more = [f"{len(fates) - 5} other replies"] if len(fates) > 5 else []
    what = f"{asked[0].verb} {asked[0].argument}" if len(asked) == 1 else f"{len(asked):,} requests"
    words = f"{what}: {', '.join(told + more)}" if fates else "no request"
    return f"{words}; {ending}" if ending.closure is Closure.RESET else words

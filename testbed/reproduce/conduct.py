"""What clients did besides saying what they should: fell silent, left, were cut off by their own doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from testbed.durations import SECOND
from testbed.reproduce.draft import Data, Part
from testbed.reproduce.visits import Visit
from testbed.trace.model.connection import Closure
from testbed.trace.model.exchange import Exchange

_STALLED_NS = 60 * SECOND
_STAGES = frozenset(("connect", "HELO", "EHLO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "message", "RSET"))


def conduct(visits: Iterable[Visit]) -> Iterator[Part]:
    """Faults of user agents and relays as clients."""
    counted: Counter[tuple[str, str]] = Counter()
    for visit in visits:
        last = _last(visit)
        deed = _deed(visit, last) if last is not None else ""
        for exchange in visit.exchanges:
            if exchange.command is None:
                continue
            stage = exchange.command.verb
            counted[visit.client.name, stage] += 1
            if exchange is last and deed:
                data: Data = {"at": visit.client.name}
                if visit.client.role == "relay":
                    data["as"] = "client"
                data["on"] = stage
                if not exchange.command.whole:
                    data["octet"] = max(1, exchange.command.octets - 1)
                data["then"] = deed
                nth = counted[visit.client.name, stage]
                yield Part({**data, **({"nth": nth} if nth > 1 else {}), "times": 1}, exchange.frames, visit.start_ns)


def _last(visit: Visit) -> Exchange | None:
    """The last command before the end, unless that is a goodbye."""
    said = [e for e in visit.exchanges if e.command is not None]
    if not said or said[-1].command is None or said[-1].command.verb not in _STAGES:
        return None
    return said[-1]


def _deed(visit: Visit, last: Exchange) -> str:
    connection = visit.connection
    command, reply = last.command, last.reply
    assert command is not None
    closed = any(remark.code == "window-closed" for remark in connection.transport.remarks)
    if closed and not command.whole:
        return ""  # it could not go on
    if connection.ending.by == "client" and (reply is not None or not command.whole):
        if reply is not None and reply.code[:1] in ("4", "5") and command.verb in ("connect",):
            return ""
        if connection.ending.closure is Closure.RESET:
            return "reset"
        return "close"
    if connection.ending.by == "server":
        silence = connection.end_ns - max(command.time_ns, reply.end_ns if reply is not None else 0)
        unasked = any(e.command is None and e.reply is not None and e.reply.code == "421" for e in visit.exchanges)
        cut = not command.whole and reply is None
        if (unasked or cut) and (silence >= _STALLED_NS or _late_end(visit)):
            return "stall"
    return ""


def _late_end(visit: Visit) -> bool:
    spoke = [e.command.time_ns for e in visit.exchanges if e.command is not None]
    return visit.connection.end_ns - max(spoke) >= _STALLED_NS

"""RFC 5321 §4.5.4.1: the sender must delay retrying; the interval should be at least 30 minutes.

Tests compress such times, so of a program whose interval nobody knows only one thing is certain: that it does not wait
at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from testbed.durations import MILLISECOND, MINUTE, SECOND, format_duration
from testbed.expect.conservation.passages import Passage
from testbed.expect.rules.settings import meddled_with, settings
from testbed.expect.rules.tries import Offer, Try, tries
from testbed.expect.sealed import ends, sealed
from testbed.expect.verdict import Verdict
from testbed.protocols import events
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import LogEntry, of

_WHAT = "mail that is refused for now is not tried again at once (RFC 5321 §4.5.4.1)"
_MANY = 20  # tries in a row
_NO_WAIT_NS = 50 * MILLISECOND  # between two of them, on average
_SHOULD_WAIT_NS = 30 * MINUTE
_CLOSING = "421"  # about the connection, which is made anew
_EARLY = 0.9  # of an interval: timers of programs are coarse
_AT_ITS_END = 0.99  # of the time that mail is kept


def tried_again_too_soon(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A relay offers a recipient to the server that has refused him for now, sooner than it is set to, or ever on."""
    hidden = ends(sealed(analysis))
    taken_ns: dict[Offer, list[int]] = {}
    for passage in carried:
        if passage.promised:
            taken_ns.setdefault(Offer(passage.server, passage.sender, passage.recipient), []).append(passage.ended_ns)
    crashes = list(of(analysis.log, events.Crashed))
    asked = _asked_to_send(analysis)
    for offer, made in tries(analysis, carried).items():
        messages = len(taken_ns.get(offer, ()))
        if not messages or offer.client in hidden or meddled_with(scenario, offer.client):
            continue
        for address in dict.fromkeys(one.address for one in made):
            there = [one for one in made if one.address == address]
            told = messages > 1 or offer.client in asked
            early = None if told else _sooner_than_set(scenario, offer, taken_ns[offer][0], there, crashes)
            breach = early or _without_waiting(scenario, offer, there, messages)
            if breach is not None:
                yield breach


def _sooner_than_set(
    scenario: Scenario, offer: Offer, taken_ns: int, made: Sequence[Try], crashes: Sequence[LogEntry[events.Crashed]]
) -> Verdict | None:
    least, give_up = settings(scenario, offer.client).retry, settings(scenario, offer.client).give_up
    for before, after in pairwise(made):
        if give_up is not None and after.ended_ns - taken_ns >= give_up * _AT_ITS_END:
            break  # the last one falls on the end of the mail's time
        waited = after.ended_ns - before.began_ns
        crashed = any(e.host == offer.client and before.began_ns <= e.time_ns <= after.ended_ns for e in crashes)
        if least is not None and _put_off(before) and not crashed and waited < least * _EARLY:
            why = f"{offer.client} tried {offer.recipient} again {format_duration(waited)} after {before.server} had "
            why += f"said {before.status}; it is set to wait {format_duration(least)}"
            return Verdict(_WHAT, False, why, (*before.frames, *after.frames))
    return None


def _without_waiting(scenario: Scenario, offer: Offer, made: Sequence[Try], messages: int) -> Verdict | None:
    """Many tries in so short a time that nothing can have been waited for; each message has as many."""
    many, shortest = _MANY * messages, min(_NO_WAIT_NS, _SHOULD_WAIT_NS // scenario.compress)
    refused = [one for one in made if _put_off(one)]
    for first, last in zip(refused, refused[many:], strict=False):
        took = last.ended_ns - first.ended_ns
        if took < many * shortest:
            why = f"{offer.client} tried {offer.recipient} {many + 1} times in {took / SECOND:.2g} s, "
            why += f"though {first.server} said {first.status}"
            return Verdict(_WHAT, False, why, (*first.frames, *last.frames))
    return None


def _asked_to_send(analysis: Analysis) -> set[str]:
    """Hosts that were told to send what waits there, by ETRN (RFC 1985)."""
    return {
        connection.server.label
        for connection in analysis.connections
        for exchange in connection.exchanges
        if exchange.command is not None and exchange.command.verb == "ETRN"
    }


def _put_off(one: Try) -> bool:
    """Whether the whole try came to nothing, for now."""
    return one.status[:1] == "4" and not one.status.startswith(_CLOSING) and not one.beside

"""The client's own name, and block lists that were asked about it, as far as answers of DNS are known."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from testbed.authentication import block_list, reverse
from testbed.authentication.lookup import Answer, Unanswered
from testbed.protocols.text import printable
from testbed.trace.authentication.answers import Answers, Known
from testbed.trace.authentication.judged import UNKNOWN, Check

_MOST_LISTS = 20


def checks_of_client(client: str, answers: Answers, known: Known, *, named: bool, listed: bool) -> Iterator[Check]:
    """What is known of a client's address.

    Nothing where nobody has asked, but what a refusal is about: ``named`` by the client's name, ``listed`` by a list.
    """
    try:
        pointer = ip_address(client).reverse_pointer
    except ValueError:
        return
    if named or answers.here(pointer, "PTR"):
        yield _of_name(client, known.again())
    lists = answers.lists_asked(client)[:_MOST_LISTS]
    for zone in lists:
        yield _of_list(client, zone, known.again())
    if listed and not lists:
        reason = f"block lists cannot be checked: the capture has no answer of any on {client}"
        yield Check("dnsbl", UNKNOWN, "", reason)


def _of_name(client: str, known: Known) -> Check:
    try:
        verdict = reverse.verify(known, client)
    except Unanswered:
        return Check(
            "ptr", UNKNOWN, "", f"the name of {client} cannot be checked: {known.missing}", tuple(known.frames)
        )
    name = verdict.confirmed or next(iter(verdict.names), "")
    return Check("ptr", verdict.result, printable(name), printable(verdict.reason), tuple(known.frames))


def _of_list(client: str, zone: str, known: Known) -> Check:
    """Who uses a list need not ask whether it lists all the world (RFC 5782 §5), nor for its words."""
    mine = block_list.query_name(client, zone)

    def lookup(name: str, kind: str) -> Answer:
        try:
            return known(name, kind)
        except Unanswered:
            if (name, kind) == (mine, "A"):
                raise
            return Answer("nothing")

    zone_shown = printable(zone)
    try:
        verdict = block_list.verify(lookup, client, zone)
    except Unanswered:
        return Check("dnsbl", UNKNOWN, zone_shown, f"{zone_shown} cannot be checked: {known.missing}")
    return Check("dnsbl", verdict.result, zone_shown, printable(verdict.reason), tuple(known.frames))

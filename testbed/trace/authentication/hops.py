"""A message on two hops: what was done to it in between, and what a server wrote into it of its own checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from testbed.authentication import results
from testbed.authentication.damage import damages
from testbed.authentication.difference import between
from testbed.authentication.message import parse
from testbed.protocols.text import printable
from testbed.trace.authentication.judged import Check, Claim, Judged, Method, Passage
from testbed.trace.journeys import Journey, Leg

_MOST_LEGS = 100  # of a journey
_MOST_FIELDS = 20
_METHODS: Mapping[str, Method] = {"spf": "spf", "dkim": "dkim", "dmarc": "dmarc", "arc": "arc", "iprev": "ptr"}


def key_of(leg: Leg) -> object:
    """What tells a leg from all others of a capture."""
    return leg.connection, leg.frames, leg.start_ns


def passages_in(journey: Journey, judged: Mapping[object, Judged], octets: Mapping[object, bytes]) -> Iterator[Passage]:
    """What each host did to a message between taking it and handing it on, where both are in the capture."""
    legs = [leg for leg in journey.legs if leg.certain and key_of(leg) in octets][:_MOST_LEGS]
    for place, after in enumerate(legs):
        before = _before(after, legs[:place])
        if before is None:
            continue
        was, now = octets[key_of(before)], octets[key_of(after)]
        changes = between(was, now)
        if changes:
            yield Passage(judged[key_of(before)], judged[key_of(after)], changes, damages(was, now))


def _before(after: Leg, earlier: Sequence[Leg]) -> Leg | None:
    """The last leg that brought a message to the host that then sent it on."""
    for leg in reversed(earlier):
        same_host = after.client.address == leg.server.address or (
            bool(leg.server.name) and after.client.name == leg.server.name
        )
        if leg.taken and same_host and leg.start_ns < after.start_ns:
            return leg
    return None


def claims_in(journey: Journey, judged: Mapping[object, Judged]) -> Iterator[Claim]:
    """What servers wrote on top of a message when they had taken it, beside what was found here."""
    legs = [leg for leg in journey.legs if leg.certain][:_MOST_LEGS]
    for place, leg in enumerate(legs):
        own = judged.get(key_of(leg))
        later = next((one for one in legs[place + 1 :] if one.letter.headed and one.ends != leg.ends), None)
        if own is not None and leg.taken and later is not None:
            yield from _claims(leg, own, later)


def _claims(leg: Leg, own: Judged, later: Leg) -> Iterator[Claim]:
    """The fields of the server's own that were not there when the message came (RFC 8601 §5)."""
    known = {field.octets for field in parse(leg.letter.header).named(results.FIELD)}
    for field in parse(later.letter.header).named(results.FIELD)[:_MOST_FIELDS]:
        server, found = results.read(field.value)
        if field.octets in known or server not in leg.names:
            continue
        for one in found:
            method = _METHODS.get(one.method)
            check = _found(own, method, one) if method is not None else None
            if method is not None and check is not None:
                yield Claim(own, printable(server), method, printable(one.result)[:20], check, later.frames)


def _found(own: Judged, method: Method, said: results.Result) -> Check | None:
    """The result found here for what a server tells of."""
    checks = own.of(method)
    match method:
        case "spf":
            whose = said.properties.get("smtp.mailfrom", said.properties.get("smtp.helo", ""))
        case "dkim":
            whose = said.properties.get("header.d", said.properties.get("header.i", ""))
        case "dmarc":
            whose = said.properties.get("header.from", "")
        case "arc" | "ptr":
            return checks[0] if checks else None
        case "dnsbl":
            whose = said.properties.get("dns.zone", "")
    domain = whose.rpartition("@")[2].lower()
    mine = [check for check in checks if check.domain == domain]
    if "header.s" in said.properties:
        mine = [check for check in mine if check.selector.lower() == said.properties["header.s"].lower()]
    # Of several signatures of a domain, which one is meant is not told: one that agrees may be it.
    alike = [check for check in mine if not check.known or (check.result == "pass") == (said.result == "pass")]
    return next(iter(alike or mine), None)

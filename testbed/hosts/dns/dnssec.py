"""Signed zones (RFC 4034, RFC 4035), and what a resolver says that has validated them.

The lab's name server is both: it signs as it answers, with a key for each zone, and tells clients by the AD bit that an
answer is authentic, or by SERVFAIL that it is not.  Denials are NSEC records: of a name that exists its own, else those
between whose names it would be.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

import dns.dnssec
import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dns.dnssectypes import Algorithm, DSDigest
from dns.rdtypes.ANY.DNSKEY import DNSKEY

from testbed.durations import DAY, HOUR, SECOND
from testbed.hosts.dns.zone import PAYLOAD, Held, Stop, Zone, ZoneEntry
from testbed.hosts.zone_script import TTL_S

_KEY_FLAGS = 257  # a zone key, and the one that DS records and trust anchors name (RFC 4034 §2.1.1)
_VALID_FROM_S, _VALID_UNTIL_S = HOUR // SECOND, 7 * DAY // SECOND
_OLD_S, _EXPIRED_S = 30 * DAY // SECOND, 7 * DAY // SECOND  # ago; validators forgive clocks that are a day off
_ERRORS = {  # RFC 8914 §4
    "bogus": (dns.edns.EDECode.DNSSEC_BOGUS, "the signature does not fit"),
    "expired": (dns.edns.EDECode.SIGNATURE_EXPIRED, "the signature has expired"),
}
_DENIAL = (dns.rdatatype.RRSIG, dns.rdatatype.NSEC)


class Signer:
    """The keys of zones, which begin at the root and at ``apexes``, and what is signed with them.

    ``server`` is the name server, ``now`` gives seconds since the Unix epoch in scenario time; ``seed`` makes keys.
    """

    def __init__(self, apexes: Iterable[str], server: str, now: Callable[[], float], seed: int) -> None:
        self._server, self._now = server, now
        names = {dns.name.root, *map(dns.name.from_text, apexes)}
        self._keys = {
            name: Ed25519PrivateKey.from_private_bytes(sha256(f"{seed} {name.canonicalize()}".encode()).digest())
            for name in sorted(names)
        }
        self._public: dict[dns.name.Name, DNSKEY] = {
            name: dns.dnssec.make_dnskey(key.public_key(), Algorithm.ED25519, _KEY_FLAGS)
            for name, key in self._keys.items()
        }
        self._chains: dict[tuple[int, dns.name.Name], list[dns.name.Name]] = {}

    @property
    def trust_anchor(self) -> str:
        """The DS record of the root, as zone files have it: from there everything is found to be authentic."""
        return dns.dnssec.make_ds(dns.name.root, self._public[dns.name.root], DSDigest.SHA256).to_text()

    def entries(self, said: Iterable[tuple[str, str]]) -> Iterator[ZoneEntry]:
        """What each zone needs besides its records, but for names and types that are said already."""
        said = set(said)
        for name, key in self._public.items():
            apex = name.to_text(omit_final_dot=True) if name != dns.name.root else ""
            found = {
                "SOA": f"{self._server}. hostmaster.{self._server}. 1 3600 600 604800 {TTL_S}",
                "NS": f"{self._server}.",
                "DNSKEY": key.to_text(),
            }
            if name != dns.name.root:
                found["DS"] = dns.dnssec.make_ds(name, key, DSDigest.SHA256).to_text()
            for kind, data in found.items():
                if (apex, kind) not in said:
                    yield ZoneEntry(apex, kind, data)

    def seal(self, zone: Zone, query: dns.message.Message, response: dns.message.Message, way: Sequence[Stop]) -> None:
        """Signatures and denials for who asks with DO, the AD bit for who can read it (RFC 6840 §5.7, §5.8).

        What would not bear examination is SERVFAIL, with the reason (RFC 8914), but for who examines himself (CD).
        """
        wants, examines = bool(query.ednsflags & dns.flags.DO), bool(query.flags & dns.flags.CD)
        error = next((stop.flaw for stop in way if stop.flaw in _ERRORS), "")
        options: list[dns.edns.Option] = []
        if error and not examines:
            response.set_rcode(dns.rcode.SERVFAIL)
            response.answer.clear()
            response.authority.clear()
            code, text = _ERRORS[error]
            options = [dns.edns.EDEOption(code, text)]
        elif wants:
            self._sign(zone, response, way)
        if query.edns >= 0:
            response.use_edns(0, query.ednsflags & dns.flags.DO, PAYLOAD, options=options)
        secure = not any(stop.flaw for stop in way)
        if secure and not examines and (wants or query.flags & dns.flags.AD):
            response.flags |= dns.flags.AD

    def _sign(self, zone: Zone, response: dns.message.Message, way: Sequence[Stop]) -> None:
        for stop in way:
            if stop.found is not None:
                response.answer.append(self._signature(stop.found, self._apex(stop.name, stop.kind), stop.flaw))
        last = way[-1]
        if last.found is None:
            apex = self._apex(last.name, last.kind)
            for rrset in (*response.authority, *self._denials(zone, last, apex)):
                if rrset not in response.authority:
                    response.authority.append(rrset)
                response.authority.append(self._signature(rrset, apex, last.flaw))

    def _apex(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.name.Name:
        """Where the zone begins that a record is in; DS records are in the zone above (RFC 4035 §2.4)."""
        if kind == dns.rdatatype.DS and name != dns.name.root:
            name = name.parent()
        while name not in self._keys:
            name = name.parent()
        return name

    def _signature(self, rrset: dns.rrset.RRset, apex: dns.name.Name, flaw: str) -> dns.rrset.RRset:
        now = int(self._now())
        since, until = now - _VALID_FROM_S, now + _VALID_UNTIL_S
        if flaw == "expired":
            since, until = now - _OLD_S, now - _EXPIRED_S
        signature = dns.dnssec.sign(rrset, self._keys[apex], apex, self._public[apex], since, until)
        if flaw == "bogus":
            octets = signature.signature
            spoilt = signature.replace(signature=bytes((octets[0] ^ 1,)) + octets[1:])
            return dns.rrset.from_rdata(rrset.name, rrset.ttl, spoilt)
        return dns.rrset.from_rdata(rrset.name, rrset.ttl, signature)

    def _denials(self, zone: Zone, stop: Stop, apex: dns.name.Name) -> list[dns.rrset.RRset]:
        """That a name has no such record; or that there is no such name, nor a wildcard that would fit (§3.1.3)."""
        chain = self._chain(zone, apex)
        if stop.held is not None:
            return [self._denial(stop.name, self._kinds(stop.name, stop.held, apex), chain)]
        before = chain[bisect_left(chain, stop.name) - 1]
        behind = _behind(before, chain)
        above = max((_common(stop.name, before), _common(stop.name, behind)), key=len)
        wildcard = dns.name.Name((b"*", *above.labels))
        owners = dict.fromkeys((before, chain[bisect_left(chain, wildcard) - 1]))
        return [self._denial(owner, self._kinds(owner, zone.held(owner) or {}, apex), chain) for owner in owners]

    def _kinds(self, name: dns.name.Name, held: Held, apex: dns.name.Name) -> set[dns.rdatatype.RdataType]:
        """The types that a zone has of a name: of one where another zone begins, only that it does."""
        if name in self._keys and name != apex:
            return {kind for kind in held if kind in (dns.rdatatype.NS, dns.rdatatype.DS)}
        return {kind for kind in held if kind != dns.rdatatype.DS}

    def _denial(
        self, name: dns.name.Name, kinds: set[dns.rdatatype.RdataType], chain: Sequence[dns.name.Name]
    ) -> dns.rrset.RRset:
        words = " ".join(dns.rdatatype.to_text(kind) for kind in sorted({*kinds, *_DENIAL}))
        data = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.NSEC, f"{_behind(name, chain)} {words}")
        return dns.rrset.from_rdata(name, TTL_S, data)

    def _chain(self, zone: Zone, apex: dns.name.Name) -> list[dns.name.Name]:
        """The names of a zone that have records, in canonical order (RFC 4034 §6.1)."""
        key = id(zone), apex
        if key not in self._chains:
            self._chains[key] = sorted(
                name
                for name in zone.names
                if zone.held(name) and (self._apex(name, dns.rdatatype.NSEC) == apex or self._is_child(name, apex))
            )
        return self._chains[key]

    def _is_child(self, name: dns.name.Name, apex: dns.name.Name) -> bool:
        return name in self._keys and name != dns.name.root and self._apex(name, dns.rdatatype.DS) == apex


def _behind(name: dns.name.Name, chain: Sequence[dns.name.Name]) -> dns.name.Name:
    """The next name of a chain; behind the last one, the first."""
    return next((other for other in chain[bisect_left(chain, name) :][:2] if other != name), chain[0])


def _common(one: dns.name.Name, other: dns.name.Name) -> dns.name.Name:
    _, _, labels = one.fullcompare(other)
    return one.split(labels)[1]

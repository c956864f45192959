"""A stub resolver: asks the lab's name server, over TCP when the answer was truncated (RFC 7766)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from testbed.hosts.site import Site

PORT = 53
TRIES = 3
TIMEOUT_S = 5.0  # per try, in scenario time (RFC 1035 §7.2 suggests 2 to 5 seconds)


LOOP = "LOOP"  # aliases that lead in a circle (RFC 1034 §3.6.2)
TIMEOUT = "TIMEOUT"  # nobody answered, or nothing that can be understood


def preload() -> None:
    """Load what dnspython would load at the first question and the first answer of each lab."""
    for name in ("dns._asyncio_backend", "dns.rdtypes.ANY.MX", "dns.rdtypes.ANY.PTR", "dns.rdtypes.IN.A", "sniffio"):
        import_module(name)


@dataclass(frozen=True, slots=True)
class LookupResult:
    """``rcode`` is DNS's own word (NOERROR, NXDOMAIN, SERVFAIL), or :data:`LOOP` or :data:`TIMEOUT`."""

    rcode: str
    records: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """Whether this is DNS's last word: records, or that there are none.  Otherwise ask again later."""
        return self.rcode in ("NOERROR", "NXDOMAIN", LOOP)


class Resolver:
    """Asks on behalf of one host, from its own address.

    What does not answer the question (another id, a message that cannot be read) is passed over, as it may be forged
    (RFC 5452 §9.1): the answer may still come.
    """

    def __init__(self, site: Site) -> None:
        self._nameserver = site.nameserver
        self._port_at = site.port_at
        self._source = site.source_for(site.nameserver)

    async def ask(self, name: str, kind: str) -> LookupResult:
        """The records of one name and type, CNAMEs of the same answer followed; never raises for what DNS says."""
        query = dns.message.make_query(name, kind)
        for _ in range(TRIES):
            try:
                response, _ = await dns.asyncquery.udp_with_fallback(
                    query,
                    self._nameserver,
                    timeout=TIMEOUT_S,
                    port=self._port_at(self._nameserver, PORT),
                    source=self._source,
                    ignore_unexpected=True,
                    ignore_errors=True,
                )
            except (dns.exception.DNSException, OSError, EOFError):
                continue
            return _answer(response, kind)
        return LookupResult(TIMEOUT, ())


def _answer(response: dns.message.Message, kind: str) -> LookupResult:
    rcode = dns.rcode.to_text(response.rcode())
    if rcode != "NOERROR" or not isinstance(response, dns.message.QueryMessage):
        return LookupResult(rcode, ())
    try:
        rrset = response.resolve_chaining().answer
    except dns.message.ChainTooLong:
        return LookupResult(LOOP, ())
    except dns.exception.DNSException:
        return LookupResult(rcode, ())
    if rrset is None or dns.rdatatype.to_text(rrset.rdtype) != kind:
        return LookupResult(rcode, ())
    return LookupResult(rcode, tuple(rdata.to_text() for rdata in rrset))

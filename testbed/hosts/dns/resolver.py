"""A stub resolver: asks the lab's name server, over TCP when the answer was truncated (RFC 7766)."""

from __future__ import annotations

import contextlib
from importlib import import_module

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from msgspec import Struct

from testbed.hosts.site import Site

PORT = 53
PAYLOADS = (1_232, 512, 512)  # of each try; RFC 6891 §6.2.5: less where nothing has come
TIMEOUT_S = 5.0  # per try, in scenario time (RFC 1035 §7.2 suggests 2 to 5 seconds)


LOOP = "LOOP"  # aliases that lead in a circle (RFC 1034 §3.6.2)
_NO_EDNS = ("FORMERR", "NOTIMP", "BADVERS")
TIMEOUT = "TIMEOUT"  # nobody answered, or nothing that can be understood


def preload() -> None:
    """Load what dnspython would load at the first question and the first answer of each lab."""
    for name in ("dns._asyncio_backend", "dns.rdtypes.ANY.MX", "dns.rdtypes.ANY.PTR", "dns.rdtypes.IN.A"):
        import_module(name)
    with contextlib.suppress(ImportError):  # it looks whether somebody else has installed it
        import_module("sniffio")


class LookupResult(Struct, frozen=True):
    """What became of a question.

    ``rcode`` is DNS's own word (NOERROR, NXDOMAIN, SERVFAIL), or :data:`LOOP` or :data:`TIMEOUT`.  ``records`` are as
    zone files write them, in the order of the answer; NOERROR without any says that the name has none of this type.
    ``strings`` are the octets of TXT records, their strings joined (RFC 7208 §3.3), one for each record.
    ``authenticated`` tells that the name server found the answer signed as it should be (AD, RFC 4035 §3.2.3); so may
    be the answer that there is nothing.
    """

    rcode: str
    records: tuple[str, ...]
    strings: tuple[bytes, ...] = ()
    authenticated: bool = False

    @property
    def settled(self) -> bool:
        """Whether this is DNS's last word: records, or that there are none.  Otherwise ask again later."""
        return self.rcode in ("NOERROR", "NXDOMAIN", LOOP)


class Resolver:
    """Asks on behalf of one host, from its own address.

    What does not answer the question (another id, a message that cannot be read) is passed over, as it may be forged
    (RFC 5452 §9.1): the answer may still come.  It asks with EDNS, and without it when it is told that the
    server does not know it (RFC 6891 §6.2.2); of silence it makes nothing but that smaller datagrams may arrive.
    """

    def __init__(self, site: Site) -> None:
        self._nameserver = site.nameserver
        self._port_at = site.port_at
        self._source = site.source_for(site.nameserver)

    async def ask(self, name: str, kind: str) -> LookupResult:
        """The records of one name and type, CNAMEs of the same answer followed; never raises for what DNS says.

        A name that DNS cannot hold (a label of more than 63 octets) does not exist.
        """
        try:
            query = dns.message.make_query(name, kind, flags=dns.flags.RD | dns.flags.AD)  # RFC 6840 §5.7
        except (dns.exception.DNSException, ValueError):
            return LookupResult("NXDOMAIN", ())
        for payload in PAYLOADS:
            query.use_edns(0, payload=payload)
            response = await self._asked(query)
            if response is not None and dns.rcode.to_text(response.rcode()) in _NO_EDNS:
                query.use_edns(False)
                response = await self._asked(query)
            if response is not None:
                return _answer(response, kind)
        return LookupResult(TIMEOUT, ())

    async def _asked(self, query: dns.message.Message) -> dns.message.Message | None:
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
            return None
        return response


def _answer(response: dns.message.Message, kind: str) -> LookupResult:
    rcode = dns.rcode.to_text(response.rcode())
    authenticated = bool(response.flags & dns.flags.AD)
    nothing = LookupResult(rcode, (), (), authenticated)
    if rcode != "NOERROR" or not isinstance(response, dns.message.QueryMessage):
        return nothing
    try:
        rrset = response.resolve_chaining().answer
    except dns.message.ChainTooLong:
        return LookupResult(LOOP, ())
    except dns.exception.DNSException:
        return nothing
    if rrset is None or dns.rdatatype.to_text(rrset.rdtype) != kind:
        return nothing
    strings = tuple(b"".join(rdata.strings) for rdata in rrset) if rrset.rdtype == dns.rdatatype.TXT else ()
    return LookupResult(rcode, tuple(rdata.to_text() for rdata in rrset), strings, authenticated)

"""Zone files as operators write them (RFC 1035 §5.1, RFC 2308 §4): lines to resource records.

Of the directives ``$ORIGIN`` and ``$TTL`` are read.  Beyond the RFC, a name that is no address may stand behind A and
AAAA: whose it is, is up to the reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.ttl
from msgspec import Struct

_EXAMPLES = {
    "A": "A 192.0.2.1",
    "AAAA": "AAAA 2001:db8::1",
    "MX": "MX 10 mx1.someschool.edu.",
    "CNAME": "CNAME www.someschool.edu.",
    "NS": "NS ns.lab.",
    "PTR": "PTR mx1.someschool.edu.",
    "TXT": 'TXT "v=spf1 mx -all"',
    "SRV": "SRV 0 1 587 mail.someschool.edu.",
    "TLSA": "TLSA 3 1 1, and the digest in hexadecimal digits",
    "SOA": "SOA ns.lab. hostmaster.someschool.edu. 1 3600 600 86400 300",
}
MADE = frozenset(("RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY"))
_VERSIONS = {"A": 4, "AAAA": 6}
_LONGEST_STRING, _LONGEST_DATA = 255, 65_535  # RFC 1035 §3.3, §3.2.1


class ZoneFileRecord(Struct, frozen=True):
    """A record of a zone file; names are absolute, and end in a dot.

    ``data`` are as zone files write them, or ``""`` where A or AAAA name a ``host``.  ``ttl`` is in seconds, None where
    the file does not say.  ``line`` counts from 0.
    """

    name: str
    ttl: int | None
    kind: str
    data: str
    line: int
    host: str = ""


class ZoneFileError(ValueError):
    """What is wrong with a zone file, in words, and in which ``line``, counted from 0."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(words)
        self.line = line


def read_zone_file(text: str, origin: str = ".", *, made: bool = False) -> Iterator[ZoneFileRecord]:
    """The records of a zone file, in its order; names without a final dot are below ``origin``.  Raises ZoneFileError.

    From the root as origin, a final dot makes no difference.  ``made`` lets those stand that a signer has made.
    """
    return _Reading(text, origin, made).records()


def read_record(text: str) -> ZoneFileRecord:
    """A record without owner, such as ``MX 10 mx1.someschool.edu``, of the root.  Raises ZoneFileError."""
    found = list(read_zone_file(f"@ {text}"))
    if len(found) != 1:
        raise ZoneFileError(0, "this is one record: its type, and its data")
    return found[0]


class _Reading:
    def __init__(self, text: str, origin: str, made: bool) -> None:
        self._made = made
        self._tokens = dns.tokenizer.Tokenizer(text)
        self._origin = _name_of(origin, dns.name.root, 0)
        self._owner: dns.name.Name | None = None
        self._ttl: int | None = None
        self._line = 0

    def records(self) -> Iterator[ZoneFileRecord]:
        while True:
            self._line = self._tokens.where()[1] - 1
            try:
                first = self._tokens.get(want_leading=True)
                if first.is_whitespace():
                    first = self._tokens.get()
                    if not first.is_eol_or_eof():
                        self._tokens.unget(first)
                        yield self._record()
                elif first.value.startswith("$") and first.is_identifier():
                    self._directive(first.value.upper())
                elif not first.is_eol_or_eof():
                    self._owner = _name_of(first.value, self._origin, self._line)
                    yield self._record()
                if first.is_eof():
                    return
            except dns.exception.DNSException as error:
                raise ZoneFileError(self._line, f"this is not a line of a zone file: {_words(error)}") from None

    def _directive(self, word: str) -> None:
        if word == "$ORIGIN":
            self._origin = _name_of(self._tokens.get_identifier(), self._origin, self._line)
        elif word == "$TTL":
            self._ttl = self._tokens.get_ttl()
        else:
            raise ZoneFileError(self._line, f"{word[:20]} is not read here; write the records themselves")
        self._tokens.get_eol()

    def _record(self) -> ZoneFileRecord:
        """The rest of a line, behind its owner."""
        if self._owner is None:
            problem = "a line that begins with a blank is about the name above it, and there is none"
            raise ZoneFileError(self._line, f"{problem}; write the name, or @ for the zone itself")
        ttl = self._ttl
        word = self._word()
        for _ in range(2):  # TTL and class, in any order
            if word.upper() == "IN":
                word = self._word()
            elif word[:1].isdigit():
                try:
                    ttl = dns.ttl.from_text(word)
                except dns.ttl.BadTTL:
                    raise ZoneFileError(self._line, f"'{word[:40]}' is neither a TTL nor a type of record") from None
                word = self._word()
        kind = self._kind(word)
        name = self._owner.to_text()
        if kind in _VERSIONS:
            address, host = self._address(kind)
            return ZoneFileRecord(name, ttl, kind, address, self._line, host)
        return ZoneFileRecord(name, ttl, kind, self._data(kind), self._line)

    def _word(self) -> str:
        token = self._tokens.get()
        if not token.is_identifier():
            shown = f"'{token.value[:40]}'" if token.value.strip() else "the end of the line"
            problem = f"a type of record belongs here, not {shown}; a record over several lines stands in parentheses"
            raise ZoneFileError(self._line, problem)
        return str(token.value)

    def _kind(self, word: str) -> str:
        kind = word.upper()
        try:
            number = dns.rdatatype.from_text(kind)
        except (dns.exception.DNSException, ValueError):
            problem = f"'{word[:40]}' is no type of record; a line has a name, then e.g. MX, A or TXT, then data"
            raise ZoneFileError(self._line, problem) from None
        if kind in MADE and not self._made:
            raise ZoneFileError(self._line, f"{kind} records are made by the name server; say 'dnssec: true'")
        if dns.rdatatype.is_metatype(number) or kind == "DNAME":
            raise ZoneFileError(self._line, f"a zone here cannot hold {kind}; write the records themselves")
        return kind

    def _address(self, kind: str) -> tuple[str, str]:
        """An address; or the name of a host whose address is meant."""
        try:
            word = self._tokens.get_identifier()
            self._tokens.get_eol()
        except dns.exception.DNSException:
            raise ZoneFileError(self._line, f"{kind} needs an address: {_EXAMPLES[kind]}") from None
        try:
            address = ip_address(word)
        except ValueError:
            return "", word.rstrip(".").lower()
        if address.version != _VERSIONS[kind] or "%" in word:
            raise ZoneFileError(self._line, f"'{word[:60]}' is no IPv{_VERSIONS[kind]} address, which {kind} needs")
        return str(address), ""

    def _data(self, kind: str) -> str:
        number = dns.rdatatype.from_text(kind)
        try:
            data = dns.rdata.from_text(dns.rdataclass.IN, number, self._tokens, self._origin, relativize=False)
            text = data.to_text()
            if len(text) > _LONGEST_DATA and len(data.to_wire() or b"") > _LONGEST_DATA:
                raise ZoneFileError(self._line, f"the data of a record have {_LONGEST_DATA:,} octets at most")
            return text
        except ZoneFileError:
            raise
        except (dns.exception.DNSException, ValueError, LookupError, ArithmeticError) as error:
            if "too long" in str(error):
                problem = f"a string of a {kind} record has {_LONGEST_STRING} octets at most"
                raise ZoneFileError(self._line, f'{problem}; split it: "first part" "second part"') from None
            example = f"; write e.g. {_EXAMPLES[kind]}" if kind in _EXAMPLES else ""
            raise ZoneFileError(self._line, f"this is no {kind} record: {_words(error)}{example}") from None


def _name_of(text: str, origin: dns.name.Name, line: int) -> dns.name.Name:
    try:
        return dns.name.from_text(text, origin)
    except (dns.exception.DNSException, ValueError) as error:
        raise ZoneFileError(line, f"'{text[:60]}' is not a DNS name: {_words(error)}") from None


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")

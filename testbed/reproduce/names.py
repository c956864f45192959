"""Neutral names for the people, domains and hosts of a capture, the same one for the same name everywhere.

What belongs to nobody stays as it is: the textbook's names, and those that are kept for documents (RFC 2606, RFC 6761).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from testbed.protocols.address import is_host_name
from testbed.scenario.defaults import TEXTBOOK

_DOMAINS = ("crepes.fr", "someschool.edu", "hamburger.edu")  # the textbook's, in the order of their appearance
_PEOPLE = (
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "frank",
    "grace",
    "heidi",
    "ivan",
    "judy",
    "mike",
    "olivia",
    "peggy",
)
_OFFICES = frozenset({"postmaster", "abuse", "mailer-daemon", "hostmaster", "nobody", "root"})
_FREE = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost|lab|local|arpa|example\.(?:com|net|org|edu))$")
_NOBODYS = re.compile(rf"(?:^|\.)(?:{'|'.join(map(re.escape, _DOMAINS))})$")
_ADDRESS = re.compile(r"[^\s<>@,;:()\"'\[\]]+@(?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+")
_DOMAIN = re.compile(r"(?<![\w.@-])(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}(?![\w-])")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){2,7}[0-9A-Fa-f:]{1,}(?![\w:])")


class Names:
    """Names as they stand in a scenario.  With ``keep`` all stay as they are, where a scenario can have them."""

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self._domains: dict[str, str] = {}
        self._people: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def domain(self, name: str) -> str:
        """A mail domain."""
        plain = name.lower().rstrip(".")
        if plain not in self._domains:
            self._domains[plain] = plain if self._stays(plain) else self._next_domain()
        return self._domains[plain]

    def same_domain(self, name: str, other: str) -> None:
        """From now on, one domain goes by the name of another."""
        self._domains[name.lower().rstrip(".")] = self.domain(other)

    def person(self, local_part: str) -> str:
        """A local part, whose letters may be beyond ASCII."""
        if local_part not in self._people:
            self._people[local_part] = self._next_person(local_part)
        return self._people[local_part]

    def address(self, address: str) -> str:
        """An address of mail; what is none comes back as it is where it is empty, else with a domain."""
        local, at, domain = address.rpartition("@")
        if not at:
            return address and f"{self.person(address)}@{self.domain('localhost.example')}"
        if not is_host_name(domain.lower().rstrip(".")):
            domain = "literal.example"
        neutral = self.domain(domain)
        return f"{local if self._stays(domain.lower()) else self.person(local)}@{neutral}"

    def host(self, key: str, name: str) -> None:
        """A host of the capture, by its name there or its address, goes by this name."""
        self._hosts[key.lower()] = name

    def endpoint(self, address: str, name: str) -> None:
        """An IP address of the capture belongs to this host."""
        self._addresses[address] = name

    def at(self, address: str) -> str:
        """The host at an IP address of the capture, ``""`` for nobody."""
        return self._addresses.get(address, "")

    def text(self, text: str) -> str:
        """What somebody said, with neutral names in place of all that look like one."""
        if self.keep:
            return text
        text = _ADDRESS.sub(lambda found: self.address(found[0]), text)
        text = _DOMAIN.sub(lambda found: self._named(found[0]), text)
        text = _IPV4.sub(lambda found: self._numbered(found[0]), text)
        return _IPV6.sub(lambda found: "2001:db8::1" if not _neutral_ip(found[0]) else found[0], text)

    def octets(self, octets: bytes) -> bytes:
        """The same of octets."""
        return self.text(octets.decode("latin-1")).encode("latin-1", "replace")

    def _named(self, name: str) -> str:
        lower = name.lower().rstrip(".")
        if lower in self._hosts:
            return self._hosts[lower]
        if lower in self._domains:
            return self._domains[lower]
        return name if self._stays(lower) else self.domain(name)

    def _numbered(self, address: str) -> str:
        return address if _neutral_ip(address) else "192.0.2.1"

    def _stays(self, name: str) -> bool:
        return self.keep or bool(_FREE.search(name) or _NOBODYS.search(name)) or name in TEXTBOOK

    def _next_domain(self) -> str:
        return next(name for name in self._fresh(_DOMAINS, "domain{}.example") if name not in self._domains.values())

    def _next_person(self, local_part: str) -> str:
        if self.keep or local_part.lower() in _OFFICES or local_part in _PEOPLE:
            return local_part
        accent = "" if local_part.isascii() else "é"
        fresh = (name + accent for name in self._fresh(_PEOPLE, "user{}"))
        return next(name for name in fresh if name not in self._people.values())

    @staticmethod
    def _fresh(first: Iterable[str], then: str) -> Iterator[str]:
        yield from first
        number = 1
        while True:
            yield then.format(number)
            number += 1


def _neutral_ip(address: str) -> bool:
    return address.startswith(("127.", "192.0.2.", "198.51.100.", "203.0.113.", "fd00:", "2001:db8:")) or address in (
        "0.0.0.0",
        "255.255.255.255",
    )

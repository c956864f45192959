"""Up the tree of DNS: which DMARC record holds, and where an organization begins (RFC 9989 §4.10)."""

from __future__ import annotations

from msgspec import Struct

from testbed.authentication.dmarc_record import Record, is_record, parse
from testbed.authentication.lookup import Lookup, look_up

MAX_QUESTIONS = 8


class Undecided(Exception):
    """A question on the way to which DNS gave no answer."""

    def __init__(self, name: str, outcome: str) -> None:
        super().__init__(f"DNS does not answer TXT {name} ({outcome})")


class Walk(Struct, frozen=True):
    """``found`` are the domains with a record on the way, the longest first; ``asked`` the names asked for."""

    start: str
    found: tuple[tuple[str, Record], ...]
    asked: tuple[str, ...]

    @property
    def organization(self) -> str:
        """The organizational domain of where the walk began (§4.10.2)."""
        for domain, record in self.found:
            if record.public_suffix == "n":
                return domain
            if record.public_suffix == "y" and domain != self.start:
                return _below(domain, self.start)
        return self.found[-1][0] if self.found else self.start

    @property
    def policy(self) -> tuple[str, Record] | None:
        """The record that holds, and its domain: where the walk began, its organization's, or its suffix's."""
        records = dict(self.found)
        suffix = next((domain for domain, record in self.found if record.public_suffix == "y"), "")
        for domain in (self.start, self.organization, suffix):
            if domain in records:
                return domain, records[domain]
        return None


def walk(lookup: Lookup, domain: str) -> Walk:
    """Ask for ``_dmarc`` at a domain and above; raises :class:`Undecided`."""
    found, asked = [], []
    for name in steps(domain):
        asked.append(f"_dmarc.{name}")
        record = record_at(lookup, name)
        if record is not None:
            found.append((name, record))
            if record.public_suffix != "u":
                break
    return Walk(domain, tuple(found), tuple(asked))


def steps(domain: str) -> list[str]:
    """The domains that a walk visits: eight at most, from a long one down to seven labels at once."""
    labels = domain.split(".")
    first = 1 if len(labels) <= MAX_QUESTIONS else len(labels) - (MAX_QUESTIONS - 1)
    return [domain] + [".".join(labels[at:]) for at in range(first, len(labels))]


def record_at(lookup: Lookup, domain: str) -> Record | None:
    """The one record at a domain; of several none counts."""
    name = f"_dmarc.{domain}"
    answer = look_up(lookup, name, "TXT")
    if answer.failed:
        raise Undecided(name, answer.outcome)
    records = [text for text in answer.records if is_record(text)]
    return parse(records[0]) if len(records) == 1 else None


def _below(suffix: str, domain: str) -> str:
    """The domain one label below a suffix, on the way to a domain."""
    above = suffix.count(".") + 1
    return ".".join(domain.split(".")[-above - 1 :])

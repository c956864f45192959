"""A zone file as DNS: what ``--dns`` gives the judges where the capture holds no answer (RFC 1034 §4.3)."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.authentication.lookup import Answer, Lookup, Unanswered, plain_name, txt
from testbed.errors import UsageError
from testbed.protocols.text import printable, shown
from testbed.protocols.zone_file import MADE, ZoneFileError, ZoneFileRecord, read_zone_file
from testbed.regular_file import read_regular

_MOST_OCTETS = 32 << 20
_MOST_ALIASES = 10


def zone_lookup(paths: list[str]) -> Lookup:
    """What zone files answer, all of them together.

    A file with a SOA record is a whole zone: below its name, what it does not have does not exist.  Without one, what
    it does not have is unknown.  Raises UsageError with file and line for what is no zone file.
    """
    return _Zones([record for path in paths for record in _records(path)])


def _records(path: str) -> Iterator[ZoneFileRecord]:
    try:
        for record in read_zone_file(_text(path), made=True):
            if record.kind in MADE:
                continue  # of a signed zone: its signatures, and what proves that there is nothing
            if record.host:
                problem = f"{record.kind} needs an address, not the name of a host, '{record.host[:60]}'"
                raise ZoneFileError(record.line, problem)
            yield record
    except ZoneFileError as error:
        raise UsageError(f"--dns {shown(path)}, line {error.line + 1}: {printable(str(error))}") from None


def _text(path: str) -> str:
    try:
        octets = read_regular(path, _MOST_OCTETS + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"--dns {shown(path)}: it cannot be read: {getattr(error, 'strerror', '') or error}") from None
    if len(octets) > _MOST_OCTETS:
        raise UsageError(f"--dns {shown(path)}: it is larger than {_MOST_OCTETS >> 20} MB; give the zones concerned")
    return octets.decode("utf-8", "replace")


class _Zones:
    def __init__(self, records: list[ZoneFileRecord]) -> None:
        self._records: dict[tuple[str, str], list[str]] = {}
        self._names: set[str] = set()
        self._apexes: set[str] = set()
        for record in records:
            name = plain_name(record.name)
            self._records.setdefault((name, record.kind), []).append(_data(record))
            labels = name.split(".")
            self._names |= {".".join(labels[at:]) for at in range(len(labels))}
            if record.kind == "SOA":
                self._apexes.add(name)

    def __call__(self, name: str, kind: str) -> Answer:
        asked, name = name, plain_name(name)
        for _ in range(_MOST_ALIASES):
            labels = name.split(".")
            above = [".".join(labels[at:]) for at in range(len(labels))]
            owner = self._owner(name, above)
            if found := self._records.get((owner, kind)):
                return Answer("found", tuple(found))
            if alias := self._records.get((owner, "CNAME")):
                name = alias[0]
            elif not self._apexes.isdisjoint(above):
                return Answer("nothing" if owner in self._names else "nxdomain")
            else:
                raise Unanswered(asked, kind)
        return Answer("servfail")

    def _owner(self, name: str, above: list[str]) -> str:
        """The name whose records are those of a name: itself, or a wildcard above it (RFC 4592 §3.3)."""
        closest = next((one for one in above if one in self._names), "")
        wildcard = f"*.{closest}"
        return wildcard if closest != name and wildcard in self._names else name


def _data(record: ZoneFileRecord) -> str:
    match record.kind:
        case "TXT":
            return txt(record.data)
        case "MX":
            preference, _, name = record.data.partition(" ")
            return f"{preference} {plain_name(name)}"
        case "PTR" | "CNAME":
            return plain_name(record.data)
        case _:
            return record.data

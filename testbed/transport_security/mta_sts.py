"""MTA-STS: the TXT record that announces a policy, the policy file, and which MX it allows (RFC 8461 §3, §4.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["enforce", "testing", "none"]

MAX_POLICY_OCTETS = 65_536  # RFC 8461 §3.3 suggests 64 kilobytes
MAX_AGE_S = 31_557_600  # RFC 8461 §3.2: about a year
MAX_PATTERNS = 1_000
MEDIA_TYPE = "text/plain"
PATH = "/.well-known/mta-sts.txt"

_RECORD = re.compile(r"v=STSv1[ \t]*;")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_FIELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_PATTERN = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
_MODES: tuple[Mode, ...] = ("enforce", "testing", "none")
_LINE_END = re.compile(r"\r\n|\n")


class BadRecord(ValueError):
    """What is wrong with the TXT record; a client goes on as if the domain had no policy."""


class BadPolicy(ValueError):
    """What is wrong with a policy file; a client goes on as if it had not been fetched."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy file.  ``max_age`` is in seconds, ``mx`` are the patterns in lower case.

    ``remarks`` are sentences about what the file has and a client passes over.
    """

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=(), compare=False)

    def allows(self, host: str) -> bool:
        """Whether a pattern fits the name of an MX (RFC 8461 §4.1)."""
        return any(fits(pattern, host) for pattern in self.mx)

    def text(self) -> bytes:
        """The policy as a file (RFC 8461 §3.2)."""
        lines = ["version: STSv1", f"mode: {self.mode}", *(f"mx: {pattern}" for pattern in self.mx)]
        return "\r\n".join([*lines, f"max_age: {self.max_age}", ""]).encode()


def policy_host(domain: str) -> str:
    """Who serves a domain's policy by HTTPS (RFC 8461 §3.3)."""
    return f"mta-sts.{domain}"


def record_name(domain: str) -> str:
    """Where the TXT record of a domain stands."""
    return f"_mta-sts.{domain}"


def record_text(policy_id: str) -> str:
    """The TXT record that announces a policy."""
    return f"v=STSv1; id={policy_id};"


def policy_id(records: Sequence[bytes]) -> str:
    """The id in the TXT records of ``_mta-sts``, each with its strings joined; ``""`` where none is about MTA-STS.

    Raises BadRecord for two records of MTA-STS, and for one that is not well formed (RFC 8461 §3.1).
    """
    texts = [record.decode("latin-1") for record in records]
    ours = [text for text in texts if _RECORD.match(text)]
    if not ours:
        return ""
    if len(ours) > 1:
        raise BadRecord(f"there are {len(ours)} records of MTA-STS, and there must be one")
    found: dict[str, str] = {}
    for part in ours[0].split(";")[1:]:
        if not part.strip(" \t"):
            continue
        name, equals, value = (word.strip(" \t") for word in part.partition("="))
        if not equals or not _FIELD.fullmatch(name):
            raise BadRecord(f"'{_shown(part)}' in it is not a field with a value")
        found.setdefault(name, value)
    if not _ID.fullmatch(found.get("id", "")):
        raise BadRecord("it has no id of one to 32 letters and digits")
    return found["id"]


def read_policy(octets: bytes) -> StsPolicy:
    """A policy file.  Raises BadPolicy.

    Fields that nobody knows are passed over, and of a field that may stand once the first counts (RFC 8461 §3.2).
    """
    if len(octets) > MAX_POLICY_OCTETS:
        raise BadPolicy(f"it has more than {MAX_POLICY_OCTETS:,} octets")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise BadPolicy("it is not UTF-8") from None
    if "\r" in text.replace("\r\n", ""):
        raise BadPolicy("its lines end with CR, and must end with CR LF or LF")
    fields, patterns, remarks = _fields(text)
    if fields.get("version") != "STSv1":
        raise BadPolicy("it has no 'version: STSv1'")
    mode = next((word for word in _MODES if word == fields.get("mode")), None)
    if mode is None:
        raise BadPolicy(f"its mode is '{_shown(fields.get('mode', ''))}', and must be enforce, testing or none")
    if not patterns and mode != "none":
        raise BadPolicy(f"it names no mx, which the mode {mode} needs")
    return StsPolicy(mode, _age(fields.get("max_age")), tuple(patterns), tuple(remarks))


def fits(pattern: str, host: str) -> bool:
    """Whether a pattern of a policy fits a host's name; ``*.`` stands for one label (RFC 8461 §4.1)."""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if not pattern.startswith("*."):
        return pattern == host
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == pattern[2:]


def _fields(text: str) -> tuple[dict[str, str], list[str], list[str]]:
    """The first value of each field, the patterns of mx, and remarks."""
    fields: dict[str, str] = {}
    patterns: list[str] = []
    remarks: list[str] = []
    for number, line in enumerate(_LINE_END.split(text), 1):
        if not line.strip(" \t"):
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not colon or not _FIELD.fullmatch(name):
            raise BadPolicy(f"line {number} is not a field with a value: '{_shown(line)}'")
        if name == "mx":
            if not _PATTERN.fullmatch(value.lower().rstrip(".")):
                raise BadPolicy(f"line {number} names '{_shown(value)}', which is no host name and no pattern of one")
            if len(patterns) == MAX_PATTERNS:
                raise BadPolicy(f"it names more than {MAX_PATTERNS:,} mx")
            patterns.append(value.lower().rstrip("."))
        elif name in fields:
            remarks.append(f"line {number} gives {_shown(name)} again, and only the first counts")
        else:
            fields[name] = value
    return fields, patterns, remarks[:20]


def _age(value: str | None) -> int:
    if value is None or not (value.isascii() and value.isdigit() and len(value) <= 10):
        raise BadPolicy("it has no max_age in whole seconds")
    return min(int(value), MAX_AGE_S)


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text.strip())[:40]

"""A finding: one sentence of diagnosis with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters to somebody whose mail did not arrive."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of diagnosis with its evidence."""

    code: str  # stable kebab-case name: "mailbox-full", "connection-refused"
    severity: Severity
    text: str
    frames: tuple[int, ...]
    reference: str  # "RFC 5321 §4.5.4.1"
    connections: tuple[int, ...] = ()
    cause: str = (
        ""  # of a refusal, as its words and codes tell: "greylisted" (testbed.protocols.refusals); or "handshake"
    )
    times: int = 1  # how often it was seen

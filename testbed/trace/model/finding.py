"""A finding: one sentence of diagnosis with its evidence."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """How much a finding matters to somebody whose mail did not arrive."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Finding(Struct, frozen=True):
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

"""HTTP messages on their way, and who is told of them (RFC 9112 §2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from testbed.protocols.http import Framing, Head, RequestLine, StatusLine
from testbed.transport_security.mta_sts import MAX_POLICY_OCTETS

_MOST_FORM = 4 << 10  # octets kept of a form, which may hold a password
MOST_REPORT = 1 << 20  # octets kept of a report on TLS
OCTETS_MISSING = "octets of it are missing from the capture"
"""The trouble of a message of which nobody knows how much there was."""


@dataclass(slots=True)
class Message:
    """A message on its way.  ``body`` counts the octets of content, ``octets`` all that were sent for it.

    ``begun_ns`` is the time of the start line, ``time_ns`` that of the last octet so far.  ``trouble`` tells in words
    why it is not whole, ``cut_off`` that the sender went in the middle of it.  One ``of_unknown`` is a reply to a
    request that is not in the capture, perhaps HEAD, and has no body then.  ``form``, ``policy`` and ``report`` are
    bodies of which the beginning is kept.
    """

    start: RequestLine | StatusLine
    begun_ns: int
    head: Head = field(default_factory=Head)
    framing: Framing | None = None
    frames: dict[int, None] = field(default_factory=dict)
    last_frame: int = 0
    time_ns: int = 0
    octets: int = 0
    body: int = 0
    missing: int = 0
    form: bytearray | None = None
    policy: bytearray | None = None
    report: bytearray | None = None
    ended: bool = False
    trouble: str = ""
    cut_off: bool = False
    of_unknown: bool = False

    def keep(self, octets: bytes) -> None:
        """The next octets of the body: of some, the beginning is kept."""
        if self.form is not None and not self.missing:
            self.form += octets[: max(0, _MOST_FORM - len(self.form))]
        if self.policy is not None:
            self.policy += octets[: MAX_POLICY_OCTETS + 1 - len(self.policy)]
        if self.report is not None:
            self.report += octets[: MOST_REPORT + 1 - len(self.report)]

    @property
    def may_be_empty(self) -> bool:
        """Whether it may have no body, whatever its header says."""
        return self.of_unknown and not self.body

    def told_frames(self) -> tuple[int, ...]:
        """The frames of its header, and its last one."""
        return tuple(dict.fromkeys((*self.frames, self.last_frame)))


class Owner(Protocol):
    """Who makes sense of the messages of both sides."""

    def started(self, side: int, message: Message) -> None:
        """A start line was read."""

    def headed(self, side: int, message: Message) -> Framing:
        """The header is complete: where does the body end?"""

    def ended(self, side: int, message: Message) -> None:
        """The message is over, whole or not."""

    def stuck(self, side: int, frames: tuple[int, ...], words: str) -> None:
        """The octets that come cannot be followed."""

    def hole(self, side: int) -> None:
        """Octets are missing, perhaps whole messages."""

"""What a relay found of a message when it came, sealed into it when it goes on (RFC 8617)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:  # the libraries of signatures take their time: only who seals loads them
    from testbed.authentication.arc import Chain
    from testbed.hosts.forwarding.signer import Signer


class Finding(Struct, frozen=True):
    """The chain that a message came with, and the value of Authentication-Results for it."""

    chain: Chain
    results: str


class Sealer:
    """Seals in the name of a relay, with the key that it signs with; ``now`` gives seconds since 1970."""

    def __init__(self, signer: Signer, now: Callable[[], float]) -> None:
        self._signer = signer
        self._now = now

    def sealed(self, content: bytes, found: Finding) -> bytes:
        """The message as it goes on, with its next ARC set on top; without one where the chain is broken for good."""
        from testbed.authentication.arc import seal

        signer = self._signer
        now = int(self._now())
        return seal(content, found.chain, found.results, signer.key, signer.domain, signer.selector, now=now) + content

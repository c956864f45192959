"""What a relay wants of TLS on its way to the next hop."""

from __future__ import annotations

from pydantic import Field

from testbed.scenario.checks import Checking
from testbed.scenario.problems import Found
from testbed.scenario.security import OBEYING, TlsPolicies


class TowardsNextHops(Checking):
    """TLS as the relay wants it, or as domains publish it."""

    tls: TlsPolicies = Field(
        default_factory=dict,
        description="Whether it wants TLS on its way to the next hop, for every domain or a mapping from domains.",
    )

    @property
    def obeys(self) -> bool:
        """Whether it goes by what domains publish of TLS."""
        return any(policy in OBEYING for policy in self.tls.values())

    def _nothing_to_report(self) -> Found:
        if not self.obeys:
            yield ("reports",), "reports are about DMARC and TLS; add dmarc to 'checks', or say 'tls: published'"

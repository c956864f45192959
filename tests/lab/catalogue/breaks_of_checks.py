"""Ways to break what a mail server checks of who a message is from."""

from __future__ import annotations

import pytest

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.smtp.judge import Judge


def checks_nothing(patch: pytest.MonkeyPatch) -> None:
    """A receiver that lets everybody pass unchecked."""

    async def passes(self: Judge, session: object, envelope: EsmtpEnvelope, what: object) -> str:
        return ""

    patch.setattr(Judge, "recipient", passes)
    patch.setattr(Judge, "message", passes)

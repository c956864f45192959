"""What relays that sign, forward and write senders anew may do wrong."""

from __future__ import annotations

import pytest

from testbed.hosts.forwarding.signer import Signer
from testbed.hosts.queue.runner import QueueRunner
from testbed.protocols.srs import SenderRewriting


def signs_nothing(patch: pytest.MonkeyPatch) -> None:
    """A relay that forgets to sign."""
    patch.setattr(Signer, "signed", lambda self, content: content)


def signs_nothing_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """A relay that signs what its users send, and forgets its notifications and reports."""
    patch.setattr(QueueRunner, "send", QueueRunner.enqueue)


def sends_bounces_elsewhere(patch: pytest.MonkeyPatch) -> None:
    """A forwarder that does not find out for whom it wrote an address."""
    patch.setattr(SenderRewriting, "reversed", lambda self, address, now: "nobody@crepes.fr")

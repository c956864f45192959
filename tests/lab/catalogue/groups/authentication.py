"""Who may send for a domain, and what becomes of mail that fails: SPF, DKIM, DMARC, PTR, block lists."""

from __future__ import annotations

import pytest

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.forwarding.signer import Signer
from testbed.hosts.smtp.judge import Judge
from testbed.protocols.srs import SenderRewriting
from tests.lab.catalogue.group import Break

FINDINGS = {
    "bounce-finds-its-way-back": "user-unknown",
    "key-gone-in-flight": "refused-for-now",
    "key-published-another-one-1024-another-key-fail": "",
    "key-published-as-it-should-be-1024-key-pass": "",
    "key-published-missing-1024-nothing-permerror": "",
    "key-published-revoked-1024-revoked-permerror": "",
    "key-published-too-short-768-key-permerror": "",
    "list-and-dmarc-a-footer-Leave-at-lists.example--keep-pass-fail-refuse-0": "refused-for-good",
    "list-and-dmarc-a-tag-to-the-subject--team-keep-pass-fail-refuse-0": "refused-for-good",
    "list-and-dmarc-both-under-its-own-From-Leave-at-lists.example-team-munge-pass-pass-accept-1": "",
    "list-and-dmarc-nothing---keep-pass-pass-accept-1": "",
    "ways-of-forwarding-as-it-came-False-False-keep-False-fail-pass-none-pass-accept-1": "",
    "ways-of-forwarding-encoded-and-from-another-sender-True-False-keep-True-pass-fail-none-fail-refuse-0": (
        "refused-for-good"
    ),
    "ways-of-forwarding-encoded-and-sealed-True-True-keep-True-pass-fail-pass-fail-accept-1": "",
    "ways-of-forwarding-encoded-and-under-its-own-From-True-False-own-True-pass-pass-none-pass-accept-1": "",
    "ways-of-forwarding-encoded-anew-False-False-keep-True-fail-fail-none-fail-refuse-0": "refused-for-good",
    "aligned-crepes.fr-r-pass-250": "",
    "aligned-mail.crepes.fr-r-pass-250": "",
    "aligned-mail.crepes.fr-s-fail-550": "refused-for-good",
    "block-list-127.0.0.2-2.0.0.127-listed-refuse": "not-authorised",
    "block-list-127.0.0.3-1.0.0.127-broken-accept": "",
    "block-list-127.255.255.254-2.0.0.127-refused-accept": "",
    "bulk-sender-gmail-550-5.7.30": "refused-for-good",
    "bulk-sender-outlook-550-5.7.515": "refused-for-good",
    "bulk-sender-yahoo-554-5.7.9": "refused-for-good",
    "dmarc-fails-none-accept-1-1-0": "",
    "dmarc-fails-quarantine-junk-1-0-1": "",
    "dmarc-fails-reject-refuse-0-0-0": "refused-for-good",
    "forged-results": "credentials-in-clear",
    "no-name-none-permerror": "refused-for-good",
    "no-name-someone.example-fail": "host-unknown refused-for-good",
    "policy-unknown-for-now": "delivery-retried name-server-failure refused-for-now",
    "signed-message-as-it-is-Is-dinner-ready-Are-you-hungry-yet-pass": "",
    "signed-message-with-another-subject-family-Is-dinner-ready-Are-you-hungry-yet-fail": "",
    "signed-message-with-another-text-Is-dinner-ready-Are-you-thirsty-yet-fail": "",
    "spf-fails": "refused-for-good",
    "two-authors-alice-crepes.fr-eve-mallory.example": "not-authorised",
    "two-authors-alice-crepes.fr-mallory-mallory.example": "not-authorised",
    "unauthenticated-gmail-refuse-550-5.7.26": "refused-for-good",
    "unauthenticated-outlook-accept-250-2.0.0": "",
    "unauthenticated-yahoo-refuse-554-5.7.9": "refused-for-good",
}


def checks_nothing(patch: pytest.MonkeyPatch) -> None:
    """A receiver that lets everybody pass unchecked."""

    async def passes(self: Judge, session: object, envelope: EsmtpEnvelope, what: object) -> str:
        return ""

    patch.setattr(Judge, "recipient", passes)
    patch.setattr(Judge, "message", passes)


def signs_nothing(patch: pytest.MonkeyPatch) -> None:
    """A relay that forgets to sign."""
    patch.setattr(Signer, "signed", lambda self, content: content)


def sends_bounces_elsewhere(patch: pytest.MonkeyPatch) -> None:
    """A forwarder that does not find out for whom it wrote an address."""
    patch.setattr(SenderRewriting, "reversed", lambda self, address, now: "nobody@crepes.fr")


GUARDS: dict[str, Break] = {
    "bounce-finds-its-way-back": sends_bounces_elsewhere,
    "key-gone-in-flight": signs_nothing,
    "key-published": signs_nothing,
    "list-and-dmarc": signs_nothing,
    "ways-of-forwarding": signs_nothing,
    "aligned": checks_nothing,
    "block-list": checks_nothing,
    "bulk-sender": checks_nothing,
    "dmarc-fails": checks_nothing,
    "forged-results": checks_nothing,
    "no-name": checks_nothing,
    "policy-unknown-for-now": checks_nothing,
    "signed-message": checks_nothing,
    "spf-fails": checks_nothing,
    "two-authors": checks_nothing,
    "unauthenticated": checks_nothing,
}

"""Who may send for a domain, and what becomes of mail that fails: SPF, DKIM, DMARC, PTR, block lists."""

from __future__ import annotations

import pytest

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.smtp.judge import Judge
from tests.lab.catalogue.group import Break

FINDINGS = {
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


GUARDS: dict[str, Break] = {
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

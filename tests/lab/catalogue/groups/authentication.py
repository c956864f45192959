"""Who may send for a domain, and what becomes of mail that fails: SPF, DKIM, DMARC, PTR, block lists."""

from __future__ import annotations

from tests.lab.catalogue.breaks_of_checks import checks_nothing
from tests.lab.catalogue.group import Break

FINDINGS = {
    "aligned-crepes.fr-r-pass-250": "",
    "aligned-mail.crepes.fr-r-pass-250": "",
    "aligned-mail.crepes.fr-s-fail-550": "refused-for-good",
    "block-list-127.0.0.2-2.0.0.127-listed-refuse": "not-authorised",
    "block-list-127.0.0.3-1.0.0.127-broken-accept": "",
    "block-list-127.255.255.254-2.0.0.127-refused-accept": "",
    "broken-spf-eleven-look-ups-in-SPF": "refused-for-good",
    "broken-spf-no-SPF-for-its-new-server": "refused-for-good",
    "broken-spf-three-void-look-ups-in-SPF": "host-unknown refused-for-good",
    "broken-spf-two-SPF-records": "refused-for-good",
    "dmarc-fails-none-accept-1-1-0": "",
    "dmarc-fails-quarantine-junk-1-0-1": "",
    "dmarc-fails-reject-refuse-0-0-0": "refused-for-good",
    "dmarc-policy-a.b.c.d.e.f.g.h.i.rejects.example-fail-refuse-550-4.10": "refused-for-good",
    "dmarc-policy-gone.not-there.example-fail-refuse-550-4.7": "host-unknown refused-for-good",
    "dmarc-policy-misspelt.example-fail-accept-250-4.10.1": "",
    "dmarc-policy-nothing-published.example-none-accept-250-4.10": "",
    "dmarc-policy-only-testing.example-fail-junk-250-4.7": "",
    "dmarc-policy-percent.example-fail-refuse-550-A.6": "refused-for-good",
    "dmarc-policy-rejects.example-fail-refuse-550-4.7": "refused-for-good",
    "dmarc-policy-sub.rejects.example-fail-refuse-550-4.10.1": "refused-for-good",
    "dmarc-policy-there.not-there.example-fail-accept-250-4.7": "",
    "dmarc-policy-there.only-itself.example-fail-accept-250-4.7": "",
    "dmarc-policy-two-records.example-none-accept-250-4.10": "",
    "dmarc-policy-version-behind.example-none-accept-250-4.8": "",
    "forged-results": "credentials-in-clear",
    "newsletter-mailer.example": "refused-for-good",
    "newsletter-news.crepes.fr": "",
    "newsletter-news.crepes.fr-as-crepes.fr-wishes-aspf-s": "refused-for-good",
    "no-name-none-permerror": "refused-for-good",
    "no-name-someone.example-fail": "host-unknown refused-for-good",
    "policy-unknown-for-now": "delivery-retried name-server-failure refused-for-now",
    "signed-message-as-it-is-Is-dinner-ready-Are-you-hungry-yet-pass": "",
    "signed-message-with-another-subject-family-Is-dinner-ready-Are-you-hungry-yet-fail": "",
    "signed-message-with-another-text-Is-dinner-ready-Are-you-thirsty-yet-fail": "",
    "spf-fails": "refused-for-good",
    "two-authors-alice-crepes.fr-eve-mallory.example": "not-authorised",
    "two-authors-alice-crepes.fr-mallory-mallory.example": "not-authorised",
}

GUARDS: dict[str, Break] = {
    "aligned": checks_nothing,
    "block-list": checks_nothing,
    "broken-spf": checks_nothing,
    "dmarc-fails": checks_nothing,
    "dmarc-policy": checks_nothing,
    "forged-results": checks_nothing,
    "newsletter": checks_nothing,
    "no-name": checks_nothing,
    "policy-unknown-for-now": checks_nothing,
    "signed-message": checks_nothing,
    "spf-fails": checks_nothing,
    "two-authors": checks_nothing,
}

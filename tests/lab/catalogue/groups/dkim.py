"""DKIM: what a signature covers, what it bears on its way, and whose it is."""

from __future__ import annotations

from tests.lab.catalogue.breaks_of_checks import checks_nothing
from tests.lab.catalogue.group import Break

FINDINGS = {
    "key-unknown-for-now-SERVFAIL": "delivery-retried dkim-temperror name-server-failure refusal-borne-out refused-for-now",  # noqa: E501
    "key-unknown-for-now-silent": "delivery-retried name-server-silent refused-for-now",
    "signature-flaws-From-not-covered": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-a-NUL-in-the-selector": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-a-key-of-another-type": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-a-parenthesis-in-d": "refused-for-good",
    "signature-flaws-a-subdomain-s": "",
    "signature-flaws-another-From-on-top": "not-authorised",
    "signature-flaws-another-From-on-top-and-From-is-oversigned": "dkim-fail not-authorised",
    "signature-flaws-another-Subject-on-top": "",
    "signature-flaws-another-Subject-on-top-and-Subject-is-oversigned": "dkim-fail dmarc-fail refusal-borne-out refused-for-good",  # noqa: E501
    "signature-flaws-another-one-beside-it": "dkim-fail",
    "signature-flaws-expired": "dkim-fail dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-i-of-a-subdomain-and-a-key-that-forbids-it": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",  # noqa: E501
    "signature-flaws-i-of-another-domain": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-l-and-text-behind-it": "",
    "signature-flaws-l-beyond-the-end": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-l-of-nothing-and-another-text": "",
    "signature-flaws-made-with-SHA-1": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-no-such-key": "dkim-permerror dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-nothing": "",
    "signature-flaws-nothing-but-that-a-stranger-replays-it": "",
    "signature-flaws-of-a-version-to-come": "dmarc-fail refusal-borne-out refused-for-good",
    "signature-flaws-somebody-else-s": "dmarc-fail refusal-borne-out refused-for-good",
    "signed-in-transit-relaxed-a-Received-field": "",
    "signed-in-transit-relaxed-a-blank-at-the-end-of-a-line": "",
    "signed-in-transit-relaxed-a-dot-too-many": "dkim-fail",
    "signed-in-transit-relaxed-a-footer": "dkim-fail",
    "signed-in-transit-relaxed-a-line-wrapped": "dkim-fail",
    "signed-in-transit-relaxed-a-tag-in-the-subject": "dkim-fail",
    "signed-in-transit-relaxed-blanks-before-the-subject": "",
    "signed-in-transit-relaxed-empty-lines-at-the-end": "",
    "signed-in-transit-relaxed-encoded-anew": "dkim-fail",
    "signed-in-transit-relaxed-field-names-in-capitals": "",
    "signed-in-transit-relaxed-nothing": "",
    "signed-in-transit-simple-a-Received-field": "",
    "signed-in-transit-simple-a-blank-at-the-end-of-a-line": "dkim-fail",
    "signed-in-transit-simple-a-dot-too-many": "dkim-fail",
    "signed-in-transit-simple-a-footer": "dkim-fail",
    "signed-in-transit-simple-a-line-wrapped": "dkim-fail",
    "signed-in-transit-simple-a-tag-in-the-subject": "dkim-fail",
    "signed-in-transit-simple-blanks-before-the-subject": "dkim-fail",
    "signed-in-transit-simple-empty-lines-at-the-end": "",
    "signed-in-transit-simple-encoded-anew": "dkim-fail",
    "signed-in-transit-simple-field-names-in-capitals": "dkim-fail",
    "signed-in-transit-simple-nothing": "",
}

GUARDS: dict[str, Break] = {
    "key-unknown-for-now": checks_nothing,
    "signature-flaws": checks_nothing,
    "signed-in-transit": checks_nothing,
}

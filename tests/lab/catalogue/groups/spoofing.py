"""Messages that claim to be somebody else's."""

from __future__ import annotations

from tests.lab.catalogue.breaks_of_checks import checks_nothing
from tests.lab.catalogue.group import Break

FINDINGS = {
    "composition-EHLO-says-the-bank": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-EHLO-says-the-bank-and-MAIL-FROM-nothing": "dmarc-fail refusal-borne-out refused-for-good spf-fail",
    "composition-a-blank-before-the-colon": "not-authorised",
    "composition-a-comment-in-the-address": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-a-field-in-other-letters": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-a-folded-field": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-a-group": "not-authorised",
    "composition-a-quoted-local-part-with-the-bank-in-it": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-a-quoted-pair-before-the-comma": "not-authorised",
    "composition-a-route": "not-authorised",
    "composition-a-subdomain-in-From-that-is-not-there": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-a-subdomain-in-MAIL-FROM-that-is-not-there": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-an-address-before-the-address": "not-authorised",
    "composition-an-address-behind-the-address": "not-authorised",
    "composition-an-empty-MAIL-FROM": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-no-From-but-Resent-From": "not-authorised",
    "composition-no-From-but-a-Sender": "not-authorised",
    "composition-the-plain-lie": "dmarc-fail refusal-borne-out refused-for-good",
    "composition-two-From-fields": "not-authorised",
    "composition-two-From-fields-the-other-way-round": "not-authorised",
    "composition-two-addresses": "not-authorised",
    "composition-two-angles": "not-authorised",
    "shown-name-Reply-To": "",
    "shown-name-a-comment": "",
    "shown-name-a-domain-that-looks-alike": "",
    "shown-name-a-name-that-is-an-address": "",
    "shown-name-an-encoded-name": "",
    "shown-name-the-bank-s-words": "",
}

GUARDS: dict[str, Break] = {
    "composition": checks_nothing,
    "shown-name": checks_nothing,
}

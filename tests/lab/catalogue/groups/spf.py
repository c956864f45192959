"""SPF: which servers a domain allows to send for it."""

from __future__ import annotations

from tests.lab.catalogue.breaks_of_checks import checks_nothing
from tests.lab.catalogue.group import Break

FINDINGS = {
    "spf-refused-IPv4-only-alice-old.example-5.6-ipv6": "refusal-borne-out refused-for-good spf-fail",
    "spf-refused-a-name-that-does-not-lead-back-alice-named.example-5.5-ipv4": "refusal-borne-out refused-for-good spf-fail",  # noqa: E501
    "spf-refused-an-address-is-missing-alice-missing.example-8.4-ipv4": "refusal-borne-out refused-for-good spf-fail",
    "spf-refused-an-empty-MAIL-FROM--2.4-ipv4": "refusal-borne-out refused-for-good spf-fail",
    "spf-refused-another-user-mallory-users.example-7.2-ipv4": "host-unknown refusal-borne-out refused-for-good spf-fail",  # noqa: E501
    "spf-refused-the-text-behind-a-plus-alice-news-users.example-7.3-ipv4": "host-unknown refusal-borne-out refused-for-good spf-fail",  # noqa: E501
    "spf-taken-behind-all.example-softfail-5.1": "spf-softfail",
    "spf-taken-eleven-exchangers.example-permerror-4.6.4": "spf-permerror",
    "spf-taken-eleven-lookups.example-permerror-4.6.4": "spf-permerror",
    "spf-taken-everybody.example-pass-5.1": "",
    "spf-taken-glued-strings.example-permerror-3.3": "spf-permerror",
    "spf-taken-include-of-nothing.example-permerror-5.2": "spf-permerror",
    "spf-taken-include-that-fails.example-pass-5.2": "",
    "spf-taken-includes-itself.example-permerror-4.6.4": "spf-permerror",
    "spf-taken-macro.example-pass-7.2": "",
    "spf-taken-misspelt.example-permerror-4.6": "spf-permerror",
    "spf-taken-neutral.example-neutral-8.2": "",
    "spf-taken-no-all.example-neutral-4.7": "",
    "spf-taken-ptr.example-pass-5.5": "",
    "spf-taken-redirect-to-nothing.example-permerror-6.1": "spf-permerror",
    "spf-taken-redirect.example-pass-6.1": "",
    "spf-taken-softfail.example-softfail-8.5": "spf-softfail",
    "spf-taken-sub.redirect.example-none-4.5": "",
    "spf-taken-ten-lookups.example-pass-4.6.4": "",
    "spf-taken-three-void-lookups.example-permerror-4.6.4": "domain-unknown host-unknown spf-permerror",
    "spf-taken-two-records.example-permerror-4.5": "spf-permerror",
    "spf-taken-two-void-lookups.example-pass-4.6.4": "domain-unknown host-unknown",
    "spf-unknown-for-now-SERVFAIL": "delivery-retried name-server-failure refused-for-now spf-temperror",
    "spf-unknown-for-now-silent": "delivery-retried name-server-silent refused-for-now",
}

GUARDS: dict[str, Break] = {
    "spf-refused": checks_nothing,
    "spf-taken": checks_nothing,
    "spf-unknown-for-now": checks_nothing,
}

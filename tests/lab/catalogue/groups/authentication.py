"""Who may send for a domain, and what becomes of mail that fails: SPF, DKIM, DMARC, PTR, block lists."""

from __future__ import annotations

from tests.lab.catalogue.breaks_of_checks import (
    checks_nothing,
    has_the_rules_of_another,
    keeps_forged_results,
    refuses_what_could_not_be_asked,
    reports_nothing,
    reports_to_whoever_is_named,
    takes_every_name,
    takes_every_pass_for_all_there_is,
    takes_no_spf_fail_for_one,
    takes_nobody_for_bulk,
    takes_the_last_author,
    tells_nobody_of_failures,
    turns_alignment_round,
    turns_block_lists_round,
    turns_policies_round,
    turns_signatures_round,
)
from tests.lab.catalogue.breaks_of_signers import sends_bounces_elsewhere, signs_nothing
from tests.lab.catalogue.group import Break

FINDINGS = {
    "aggregate-report": "dmarc-fail refusal-borne-out refused-for-good spf-fail",
    "aligned-crepes.fr-r-pass-250": "",
    "aligned-mail.crepes.fr-r-pass-250": "",
    "aligned-mail.crepes.fr-s-fail-550": "dmarc-fail refusal-borne-out refused-for-good",
    "block-list-127.0.0.2-2.0.0.127-listed-refuse": "not-authorised refusal-borne-out",
    "block-list-127.0.0.3-1.0.0.127-broken-accept": "",
    "block-list-127.255.255.254-2.0.0.127-refused-accept": "",
    "bounce-finds-its-way-back": "user-unknown",
    "broken-spf-eleven-look-ups-in-SPF": "dmarc-fail refusal-borne-out refused-for-good spf-permerror",
    "broken-spf-no-SPF-for-its-new-server": "dmarc-fail refusal-borne-out refused-for-good spf-fail",
    "broken-spf-three-void-look-ups-in-SPF": "dmarc-fail host-unknown refusal-borne-out refused-for-good spf-permerror",
    "broken-spf-two-SPF-records": "dmarc-fail refusal-borne-out refused-for-good spf-permerror",
    "bulk-sender-gmail-550-5.7.30": "refusal-borne-out refused-for-good",
    "bulk-sender-outlook-550-5.7.515": "refused-for-good",
    "bulk-sender-yahoo-554-5.7.9": "refused-for-good",
    "dmarc-fails-none-accept-1-1-0": "dmarc-fail spf-fail",
    "dmarc-fails-quarantine-junk-1-0-1": "dmarc-fail spf-fail",
    "dmarc-fails-reject-refuse-0-0-0": "dmarc-fail refusal-borne-out refused-for-good spf-fail",
    "dmarc-policy-a.b.c.d.e.f.g.h.i.rejects.example-fail-refuse-550-4.10": "dmarc-fail refusal-borne-out refused-for-good",  # noqa: E501
    "dmarc-policy-gone.not-there.example-fail-refuse-550-4.7": "dmarc-fail host-unknown refusal-borne-out refused-for-good",  # noqa: E501
    "dmarc-policy-misspelt.example-fail-accept-250-4.10.1": "dmarc-fail",
    "dmarc-policy-nothing-published.example-none-accept-250-4.10": "",
    "dmarc-policy-only-testing.example-fail-junk-250-4.7": "dmarc-fail",
    "dmarc-policy-percent.example-fail-refuse-550-A.6": "dmarc-fail refusal-borne-out refused-for-good",
    "dmarc-policy-rejects.example-fail-refuse-550-4.7": "dmarc-fail refusal-borne-out refused-for-good",
    "dmarc-policy-sub.rejects.example-fail-refuse-550-4.10.1": "dmarc-fail refusal-borne-out refused-for-good",
    "dmarc-policy-there.not-there.example-fail-accept-250-4.7": "dmarc-fail",
    "dmarc-policy-there.only-itself.example-fail-accept-250-4.7": "dmarc-fail",
    "dmarc-policy-two-records.example-none-accept-250-4.10": "",
    "dmarc-policy-version-behind.example-none-accept-250-4.8": "",
    "failure-report": "dmarc-fail refusal-borne-out refused-for-good spf-fail",
    "failure-report-of-mail-that-passes": "",
    "forged-results": "credentials-in-clear dmarc-fail",
    "key-gone-in-flight": "dkim-permerror refused-for-now",
    "key-published-another-one-1024-another-key-fail": "dkim-fail",
    "key-published-as-it-should-be-1024-key-pass": "",
    "key-published-missing-1024-nothing-permerror": "dkim-permerror",
    "key-published-revoked-1024-revoked-permerror": "dkim-permerror",
    "key-published-too-short-768-key-permerror": "dkim-permerror",
    "list-and-dmarc-a-footer-Leave-at-lists.example--keep-pass-fail-refuse-0": "dmarc-fail refusal-borne-out refused-for-good signature-broken-on-the-way",  # noqa: E501
    "list-and-dmarc-a-tag-to-the-subject--team-keep-pass-fail-refuse-0": "dmarc-fail refusal-borne-out refused-for-good signature-broken-on-the-way",  # noqa: E501
    "list-and-dmarc-both-under-its-own-From-Leave-at-lists.example-team-munge-pass-pass-accept-1": "signature-broken-on-the-way",  # noqa: E501
    "list-and-dmarc-nothing---keep-pass-pass-accept-1": "",
    "newsletter-mailer.example": "dmarc-fail refusal-borne-out refused-for-good",
    "newsletter-news.crepes.fr": "",
    "newsletter-news.crepes.fr-as-crepes.fr-wishes-aspf-s": "dmarc-fail refusal-borne-out refused-for-good",
    "no-name-none-permerror": "refusal-borne-out refused-for-good",
    "no-name-someone.example-fail": "host-unknown refusal-borne-out refused-for-good",
    "policy-unknown-for-now": "delivery-retried name-server-failure refused-for-now",
    "report-not-agreed": "",
    "report-refused": "user-unknown",
    "signed-message-as-it-is-Is-dinner-ready-Are-you-hungry-yet-pass": "",
    "signed-message-with-another-subject-family-Is-dinner-ready-Are-you-hungry-yet-fail": "dkim-fail",
    "signed-message-with-another-text-Is-dinner-ready-Are-you-thirsty-yet-fail": "dkim-fail",
    "spf-fails": "refusal-borne-out refused-for-good spf-fail",
    "two-authors-alice-crepes.fr-eve-mallory.example": "not-authorised",
    "two-authors-alice-crepes.fr-mallory-mallory.example": "not-authorised",
    "unauthenticated-gmail-refuse-550-5.7.26": "refusal-borne-out refused-for-good",
    "unauthenticated-outlook-accept-250-2.0.0": "",
    "unauthenticated-yahoo-refuse-554-5.7.9": "refused-for-good",
    "ways-of-forwarding-as-it-came-False-False-keep-False-fail-pass-none-pass-accept-1": "spf-fail",
    "ways-of-forwarding-encoded-and-from-another-sender-True-False-keep-True-pass-fail-none-fail-refuse-0": "dmarc-fail refusal-borne-out refused-for-good signature-broken-on-the-way",  # noqa: E501
    "ways-of-forwarding-encoded-and-sealed-True-True-keep-True-pass-fail-pass-fail-accept-1": "dmarc-fail signature-broken-on-the-way",  # noqa: E501
    "ways-of-forwarding-encoded-and-under-its-own-From-True-False-own-True-pass-pass-none-pass-accept-1": "signature-broken-on-the-way",  # noqa: E501
    "ways-of-forwarding-encoded-anew-False-False-keep-True-fail-fail-none-fail-refuse-0": "dmarc-fail refusal-borne-out refused-for-good signature-broken-on-the-way spf-fail",  # noqa: E501
}

GUARDS: dict[str, Break] = {
    "bounce-finds-its-way-back": sends_bounces_elsewhere,
    "key-gone-in-flight": signs_nothing,
    "key-published": signs_nothing,
    "list-and-dmarc": signs_nothing,
    "ways-of-forwarding": signs_nothing,
    "aggregate-report": reports_nothing,
    "aligned": turns_alignment_round,
    "block-list": turns_block_lists_round,
    "broken-spf": checks_nothing,
    "bulk-sender": takes_nobody_for_bulk,
    "dmarc-fails": turns_policies_round,
    "dmarc-policy": checks_nothing,
    "failure-report": tells_nobody_of_failures,
    "failure-report-of-mail-that-passes": takes_every_pass_for_all_there_is,
    "forged-results": keeps_forged_results,
    "newsletter": turns_alignment_round,
    "no-name": takes_every_name,
    "policy-unknown-for-now": refuses_what_could_not_be_asked,
    "report-not-agreed": reports_to_whoever_is_named,
    "report-refused": reports_nothing,
    "signed-message": turns_signatures_round,
    "spf-fails": takes_no_spf_fail_for_one,
    "two-authors": takes_the_last_author,
    "unauthenticated": has_the_rules_of_another,
}

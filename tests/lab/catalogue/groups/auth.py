"""Users who log in to submit mail."""

from tests.lab.catalogue.breaks import bounces_what_could_wait, never_gives_up
from tests.lab.catalogue.group import Break
from tests.lab.catalogue.tls_breaks import ignores_certificates, lets_nobody_in, takes_any_tls_or_none

FINDINGS = {
    "auth-refused-for-now-587": "refused-for-now",
    "auth-refused-for-now-465": "refused-for-now",
    "logged-in-587": "",
    "logged-in-465": "",
    "password-not-in-clear": "starttls-stripped",
    "submission-needs-tls-587-expired": "tls-certificate-expired",
    "submission-needs-tls-587-wrong-name": "tls-certificate-wrong-name",
    "submission-needs-tls-587-self-signed": "tls-certificate-self-signed",
    "submission-needs-tls-465-expired": "tls-certificate-expired",
    "submission-needs-tls-465-wrong-name": "tls-certificate-wrong-name",
    "submission-needs-tls-465-self-signed": "tls-certificate-self-signed",
    "wrong-password-587": "wrong-credentials",
    "wrong-password-465": "wrong-credentials",
}

GUARDS: dict[str, Break] = {
    "auth-refused-for-now": bounces_what_could_wait,
    "logged-in": lets_nobody_in,
    "password-not-in-clear": takes_any_tls_or_none,
    "submission-needs-tls": ignores_certificates,
    "wrong-password": never_gives_up,
}

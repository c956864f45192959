"""STARTTLS and certificates on the way between servers."""

from tests.lab.catalogue.group import Break
from tests.lab.catalogue.tls_breaks import (
    ignores_certificates,
    insists_on_tls,
    keeps_what_came_in_clear,
    never_asks_for_tls,
    takes_any_tls_or_none,
)

FINDINGS = {
    "any-certificate-expired": "",
    "any-certificate-wrong-name": "",
    "any-certificate-self-signed": "",
    "bad-certificate-expired": "tls-certificate-expired",
    "bad-certificate-wrong-name": "tls-certificate-wrong-name",
    "bad-certificate-self-signed": "tls-certificate-self-signed",
    "command-injected-opportunistic": "commands-behind-starttls",
    "command-injected-required": "commands-behind-starttls",
    "handshake-cut-close": "fell-back-to-clear tls-cut-off",
    "handshake-cut-reset": "connection-reset fell-back-to-clear tls-cut-off",
    "handshake-cut-again-close": "tls-cut-off",
    "handshake-cut-again-reset": "connection-reset tls-cut-off",
    "handshake-fails-handshake-failure": "fell-back-to-clear tls-handshake-failure",
    "handshake-fails-stalled": "fell-back-to-clear tls-stalled",
    "never-any-tls-wrong-name": "tls-certificate-wrong-name",
    "never-any-tls-stripped": "",  # without a connection that offers STARTTLS, nothing proves that it is missing
    "no-tls-no-mail-handshake-failure": "tls-handshake-failure",
    "no-tls-no-mail-stalled": "tls-stalled",
    "no-tls-no-mail-stripped": "starttls-stripped",
    "starttls-refused": "gave-up-without-tls refused-for-now",
    "starttls-refused-in-clear": "plain-after-starttls refused-for-now",
    "starttls-stripped": "starttls-stripped",
    "through-tls-opportunistic": "",
    "through-tls-required": "",
}

GUARDS: dict[str, Break] = {
    "any-certificate": insists_on_tls,
    "bad-certificate": ignores_certificates,
    "command-injected": keeps_what_came_in_clear,
    "handshake-cut": insists_on_tls,
    "handshake-cut-again": takes_any_tls_or_none,
    "handshake-fails": insists_on_tls,
    "never-any-tls": takes_any_tls_or_none,
    "no-tls-no-mail": takes_any_tls_or_none,
    "starttls-refused": takes_any_tls_or_none,
    "starttls-refused-in-clear": insists_on_tls,
    "starttls-stripped": insists_on_tls,
    "through-tls": never_asks_for_tls,
}

"""References that do not come out the same, by the kind of reason."""

from __future__ import annotations

_KINDS: dict[str, tuple[str, ...]] = {
    "a report that a server sends by itself is not recognised as one": (
        *("aggregate-report", "failure-report", "failure-report-of-mail-that-passes", "tls-report"),
        *("tls-report-policy-expired-sts-webpki-invalid", "tls-report-policy-malformed-sts-policy-invalid"),
        *("tls-report-policy-reset-sts-policy-fetch-error", "tls-report-testing-expired-certificate-expired"),
        *(
            "tls-report-testing-handshake-failure-validation-failure",
            "tls-report-testing-stripped-starttls-not-supported",
        ),
        "tls-report-testing-wrong-name-certificate-host-mismatch",
    ),
    "a user agent asks the name server, hears nothing, and shows no connection to time its step by": (
        *("agent-switched-off", "mail-servers-in-between"),
    ),
    "the name server fails in a way whose retries are not told apart": (
        *(
            "key-unknown-for-now-silent",
            "mx-unanswered-garbled",
            "mx-unanswered-wrong-id",
            "spf-unknown-for-now-silent",
        ),
        *("truncated-and-no-tcp", "postfix-mx-unanswered-SERVFAIL", "postfix-unknown-domain"),
    ),
    "a connection dies on the way, at an octet that the packets leave open": (
        *("connection-forgotten-silence", "kept-connection-forgotten-reset", "kept-connection-forgotten-silence"),
        *("large-packets-vanish", "third-ack-never-arrives", "window-stays-closed", "header-of-a-megabyte"),
    ),
    "a program was killed at a moment that no packet shows, and repeats what it had been told was taken": (
        *("postfix-killed-at-a-moment-answered-message-1", "postfix-killed-at-a-moment-been-answered-message-2"),
        *("relay-crashes-having-handed-over-been-answered-message", "relay-crashes-having-handed-over-sent-message"),
    ),
    "a program tries again by a plan of its own": (
        *("postfix-all-mx-down-refused", "postfix-greeting-refused-for-now", "postfix-reset-after-final-dot"),
    ),
    "a mailbox's limit, owner or user that does not show in packets": (
        *("imap-login-refused-nobody", "imap-message-limit", "imap-over-quota", "pop3-login-refused-nobody"),
        *("pop3-mailbox-in-use", "pop3-marked-then-gone-reset", "pop3-command-behind-stls", "rules-of-a-mailbox"),
    ),
    "a mailbox server is another host than the one that takes the mail": (
        *("dovecot-reads-our-maildirs-imap", "dovecot-reads-our-maildirs-pop3", "dovecot-shows-by-imap"),
    ),
    "a notification goes to somebody without a server in the lab": (
        "delay-told-by-relay",
        "given-up",
        "told-of-relaying",
    ),
    "LMTP to a port of SMTP, or a reply of several that is missing": ("lhlo-to-smtp", "lmtp-cut-between-replies-stall"),
    "a policy, a promise or a check whose change between two messages the packets leave open": (
        *(
            "dane-too-late",
            "sts-policy-blocked",
            "sts-run-out-and-blocked",
            "sts-unreachable-huge",
            "no-name-none-permerror",
        ),
        *("forged-results", "signature-flaws-a-parenthesis-in-d", "signature-flaws-another-From-on-top"),
        "ways-of-forwarding-encoded-and-sealed-True-True-keep-True-pass-fail-pass-fail-accept-1",
    ),
    "a lone dot that was refused before it was sent": ("lone-dot",),
    "a body of one long line is made up by its size, in lines as usual": ("line-too-long-1000000",),
    "who signs notifications alone is not seen to sign anything before": ("signed-bounce",),
    "a reply that drips for longer than its client waits": ("slower-than-allowed",),
}
EXCEPTIONS = {name: why for why, names in _KINDS.items() for name in names}

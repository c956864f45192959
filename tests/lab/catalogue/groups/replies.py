"""What servers say."""

from tests.lab.catalogue.breaks import bounces_what_could_wait, never_gives_up
from tests.lab.catalogue.group import Break

FINDINGS = {
    "disk-full": "disk-full",
    "greylisted": "delivery-retried policy-refused-for-now",
    "greylisting-host": "delivery-retried policy-refused-for-now",
    **{
        f"no-reply-at-all-{command}-{how}": f"{retried}{found}".strip()
        for command, retried in {
            "connect": "",
            "EHLO": "",
            "MAIL": "",
            "RCPT": "delivery-retried ",
            "DATA": "delivery-retried ",
        }.items()
        for how, found in {"garble": "reply-not-smtp", "endless": "reply-endless"}.items()
    },
    "over-quota-for-good": "mailbox-full",
    "rate-limit": "policy-refused-for-now",
    "rate-limit-for-good": "not-authorised",
    "rate-limit-told-so-421-4.7.0": "refused-for-now",
    "rate-limit-told-so-451-4.7.1": "policy-refused-for-now",
    "rate-limit-told-so-454-4.7.0": "refused-for-now",
    "rate-limited": "refused-for-now",
    "refused-for-good-MAIL-550-5.7.1-Not-wanted": "not-authorised",
    "refused-for-good-MAIL-554-5.7.1-Transaction-failed": "not-authorised",
    "refused-for-good-RCPT-550-5.7.1-Not-wanted": "not-authorised",
    "refused-for-good-RCPT-554-5.7.1-Transaction-failed": "not-authorised",
    "refused-for-good-message-550-5.7.1-Not-wanted": "not-authorised",
    "refused-for-good-message-554-5.7.1-Transaction-failed": "not-authorised",
    "refused-for-now-MAIL-450-4.2.1-Mailbox-disabled": "refused-for-now",
    "refused-for-now-MAIL-451-4.3.0-Local-error": "refused-for-now",
    "refused-for-now-MAIL-452-4.3.1-Disk-full": "disk-full",
    "refused-for-now-RCPT-450-4.2.1-Mailbox-disabled": "delivery-retried refused-for-now",
    "refused-for-now-RCPT-451-4.3.0-Local-error": "delivery-retried refused-for-now",
    "refused-for-now-RCPT-452-4.3.1-Disk-full": "delivery-retried disk-full",
    "refused-for-now-DATA-450-4.2.1-Mailbox-disabled": "delivery-retried refused-for-now",
    "refused-for-now-DATA-451-4.3.0-Local-error": "delivery-retried refused-for-now",
    "refused-for-now-DATA-452-4.3.1-Disk-full": "delivery-retried disk-full",
    "refused-for-now-message-450-4.2.1-Mailbox-disabled": "delivery-retried refused-for-now",
    "refused-for-now-message-451-4.3.0-Local-error": "delivery-retried refused-for-now",
    "refused-for-now-message-452-4.3.1-Disk-full": "delivery-retried disk-full",
    "three-fates": "delivery-retried refused-for-good refused-for-now",
    "unknown-code-for-good-540": "refused-for-good",
    "unknown-code-for-good-577": "refused-for-good",
    "unknown-code-for-good-599": "refused-for-good",
    "unknown-code-430": "delivery-retried refused-for-now",
    "unknown-code-459": "delivery-retried refused-for-now",
    "unknown-code-499": "delivery-retried refused-for-now",
}

GUARDS: dict[str, Break] = {
    "disk-full": bounces_what_could_wait,
    "greylisting-host": bounces_what_could_wait,
    "no-reply-at-all": bounces_what_could_wait,
    "rate-limit": bounces_what_could_wait,
    "rate-limit-for-good": never_gives_up,
    "rate-limit-told-so": bounces_what_could_wait,
    "greylisted": bounces_what_could_wait,
    "over-quota-for-good": never_gives_up,
    "rate-limited": bounces_what_could_wait,
    "refused-for-good": never_gives_up,
    "refused-for-now": bounces_what_could_wait,
    "three-fates": bounces_what_could_wait,
    "unknown-code-for-good": never_gives_up,
    "unknown-code": bounces_what_could_wait,
}

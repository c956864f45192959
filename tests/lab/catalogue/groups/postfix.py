"""Postfix as the relay: scenarios of the other groups, with one host replaced."""

from __future__ import annotations

import pytest

from testbed.hosts.site import Site
from testbed.lab.program_environment import ProgramEnvironment
from tests.lab.catalogue.group import Break


def configured(settings: str, doc: str) -> Break:
    """Postfix with other settings, put in last: they count whatever a scenario asks for."""

    def break_it(patch: pytest.MonkeyPatch) -> None:
        write = ProgramEnvironment.write_files

        def with_settings(self: ProgramEnvironment, site: Site) -> None:
            write(self, site)
            start = site.directory / "start"
            last = "".join(f"postconf -c etc -e '{setting}'\n" for setting in settings.splitlines())
            start.write_text(start.read_text().replace("exec postfix", f"{last}exec postfix"))

        patch.setattr(ProgramEnvironment, "write_files", with_settings)

    break_it.__doc__ = doc
    return break_it


gives_up_at_once = configured("maximal_queue_lifetime = 0", "Postfix takes every failure for final.")
never_gives_up = configured("maximal_queue_lifetime = 5d", "Postfix goes on for five real days.")
takes_nothing_for_final = configured("soft_bounce = yes", "Postfix takes no refusal for final.")
knows_one_server = configured("smtp_mx_address_limit = 1", "Postfix tries no other mail server than the first.")
sends_it_elsewhere = configured("relayhost = [192.0.2.1]", "Postfix sends everything to a host outside the lab.")

tries_once_an_hour = configured(
    "queue_run_delay = 1h\nminimal_backoff_time = 1h\nmaximal_backoff_time = 1h", "Postfix tries once in a real hour."
)

_NO_ANSWER = "connection-reset delivery-retried duplicate-possible reply-to-message-lost"

FINDINGS = {
    "postfix-all-mx-down-refused": "connection-refused",
    "postfix-delivered": "",
    "postfix-disk-full": "delivery-retried disk-full",
    "postfix-full-beside-room-452-4.2.2-Mailbox-full": "delivery-retried mailbox-full",
    "postfix-greeting-refused-for-now": "refused-for-now",
    "postfix-greylisting-host": "delivery-retried policy-refused-for-now",
    "postfix-host-unreachable": "host-unreachable",
    "postfix-implicit-mx-ipv4": "implicit-mx",
    "postfix-implicit-mx-ipv6": "implicit-mx",
    "postfix-killed-at-a-moment-answered-message-1": "answer-not-captured? connection-reset",
    "postfix-killed-at-a-moment-been-answered-message-2": "",
    "postfix-killed-at-a-moment-been-asked-message-1": _NO_ANSWER,
    "postfix-killed-at-a-moment-done-message-2": "answer-not-captured? connection-reset",
    "postfix-lmtp": "delivery-retried mailbox-full",
    "postfix-mailbox-full": "delivery-retried mailbox-full",
    "postfix-mailbox-full-five-days": "delivery-retried mailbox-full",
    "postfix-mx-unanswered-SERVFAIL": "name-server-failure",
    "postfix-null-mx": "null-mx",
    "postfix-on-its-own-clock": "delivery-retried mailbox-full",
    "postfix-rate-limit": "delivery-retried no-quit? policy-refused-for-now",
    "postfix-refused-for-good-RCPT-554-5.7.1-Transaction-failed": "not-authorised",
    "postfix-refused-for-good-message-554-5.7.1-Transaction-failed": "not-authorised",
    "postfix-relay-crashes-while-mail-waits": "connection-refused? delivery-retried refused-for-now",
    "postfix-reset-after-final-dot": _NO_ANSWER,
    "postfix-second-mx": "connection-refused",
    "postfix-unknown-domain": "domain-unknown host-unknown",
    "postfix-unknown-user": "user-unknown",
}

GUARDS: dict[str, Break] = {
    "postfix-all-mx-down": gives_up_at_once,
    "postfix-delivered": sends_it_elsewhere,
    "postfix-disk-full": gives_up_at_once,
    "postfix-full-beside-room": gives_up_at_once,
    "postfix-greeting-refused-for-now": gives_up_at_once,
    "postfix-greylisting-host": gives_up_at_once,
    "postfix-host-unreachable": gives_up_at_once,
    "postfix-implicit-mx": sends_it_elsewhere,
    "postfix-killed-at-a-moment": sends_it_elsewhere,
    "postfix-lmtp": gives_up_at_once,
    "postfix-mailbox-full": gives_up_at_once,
    "postfix-mailbox-full-five-days": never_gives_up,
    "postfix-mx-unanswered": never_gives_up,
    "postfix-null-mx": takes_nothing_for_final,
    "postfix-on-its-own-clock": gives_up_at_once,
    "postfix-rate-limit": tries_once_an_hour,
    "postfix-refused-for-good": takes_nothing_for_final,
    "postfix-relay-crashes-while-mail-waits": gives_up_at_once,
    "postfix-reset-after-final-dot": gives_up_at_once,
    "postfix-second-mx": knows_one_server,
    "postfix-unknown-domain": takes_nothing_for_final,
    "postfix-unknown-user": takes_nothing_for_final,
}

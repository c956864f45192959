"""Servers that cannot be reached, or greet badly."""

from tests.lab.catalogue.breaks import bounces_what_could_wait, knows_the_first_server_only, never_gives_up
from tests.lab.catalogue.group import Break

FINDINGS = {
    "all-mx-down-refused": "connection-refused",
    "all-mx-down-unreachable": "host-unreachable",
    "all-mx-down-silent": "syn-unanswered",
    "first-mx-refused-refused": "connection-refused",
    "first-mx-refused-unreachable": "host-unreachable",
    "first-mx-refused-silent": "syn-unanswered",
    "greeting-refused-for-good-554-5.3.2-No-mail-here": "no-quit refused-for-good",
    "greeting-refused-for-good-521-5.3.2-No-mail-here": "refused-for-good",
    "greeting-refused-for-now": "refused-for-now",
    "greeting-refused-then-next-mx-421-4.3.2-Busy": "refused-for-now",
    "greeting-refused-then-next-mx-554-5.3.2-No-mail-here": "no-quit refused-for-good",
    "greeting-refused-then-next-mx-521-5.3.2-No-mail-here": "refused-for-good",
    "no-banner": "no-greeting",
    "syn-swallowed": "syn-unanswered",
}

GUARDS: dict[str, Break] = {
    "all-mx-down": bounces_what_could_wait,
    "first-mx-refused": knows_the_first_server_only,
    "greeting-refused-for-good": never_gives_up,
    "greeting-refused-for-now": bounces_what_could_wait,
    "greeting-refused-then-next-mx": knows_the_first_server_only,
    "no-banner": bounces_what_could_wait,
    "syn-swallowed": bounces_what_could_wait,
}

"""To begin with."""

from tests.lab.catalogue.breaks import (
    bounces_what_could_wait,
    has_no_patience,
    keeps_trying_for_ever,
    knows_the_first_server_only,
    never_gives_up,
    stores_nothing,
    stores_twice,
)
from tests.lab.catalogue.group import Break

FINDINGS = {
    "delivered": "",
    "mailbox-full": "delivery-retried mailbox-full",
    "mailbox-full-five-days": "delivery-retried mailbox-full",
    "mailbox-full-ipv6": "delivery-retried mailbox-full",
    "unknown-user": "user-unknown",
    "host-unreachable": "host-unreachable",
    "second-mx": "connection-refused",
    "unknown-domain": "domain-unknown",
    "syn-lost-twice": "syn-retransmitted",
    "data-segment-lost": "segment-retransmitted",
    "reset-after-final-dot": "connection-reset delivery-retried duplicate-possible reply-to-message-lost",
}

GUARDS: dict[str, Break] = {
    "delivered": stores_nothing,
    "mailbox-full": bounces_what_could_wait,
    "mailbox-full-five-days": keeps_trying_for_ever,
    "mailbox-full-ipv6": bounces_what_could_wait,
    "unknown-user": never_gives_up,
    "host-unreachable": bounces_what_could_wait,
    "second-mx": knows_the_first_server_only,
    "unknown-domain": never_gives_up,
    "syn-lost-twice": has_no_patience,
    "data-segment-lost": stores_twice,
    "reset-after-final-dot": bounces_what_could_wait,
}

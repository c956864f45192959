"""Mail that must come to an end."""

from tests.lab.catalogue.breaks_of_servers import bounces_notifications, counts_every_other_hop
from tests.lab.catalogue.group import Break

FINDINGS = {
    "bounce-undeliverable": "not-authorised user-unknown",
    "mail-loop": "mail-loop",
}

GUARDS: dict[str, Break] = {
    "bounce-undeliverable": bounces_notifications,
    "mail-loop": counts_every_other_hop,
}

"""Mail servers that crash and start again."""

from tests.lab.catalogue.breaks import bounces_what_could_wait
from tests.lab.catalogue.breaks_of_servers import forgets_its_queue, has_no_outbox, promises_without_storing
from tests.lab.catalogue.group import Break

_NO_ANSWER = "connection-reset delivery-retried duplicate-possible reply-to-message-lost"

FINDINGS = {
    "receiver-crashes-connect": "connection-reset server-hung-up",
    "receiver-crashes-MAIL": "connection-reset server-hung-up",
    "receiver-crashes-RCPT": "connection-reset delivery-retried server-hung-up",
    "receiver-crashes-DATA": "connection-reset delivery-retried server-hung-up",
    "receiver-down-for-a-while": "connection-refused",
    "relay-crashes-after-its-250": "connection-reset",
    "relay-crashes-before-its-250": _NO_ANSWER,
    "relay-crashes-before-storing": _NO_ANSWER,
    "relay-crashes-having-handed-over-been-answered-message": "connection-reset",
    "relay-crashes-having-handed-over-sent-message": "connection-reset duplicate-possible",
    "relay-crashes-in-mid-message": "connection-refused connection-reset delivery-retried message-cut-off",
    "relay-crashes-while-it-sends-EHLO": "connection-reset",
    "relay-crashes-while-it-sends-RCPT": "connection-reset delivery-retried",
    "relay-crashes-while-it-sends-DATA": "connection-reset delivery-retried",
    "relay-crashes-while-mail-waits": "delivery-retried refused-for-now",
    "relay-never-comes-back": "connection-reset",
}

GUARDS: dict[str, Break] = {
    "receiver-crashes": bounces_what_could_wait,
    "receiver-down-for-a-while": bounces_what_could_wait,
    "relay-crashes-after-its-250": forgets_its_queue,
    "relay-crashes-before-its-250": forgets_its_queue,
    "relay-crashes-before-storing": has_no_outbox,
    "relay-crashes-having-handed-over": forgets_its_queue,
    "relay-crashes-in-mid-message": has_no_outbox,
    "relay-crashes-while-it-sends": forgets_its_queue,
    "relay-crashes-while-mail-waits": forgets_its_queue,
    "relay-never-comes-back": promises_without_storing,
}

"""Connections that break or fall silent in the dialogue."""

from tests.lab.catalogue.breaks import bounces_what_could_wait
from tests.lab.catalogue.group import Break

FINDINGS = {
    "answer-to-message-lost-reset": "connection-reset delivery-retried duplicate-possible reply-to-message-lost",
    "answer-to-message-lost-close": "delivery-retried duplicate-possible reply-to-message-lost",
    "answer-to-message-lost-stall": "delivery-retried duplicate-possible reply-to-message-lost",
    "cut-connect-reset": "connection-reset server-hung-up",
    "cut-connect-close": "server-hung-up",
    "cut-EHLO-reset": "connection-reset server-hung-up",
    "cut-EHLO-close": "server-hung-up",
    "cut-MAIL-reset": "connection-reset server-hung-up",
    "cut-MAIL-close": "server-hung-up",
    "cut-RCPT-reset": "connection-reset delivery-retried server-hung-up",
    "cut-RCPT-close": "delivery-retried server-hung-up",
    "cut-DATA-reset": "connection-reset delivery-retried server-hung-up",
    "cut-DATA-close": "delivery-retried server-hung-up",
    "stalled-EHLO": "no-reply",
    "stalled-MAIL": "no-reply",
    "stalled-RCPT": "delivery-retried no-reply",
    "stalled-DATA": "delivery-retried no-reply",
}

GUARDS: dict[str, Break] = {
    "answer-to-message-lost": bounces_what_could_wait,
    "cut": bounces_what_could_wait,
    "stalled": bounces_what_could_wait,
}

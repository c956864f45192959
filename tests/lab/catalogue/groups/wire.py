"""What happens to packets on the way."""

import pytest

from testbed.net.wire import Wire
from tests.lab.catalogue.breaks import bounces_what_could_wait, stores_twice
from tests.lab.catalogue.group import Break

FINDINGS = {
    "connection-forgotten-reset": "connection-reset delivery-retried duplicate-possible reply-to-message-lost",
    "connection-forgotten-silence": (
        "connection-dead connection-reset delivery-retried refused-for-now sent-again-needlessly"
    ),
    "corrupted-FIN": "segment-corrupted",
    "corrupted-SYN": "segment-corrupted",
    "corrupted-data": "segment-corrupted",
    "duplicated-ACK": "",
    "duplicated-FIN": "packet-duplicated",
    "duplicated-data": "packet-duplicated",
    "duplicated-SYN": "packet-duplicated",
    "large-packets-vanish": "delivery-retried large-packets-lost refused-for-now",
    "link-down-two-hours": "delivery-retried fin-lost no-reply refused-for-now syn-unanswered",
    "long-way": "",
    "lost-on-the-way-back-FIN": "fin-lost",
    "lost-on-the-way-back-SYN-ACK": "syn-ack-lost",
    "lost-on-the-way-back-data": "segment-retransmitted",
    "lost-on-the-way-back-last-ACK": "fin-ack-lost",
    "lost-on-the-way-there-FIN": "fin-lost",
    "lost-on-the-way-there-SYN": "syn-retransmitted",
    "lost-on-the-way-there-data": "segment-retransmitted",
    "lost-on-the-way-there-third-ACK": "third-ack-lost",
    "message-corrupted": "segment-corrupted",
    "reordered-1": "segment-reordered",
    "reordered-2": "segment-reordered",
    "reset-in-the-message-both": "connection-reset delivery-retried duplicate-possible reply-to-message-lost",
    "reset-in-the-message-receiver": "connection-reset delivery-retried duplicate-possible reply-to-message-lost",
    "reset-in-the-message-sender": "connection-reset delivery-retried duplicate-possible reply-to-message-lost",
    "slow-link": "",
    "smaller-path": "path-mtu-told segment-retransmitted",
    "syn-ack-never-arrives": "handshake-incomplete syn-ack-lost",
    "third-ack-never-arrives": "third-ack-lost",
    "truncated-1": "packet-truncated",
    "truncated-3000": "packet-truncated",
    "uneven-way": "",
    "unreachable-in-the-message-host": "icmp-unreachable segment-retransmitted",
    "unreachable-in-the-message-net": "icmp-unreachable segment-retransmitted",
    "unreachable-in-the-message-port": "icmp-unreachable segment-retransmitted",
    "unreachable-in-the-message-prohibited": "icmp-unreachable segment-retransmitted",
    "unreachable-in-the-message-protocol": "icmp-unreachable segment-retransmitted",
    "unreachable-when-opening-host": "host-unreachable",
    "unreachable-when-opening-host-prohibited": "host-unreachable",
    "unreachable-when-opening-net": "host-unreachable",
    "unreachable-when-opening-net-prohibited": "host-unreachable",
    "unreachable-when-opening-port": "host-unreachable",
    "unreachable-when-opening-prohibited": "host-unreachable",
    "unreachable-when-opening-protocol": "host-unreachable",
    "unreachable-when-opening-source-route": "host-unreachable",
    "window-closed-for-a-while": "window-closed",
    "window-stays-closed": ("delivery-retried duplicate-possible refused-for-now reply-to-message-lost window-closed"),
}


def overtakes_the_kernel(patch: pytest.MonkeyPatch) -> None:
    """A clock that does not wait for what TCP will send again."""
    patch.setattr(Wire, "_leads_on", lambda self, socket: False)


GUARDS: dict[str, Break] = {
    "connection-forgotten": bounces_what_could_wait,
    "corrupted": stores_twice,
    "duplicated": stores_twice,
    "large-packets-vanish": bounces_what_could_wait,
    "link-down-two-hours": bounces_what_could_wait,
    "long-way": stores_twice,
    "lost-on-the-way-back": stores_twice,
    "lost-on-the-way-there": stores_twice,
    "message-corrupted": stores_twice,
    "reordered": stores_twice,
    "reset-in-the-message": bounces_what_could_wait,
    "slow-link": stores_twice,
    "smaller-path": stores_twice,
    "syn-ack-never-arrives": bounces_what_could_wait,
    "third-ack-never-arrives": bounces_what_could_wait,
    "truncated": stores_twice,
    "uneven-way": stores_twice,
    "unreachable-in-the-message": stores_twice,
    "unreachable-when-opening": bounces_what_could_wait,
    "window-closed-for-a-while": overtakes_the_kernel,
    "window-stays-closed": bounces_what_could_wait,
}

"""Messages as clients of the control API are told of them, whatever strangers have made of them."""

from __future__ import annotations

import pytest

from testbed.control.messages import message_view

SLOW = "=?punycode?q?" + "a" * 300_000 + "?="  # the time of that decoder is quadratic


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("=?utf-8?q?D=C3=A9jeuner=3F?=", "Déjeuner?"),
        ("=?utf-8?b?THVuY2g/?= at noon", "Lunch? at noon"),
        ("=?no-such-set?q?x?=", "=?no-such-set?q?x?="),
        ("=?utf-8?q?half", "=?utf-8?q?half"),
        ("=?punycode?q?ab-?=", "=?punycode?q?ab-?="),
    ],
)
def test_a_subject_is_decoded_as_far_as_it_can_be(subject: str, told: str) -> None:
    assert message_view(1, f"Subject: {subject}\r\n\r\nx\r\n".encode()).subject == told


@pytest.mark.cpu_seconds(5)
def test_no_header_is_dear() -> None:
    message = (
        f"Subject: {SLOW}\r\nTo: {'=?' * 200_000}\r\n"
        f'Content-Type: application/pdf; name="{SLOW}"\r\nContent-Disposition: attachment\r\n\r\nx\r\n'
    )
    seen = message_view(1, message.encode())
    assert [part.octets for part in seen.attachments] == [3]

"""What the fuzzer begins with is good: a seed that fails would hide what comes of changing it."""

from __future__ import annotations

from contextlib import suppress

import pytest

from testbed.errors import CaptureError
from tests.fuzz.checks import services
from tests.fuzz.dialogues import DECRYPTED, GAP, SERVER, items, octets_of, told
from tests.fuzz.targets import targets

TARGETS = targets()


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_pass(name: str) -> None:
    target = TARGETS[name]
    for octets in (b"", *target.seeds()):
        with suppress(CaptureError):
            target.run(octets)


def test_every_dialogue_is_a_target() -> None:
    assert {f"{transport}-{service}" for transport, service in services()} <= TARGETS.keys()
    assert {("tcp", "smtp"), ("tcp", "pop3"), ("tcp", "imap"), ("tcp", "dns"), ("udp", "dns")} <= services().keys()


def test_dialogues_written_down_are_those_that_are_fed() -> None:
    octets = told("S 220 x\nC EHLO|, a\nC-9\nS! 250 a")
    said: list[tuple[int, bytes | int]] = [(0, b"EHLO"), (0, b", a\r\n"), (GAP, 9), (SERVER | DECRYPTED, b"250 a\r\n")]
    assert octets == octets_of([(SERVER, b"220 x\r\n"), *said])
    assert len(list(items(octets))) == 5
    assert list(items(octets_of([(SERVER, bytes(100_000))])))[1].frame == 2

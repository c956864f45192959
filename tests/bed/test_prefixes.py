"""Whoever leaves in the middle of any session, through TLS as well, leaves others served, and nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed import Bed, open_lab
from testbed.protocols import events
from testbed.trace.model.log import of
from tests.attack.clients import OCTETS_A_CLIENT, SECONDS_A_CLIENT, SPARE_DESCRIPTORS
from tests.bed.sessions import (
    EVERY,
    HOSTS,
    SESSIONS,
    THROUGH_TLS,
    assert_served,
    client_hello,
    connected,
    crowd,
    encrypted,
    hang_up,
    lab_holds,
    say,
)
from tests.patience import until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with open_lab(hosts=HOSTS) as opened:
        yield opened
    assert not list(of(opened.analysis.log, events.HeldUp))


def places(said: bytes) -> list[int]:
    """Behind every line, and within it."""
    found, at = {0}, 0
    for line in said.splitlines(keepends=True):
        found |= {at + len(line) // 2, at + len(line)}
        at += len(line)
    return sorted(found)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("name", SESSIONS)
def test_in_clear(bed: Bed, name: str, how: str) -> None:
    session = SESSIONS[name]
    for length in places(session.said):
        client = connected(bed, session)
        say(client, session.said[:length])
        hang_up(client, how)
        assert_served(bed, session)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("name", THROUGH_TLS)
def test_through_tls(bed: Bed, name: str, how: str) -> None:
    session = THROUGH_TLS[name]
    for length in places(session.said)[::2]:
        client = encrypted(bed, session)
        say(client, session.said[:length])
        hang_up(client, how)
    assert_served(bed, session)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("name", THROUGH_TLS)
def test_before_tls_has_begun(bed: Bed, name: str, how: str) -> None:
    session = THROUGH_TLS[name]
    said = session.in_clear + client_hello()
    for length in sorted({*places(session.in_clear), *range(len(session.in_clear), len(said) + 1, 100), len(said)}):
        client = connected(bed, session)
        say(client, said[:length])
        hang_up(client, how)
        assert_served(bed, session)


def test_a_crowd_leaves_nothing_behind(bed: Bed) -> None:
    for session in EVERY.values():
        assert_served(bed, session)  # what is loaded at the first use is loaded
    list(crowd(bed, 100, 1))
    before = lab_holds()
    number = 500
    list(crowd(bed, number, 2))
    until(lambda: lab_holds().descriptors <= before.descriptors + SPARE_DESCRIPTORS)
    after = lab_holds()
    assert after.memory - before.memory < number * OCTETS_A_CLIENT
    assert after.cpu_s - before.cpu_s < number * SECONDS_A_CLIENT

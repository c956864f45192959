"""Senders written anew: back to whom they lead, and what PostSRSd makes of the same."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.srs import SenderRewriting, SrsError, is_rewritten, written_for
from tests.patience import HANG_S, until

NOW = 1_700_000_000.0
DAY = 86_400
ONE, TWO, THREE = (SenderRewriting(name.encode(), f"{name}.example") for name in ("one", "two", "three"))
LOCALS = st.text("abcXYZ019.+-_=", min_size=1, max_size=30).filter(lambda local: not local.upper().startswith("SRS"))


@given(LOCALS, st.sampled_from(["crepes.fr", "a.b.example"]), st.integers(0, 21), st.integers(0, 40 * 365))
def test_what_goes_on_comes_back(local: str, domain: str, days: int, later: int) -> None:
    sender, sent = f"{local}@{domain}", NOW + later * DAY
    first = ONE.forwarded(sender, sent)
    second = TWO.forwarded(first, sent)
    third = THREE.forwarded(second, sent)
    assert third.startswith("SRS1=")
    assert len(third) - len(second) < 10
    assert [written_for(one) for one in (first, second, third)] == [sender] * 3
    assert all(map(is_rewritten, (first, second, third)))
    assert THREE.reversed(third, sent) == first == TWO.reversed(second, sent)
    assert ONE.reversed(first, sent + days * DAY) == sender


def test_the_null_path_and_senders_of_its_own_stay() -> None:
    assert [ONE.forwarded(sender, NOW) for sender in ("", "carol@ONE.example")] == ["", "carol@ONE.example"]


def test_relays_on_the_way_may_change_its_case() -> None:
    assert ONE.reversed(ONE.forwarded("alice@crepes.fr", NOW).lower(), NOW) == "alice@crepes.fr"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (TWO.forwarded("alice@crepes.fr", NOW), "its hash does not fit"),
        (ONE.forwarded("alice@crepes.fr", NOW).replace("alice", "bob"), "its hash does not fit"),
        (ONE.forwarded("alice@crepes.fr", NOW - 22 * DAY), "more than 21 days ago"),
        (ONE.forwarded("alice@crepes.fr", NOW + 2 * DAY), "more than 21 days ago"),
        (THREE.forwarded(TWO.forwarded("a@b.c", NOW), NOW), "its hash does not fit"),
        ("SRS0=abcd@one.example", "has not the form"),
        ("bob@one.example", "has not the form"),
        ("SRS0====@one.example", "has not the form"),
    ],
)
def test_what_leads_back_to_nobody(address: str, why: str) -> None:
    with pytest.raises(SrsError, match=why):
        ONE.reversed(address, NOW)


@given(st.text(max_size=80))
def test_any_address_is_answered(text: str) -> None:
    assert isinstance(written_for(text), str)
    with suppress(SrsError):
        ONE.reversed(text, NOW)


@pytest.mark.skipif(shutil.which("postsrsd", path="/usr/sbin:/usr/bin") is None, reason="PostSRSd is not installed")
def test_postsrsd_writes_the_same_and_reads_ours(tmp_path: Path) -> None:
    with _postsrsd(tmp_path, "one") as (forward, reverse):
        for sender in ("alice@crepes.fr", "Bob.Meyer+x@a.example", TWO.forwarded("carol@crepes.fr", time.time())):
            ours = ONE.forwarded(sender, time.time())
            assert _asked(forward, sender) == ours
            assert _asked(reverse, ours) == ONE.reversed(ours, time.time())


@contextmanager
def _postsrsd(folder: Path, secret: str) -> Iterator[tuple[int, int]]:
    (folder / "secret").write_text(f"{secret}\n")
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    options = ["-s", str(folder / "secret"), "-d", "one.example", "-f", str(ports[0]), "-r", str(ports[1]), "-n", "4"]
    program = shutil.which("postsrsd", path="/usr/sbin:/usr/bin")
    assert program is not None
    running = subprocess.Popen([program, *options])
    try:
        yield ports
    finally:
        running.kill()
        running.wait()


def _asked(port: int, address: str) -> str:
    """What its table says (tcp_table(5)), once it listens."""
    said: list[str] = []

    def answered() -> bool:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), HANG_S) as table:
            table.sendall(f"get {address}\n".encode())
            said.append(table.recv(1_000).decode().split()[1])
        return bool(said)

    until(answered)
    return said[0]

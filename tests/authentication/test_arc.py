"""ARC: chains made and verified, by ourselves and by dkimpy, and every way in which one breaks."""

from __future__ import annotations

from collections.abc import Callable

import dkim as dkimpy
import pytest

from testbed.authentication import arc
from testbed.authentication.lookup import Lookup
from tests.authentication.messages import LETTER, a_key, world

NAME = "s1._domainkey.crepes.fr"
WORLD = world({NAME: a_key().record})


def sealed(message: bytes = LETTER, times: int = 1, lookup: Lookup = WORLD) -> bytes:
    for _ in range(times):
        chain = arc.verify(message, lookup)
        message = arc.seal(message, chain, "crepes.fr; spf=pass", a_key(), "crepes.fr", "s1", now=1) + message
    return message


def test_a_message_without_sets_has_no_chain() -> None:
    assert arc.verify(LETTER, WORLD).result == "none"


@pytest.mark.parametrize("times", [1, 2, 3, 50])
def test_what_is_sealed_verifies(times: int) -> None:
    chain = arc.verify(sealed(times=times), WORLD)
    assert (chain.result, len(chain.sets)) == ("pass", times), chain.reason
    assert chain.sets[0] == arc.Set(1, "crepes.fr", "none", "crepes.fr; spf=pass")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_dkimpy_verifies_what_is_sealed(times: int) -> None:
    result, _, reason = dkimpy.arc_verify(sealed(times=times), dnsfunc=lambda name, timeout=5: a_key().record.encode())
    assert result == b"pass", reason


def test_what_dkimpy_seals_verifies() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = a_key().key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    message = b"Authentication-Results: crepes.fr; spf=pass smtp.mailfrom=crepes.fr\r\n" + LETTER
    lines = dkimpy.arc_sign(message, b"s1", b"crepes.fr", pem, b"crepes.fr")
    chain = arc.verify(b"".join(lines) + message, WORLD)
    assert (chain.result, len(chain.sets)) == ("pass", 1), chain.reason


def test_a_set_is_not_added_behind_fifty() -> None:
    message = sealed(times=50)
    assert arc.seal(message, arc.verify(message, WORLD), "crepes.fr; none", a_key(), "crepes.fr", "s1") == b""


def test_who_finds_a_chain_broken_says_so_and_nobody_goes_on() -> None:
    message = sealed(sealed(times=2) + b"-- \r\nThe list\r\n")
    chain = arc.verify(message, WORLD)
    assert (chain.result, chain.broken_at, chain.sets[-1].status) == ("fail", 3, "fail")
    assert sealed(message) == message


def _without(name: bytes) -> Callable[[bytes], bytes]:
    def change(message: bytes) -> bytes:
        fields = message.split(b"\r\n" + name)
        assert len(fields) > 1
        begin = message.index(name)
        end = begin + message[begin:].replace(b"\r\n ", b"   ").index(b"\r\n") + 2
        return message[:begin] + message[end:]

    return change


BREAKS: list[tuple[str, Callable[[bytes], bytes], str, int | None]] = [
    ("body", lambda m: m + b"x\r\n", "the set i=2: the body was changed", 2),
    ("subject", lambda m: m.replace(b"Subject: ", b"Subject: [x] "), "the set i=2: the signature does not fit", 2),
    ("old results", lambda m: m.replace(b"i=1; crepes.fr; spf=pass", b"i=1; crepes.fr; spf=fail"), "seal i=2", 2),
    ("a seal is missing", _without(b"ARC-Seal"), "has no ARC-Seal", 2),
    ("results are missing", _without(b"ARC-Authentication-Results"), "has no ARC-Authentication-Results", 2),
    ("two of one kind", lambda m: b"ARC-Authentication-Results: i=1; x\r\n" + m, "two ARC-Authentication-Results", 1),
    ("no instance", lambda m: b"ARC-Authentication-Results: x\r\n" + m, "no instance", None),
    ("instance 0", lambda m: b"ARC-Seal: i=0; cv=none\r\n" + m, "no instance", None),
    ("instance 51", lambda m: b"ARC-Seal: i=51; cv=pass\r\n" + m, "no instance", None),
    ("a gap", lambda m: b"ARC-Seal: i=4; cv=pass\r\n" + m, "the set i=3 has no", 3),
    ("cv", lambda m: m.replace(b"cv=none", b"cv=pass"), "the seal i=1 says cv=pass", 1),
    ("cv at 2", lambda m: m.replace(b"cv=pass", b"cv=none"), "the seal i=2 says cv=none", 2),
    ("cv nobody knows", lambda m: m.replace(b"cv=pass", b"cv=odd"), "nobody knows cv=odd", 2),
    ("h in a seal", lambda m: m.replace(b"cv=pass", b"cv=pass; h=from"), "which seals must not have", 2),
]


@pytest.mark.parametrize(("change", "word", "at"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS])
def test_every_way_to_break_a_chain(change: Callable[[bytes], bytes], word: str, at: int | None) -> None:
    chain = arc.verify(change(sealed(times=2)), WORLD)
    assert (chain.result, chain.broken_at) == ("fail", at), chain.reason
    assert word in chain.reason


def test_a_name_server_that_fails_breaks_nothing() -> None:
    assert arc.verify(sealed(), world(servfail=NAME)).result == "temperror"


def test_a_key_that_is_gone_does() -> None:
    assert arc.verify(sealed(), world()).result == "fail"

"""TLSA records against a server's certificates (RFC 6698, 7671, 7672)."""

from __future__ import annotations

import pytest

from testbed.transport_security.certificates import NotProven
from testbed.transport_security.tlsa import Tlsa, authenticate, read_tlsa, tlsa_name, tlsa_text, usable
from tests.transport_security.chains import HOST, LATER, NOW, anchor, leaf

DIGEST = "ab" * 32
NAMES = (HOST, "someschool.edu")
CHAIN = (leaf(), anchor())


def test_where_records_stand() -> None:
    assert tlsa_name(HOST) == "_25._tcp.mx.someschool.edu"


def test_records_as_zone_files_write_them() -> None:
    assert read_tlsa([f"3 1 1 {DIGEST}", f"2 0 1 {DIGEST[:32]} {DIGEST[:32]}", "nonsense", "3 1"]) == (
        Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),
        Tlsa(2, 0, 1, bytes.fromhex(DIGEST)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"3 1 1 {DIGEST}", ""),
        (f"2 0 1 {DIGEST}", ""),
        (f"2 0 2 {DIGEST}{DIGEST}", ""),
        ("3 0 0 3082", ""),
        (f"0 0 1 {DIGEST}", "usage 0 is not for SMTP"),
        (f"1 1 1 {DIGEST}", "usage 1 is not for SMTP"),
        (f"4 1 1 {DIGEST}", "usage 4 is unknown"),
        (f"3 2 1 {DIGEST}", "selector 2 is unknown"),
        (f"3 1 3 {DIGEST}", "matching type 3 is unknown"),
        (f"3 1 2 {DIGEST}", "wrong length"),
        ("3 1 1 ab", "wrong length"),
        ("3 1 1 abc", "wrong length"),
    ],
)
def test_which_records_are_usable(text: str, words: str) -> None:
    (record,) = read_tlsa([text])
    assert words in record.unusable
    assert bool(record.unusable) == bool(words)


def test_only_the_strongest_digest_counts() -> None:
    weak, strong, other = read_tlsa([f"3 1 1 {DIGEST}", f"3 1 2 {DIGEST}{DIGEST}", f"2 1 1 {DIGEST}"])
    assert usable([weak, strong, other]) == (strong, other)


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize(("usage", "certificate"), [(2, anchor()), (3, leaf())])
def test_a_chain_matches_its_record(usage: int, certificate: bytes, selector: int, matching: int) -> None:
    records = read_tlsa([tlsa_text(certificate, usage, selector, matching)])
    assert authenticate(CHAIN, records, NAMES, NOW) == records[0]


def test_one_of_several_records_is_enough() -> None:
    stale, current = read_tlsa([f"3 1 1 {DIGEST}", tlsa_text(leaf(), 3, 1, 1)])
    assert authenticate(CHAIN, (stale, current), NAMES, NOW) == current


def test_a_whole_anchor_in_a_record_need_not_be_shown_by_the_server() -> None:
    records = read_tlsa([tlsa_text(anchor(), 2, 0, 0)])
    assert authenticate(CHAIN[:1], records, NAMES, NOW) == records[0]


@pytest.mark.parametrize(("certificate", "at"), [(leaf("other.example"), NOW), (leaf(), LATER), (leaf(which=2), NOW)])
def test_behind_usage_3_neither_name_nor_time_nor_issuer_counts(certificate: bytes, at: float) -> None:
    records = read_tlsa([tlsa_text(certificate, 3, 1, 1)])
    assert authenticate([certificate], records, NAMES, at) == records[0]


@pytest.mark.parametrize(
    ("chain", "record", "at", "result", "words"),
    [
        (CHAIN, "3 1 1 " + DIGEST, NOW, "validation-failure", "matches no TLSA record"),
        (CHAIN, (anchor(), 3, 1, 1), NOW, "validation-failure", "matches no TLSA record"),
        (CHAIN[:1], (anchor(), 2, 0, 1), NOW, "validation-failure", "matches no TLSA record"),
        (CHAIN, (anchor(), 2, 0, 1), LATER, "certificate-expired", "expired on 2026-07-01"),
        (
            (leaf("other.example"), anchor()),
            (anchor(), 2, 0, 1),
            NOW,
            "certificate-host-mismatch",
            "is for other",
        ),
        ((leaf(which=2), anchor()), (anchor(), 2, 0, 1), NOW, "certificate-not-trusted", "vouches"),
        ((), (anchor(), 2, 0, 1), NOW, "validation-failure", "no certificate"),
        ((b"nonsense",), (anchor(), 2, 0, 1), NOW, "validation-failure", "cannot be read"),
        (CHAIN[:1], "2 0 0 3082", NOW, "validation-failure", "matches no TLSA record"),
    ],
)
def test_a_chain_that_proves_nothing(
    chain: tuple[bytes, ...], record: str | tuple[bytes, int, int, int], at: float, result: str, words: str
) -> None:
    with pytest.raises(NotProven, match=words) as caught:
        authenticate(chain, read_tlsa([record if isinstance(record, str) else tlsa_text(*record)]), NAMES, at)
    assert caught.value.result == result

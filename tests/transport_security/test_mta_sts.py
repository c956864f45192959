"""MTA-STS: the record, the policy file, and which hosts a pattern fits (RFC 8461)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.transport_security.mta_sts import (
    BadPolicy,
    BadRecord,
    StsPolicy,
    fits,
    policy_id,
    read_policy,
    record_text,
)

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
POLICY = StsPolicy("enforce", 604_800, ("mail.example.com", "*.example.net"))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),  # RFC 8461 §3.1
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1 ;  id = a1 ; x-more=2;"], "a1"),
        ([b"v=spf1 -all", b"v=STSv1; id=2;"], "2"),
        ([record_text("phase1").encode()], "phase1"),
        ([], ""),
        ([b"v=spf1 -all"], ""),
        ([b"v=STSv10; id=2"], ""),
    ],
)
def test_the_id_of_a_record(records: list[bytes], expected: str) -> None:
    assert policy_id(records) == expected


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([b"v=STSv1; id=1", b"v=STSv1; id=2"], "there must be one"),
        ([b"v=STSv1;"], "no id"),
        ([b"v=STSv1; id=2026-01-01"], "no id"),
        ([b"v=STSv1; id=" + b"1" * 33], "no id"),
        ([b"v=STSv1; id=1; nonsense"], "'nonsense'"),
        ([b"v=STSv1; \xff\x00=1; id=1"], "not a field"),
    ],
)
def test_a_record_that_counts_as_none(records: list[bytes], words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        policy_id(records)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (GOOD, POLICY),
        (GOOD.replace(b"\r\n", b"\n"), POLICY),
        (GOOD.rstrip(), POLICY),
        (b"mx: mail.example.com\nmx:*.EXAMPLE.net\nmax_age:604800\nmode:enforce\nversion:STSv1", POLICY),
        (GOOD + b"colour: blue\r\n\r\n", POLICY),
        (GOOD + b"mode: none\r\n", POLICY),  # only the first counts
        (b"version: STSv1\nmode: none\nmax_age: 86400\n", StsPolicy("none", 86_400)),
        (GOOD.replace(b"604800", b"9999999999"), StsPolicy("enforce", 31_557_600, POLICY.mx)),
    ],
)
def test_a_policy_file(octets: bytes, expected: StsPolicy) -> None:
    assert read_policy(octets) == expected


def test_what_is_passed_over_is_remarked_on() -> None:
    assert read_policy(GOOD + b"mode: none\r\n").remarks == ("line 6 gives mode again, and only the first counts",)


def test_a_policy_is_read_as_it_was_written() -> None:
    assert read_policy(POLICY.text()) == POLICY


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "no 'version: STSv1'"),
        (b"version: STSv2\n" + GOOD, "no 'version: STSv1'"),
        (GOOD.replace(b"enforce", b"strict"), "its mode is 'strict'"),
        (GOOD.replace(b"\r\n", b"\r"), "end with CR"),
        (GOOD.replace(b"604800", b"-1"), "max_age"),
        (GOOD.replace(b"604800", b"1w"), "max_age"),
        (b"version: STSv1\nmode: testing\nmax_age: 1\n", "names no mx"),
        (GOOD.replace(b"*.example.net", b"*.*.example.net"), "line 4 names"),
        (GOOD.replace(b"*.example.net", b"mx*.example.net"), "line 4 names"),
        (GOOD + b"<html>", "line 6 is not a field"),
        (GOOD + b"\xff", "not UTF-8"),
        (GOOD + b"mx: a.example\n" * 10_000, "more than 65,536 octets"),
        (GOOD + b"x" * 10_000_000, "more than 65,536 octets"),
        (GOOD + b"mx: a.b\n" * 1_000, "more than 1,000 mx"),
    ],
)
def test_a_policy_that_counts_as_not_fetched(octets: bytes, words: str) -> None:
    with pytest.raises(BadPolicy, match=words):
        read_policy(octets)


@given(st.binary(max_size=300))
def test_any_octets_are_a_policy_or_none(octets: bytes) -> None:
    with suppress(BadPolicy):
        assert read_policy(octets).mode in ("enforce", "testing", "none")


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("mail.example.com", "MAIL.example.com.", True),
        ("mail.example.com", "mail2.example.com", False),
        ("*.example.com", "mail.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.mail.example.com", False),  # one label only (RFC 8461 §4.1)
        ("*.example.com", ".example.com", False),
    ],
)
def test_which_hosts_a_pattern_fits(pattern: str, host: str, expected: bool) -> None:
    assert fits(pattern, host) is expected

"""Lines, paths, status codes, options and text: the smallest pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.address import domain_of
from testbed.protocols.smtp import parameters_of, parse_reply_line, path_of, split_command
from testbed.protocols.status import explain, split_enhanced
from testbed.protocols.status_pattern import reply_fits
from testbed.protocols.tcp import Options, distance, flag_names, parse_options
from testbed.protocols.text import decoded, printable


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"250 ok", ("250", True, "ok")),
        (b"250-more", ("250", False, "more")),
        (b"250", ("250", True, "")),
        (b"250ok", None),
        (b"999 x", None),
        (b"25 x", None),
        (b"", None),
    ],
)
def test_reply_lines(line: bytes, expected: tuple[str, bool, str] | None) -> None:
    found = parse_reply_line(line)
    assert (found and (found.code, found.last, found.text)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"mail FROM:<a@x>", ("MAIL", "FROM:<a@x>")),
        (b"quit  ", ("QUIT", "")),
        (b"AUTH plain c2VjcmV0", ("AUTH", "PLAIN ********")),
        (b"AUTH login", ("AUTH", "LOGIN")),
        (b"NOOP \x1b[31m", ("NOOP", "\\x1b[31m")),
    ],
)
def test_commands(line: bytes, expected: tuple[str, str]) -> None:
    assert split_command(line) == expected


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        ("FROM:<a@x> SIZE=3", ("a@x", "SIZE=3")),
        ("FROM:<>", ("", "")),
        ("TO:b@y NOTIFY=NEVER", ("b@y", "NOTIFY=NEVER")),
        ("TO: <b@y>", ("b@y", "")),
        ("TO", ("", "")),
        ('TO:<"odd > name"@y> NOTIFY=NEVER', ('"odd > name"@y', "NOTIFY=NEVER")),
        ('TO:<"a\\">"@y>', ('"a\\">"@y', "")),
        ('TO:"two words"@y NOTIFY=NEVER', ('"two words"@y', "NOTIFY=NEVER")),
        ('TO:<a"b@y> NOTIFY=NEVER', ('a"b@y', "NOTIFY=NEVER")),
        ("TO:<@relay.example,@b.example:c@y>", ("c@y", "")),
    ],
)
def test_paths_and_their_parameters(argument: str, path: tuple[str, str]) -> None:
    assert (path_of(argument), parameters_of(argument)) == path


def test_status_codes_in_words() -> None:
    assert split_enhanced("4.2.2 Mailbox full") == ("4.2.2", "Mailbox full")
    assert split_enhanced("10.0.0.1 is blocked") == ("", "10.0.0.1 is blocked")
    assert explain("452", "4.2.2") == "mailbox full (temporary)"
    assert explain("550") == "mailbox unavailable (permanent)"
    assert explain("552", "4.3.1") == "mail system full (permanent)"
    assert explain("450", "5.1.1") == "no such mailbox (temporary)"
    assert explain("451", "2.0.0") == "error in processing (temporary)"
    assert explain("550", "5.7.606") == "refused by policy (permanent)"
    assert explain("250") == ""


@pytest.mark.parametrize(
    ("reply", "wanted", "fits"),
    [
        ("452 4.2.2", "452", True),
        ("452 4.2.2", "4..", True),
        ("452 4.2.2", "452 4.2.2", True),
        ("452 4.2.2", "4.. 4.*", True),
        ("452 4.2.2", "452 4.2.*", True),
        ("452 4.2.2", "452 4.*.2", True),
        ("452 4.2.2", "452 4.2.22", False),
        ("452 4.2.2", "5..", False),
        ("452 4.2.2", "452 5.*", False),
        ("452 4.2.2", "452 4.3.*", False),
        ("452", "452 4.*", False),
        ("250 2.0.0", "2.. 2.*", True),
        ("NO [OVERQUOTA]", "NO", True),
        ("NO [OVERQUOTA]", "NO [OVERQUOTA]", True),
        ("NO", "NO [OVERQUOTA]", False),
        ("", "4..", False),
    ],
)
def test_replies_as_they_are_expected(reply: str, wanted: str, fits: bool) -> None:
    assert reply_fits(reply, wanted) is fits


def test_addresses() -> None:
    assert domain_of('"a@b"@X.Example.') == "x.example"
    assert domain_of("postmaster") == ""


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_distance_wraps(start: int, step: int) -> None:
    assert distance((start + step) % 2**32, start) == step


def test_flags() -> None:
    assert [flag_names(bits) for bits in (0x02, 0x12, 0x14, 0x18, 0)] == ["SYN", "SYN-ACK", "RST-ACK", "ACK", "none"]


def test_options() -> None:
    octets = b"\1\3\3\x0f\5\x0a\0\0\0\1\0\0\0\2\2\4\5\xb4"
    assert parse_options(octets) == Options(14, ((1, 2),))
    assert parse_options(b"\3\3") == Options()
    assert parse_options(b"\0\3\3\1") == Options()


@given(st.binary(max_size=60))
def test_options_never_raise(octets: bytes) -> None:
    parse_options(octets)


@given(st.binary(max_size=100))
def test_what_is_shown_is_printable(octets: bytes) -> None:
    assert decoded(octets).isprintable()


@given(st.text())
def test_printable_keeps_what_is(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text

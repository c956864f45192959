"""The path in MAIL and RCPT."""

from __future__ import annotations

import time

import pytest

from testbed.protocols.path import NULL_PATH, split_path

WELL_FORMED = [
    ("FROM:<alice@crepes.fr>", "alice@crepes.fr", ""),
    ("from: <alice@crepes.fr>  SIZE=200 BODY=7BIT", "alice@crepes.fr", "SIZE=200 BODY=7BIT"),
    ("FROM:<alice@crepes.fr>SIZE=200", "alice@crepes.fr", "SIZE=200"),
    ("FROM:alice@crepes.fr SIZE=200", "alice@crepes.fr", "SIZE=200"),
    ("FROM:<>", NULL_PATH, ""),
    ("FROM:<> RET=HDRS", NULL_PATH, "RET=HDRS"),
    ("FROM:<postmaster>", "postmaster", ""),
    ("FROM:<@one.example,@two.example:alice@crepes.fr>", "alice@crepes.fr", ""),
    ("FROM:<alice@[192.0.2.1]>", "alice@[192.0.2.1]", ""),
    ("FROM:<alice@[IPv6:2001:db8::1]>", "alice@[IPv6:2001:db8::1]", ""),
    ("FROM:<größe@crêpes.fr>", "größe@crêpes.fr", ""),
    ("FROM:<a..b.@crepes.fr>", "a..b.@crepes.fr", ""),
    ('FROM:<"alice"@crepes.fr>', "alice@crepes.fr", ""),
    ('FROM:<"a\\lice"@crepes.fr>', "alice@crepes.fr", ""),
    ('FROM:<"two words"@crepes.fr>', '"two words"@crepes.fr', ""),
    ('FROM:<"a\\"b\\\\>"@crepes.fr> SIZE=1', '"a\\"b\\\\>"@crepes.fr', "SIZE=1"),
]
MISSING = ["", "FROM", "FROM:", "FROM:  ", "TO:<alice@crepes.fr>", "FRO:M<alice@crepes.fr>"]
MALFORMED = [
    "FROM:<",
    "FROM:>",
    "FROM:<alice@crepes.fr",
    "FROM:<two words@crepes.fr>",
    "FROM:<alice@>",
    "FROM:<@crepes.fr>",
    "FROM:<alice@@crepes.fr>",
    "FROM:<alice@crepes.fr.>",
    "FROM:<alice@crepes..fr>",
    "FROM:<alice@[192.0.2.1>",
    'FROM:"',
    'FROM:<"alice@crepes.fr>',
    "FROM:<alice(comment)@crepes.fr>",
    "FROM:<alice@crepes.fr\0>",
    "FROM:alice@crepes.fr>",
]


@pytest.mark.parametrize(("argument", "address", "behind"), WELL_FORMED)
def test_an_address_is_told_from_its_parameters(argument: str, address: str, behind: str) -> None:
    assert split_path("FROM", argument) == (address, behind)


@pytest.mark.parametrize("argument", MISSING)
def test_a_missing_path_is_no_address(argument: str) -> None:
    assert split_path("FROM", argument) == ("", "")


@pytest.mark.parametrize("argument", MALFORMED)
def test_a_malformed_path_is_none(argument: str) -> None:
    assert split_path("FROM", argument) is None


@pytest.mark.parametrize("piece", ['"\\', "a.", "@a,", "@a:", "<", " ", "\\"])
def test_no_path_takes_long_to_read(piece: str) -> None:
    began = time.process_time()
    split_path("FROM", f"FROM:<{piece * 50_000}")
    assert time.process_time() - began < 1.0

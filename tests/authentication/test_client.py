"""Who the client is: names that lead back, and block lists (RFC 8601 §3, RFC 5782)."""

from __future__ import annotations

import pytest

from testbed.authentication import block_list, reverse
from tests.authentication.messages import world

PTR = "PTR 3.2.0.192.in-addr.arpa"
NAMES = [
    ({PTR: "mx.crepes.fr.", "A mx.crepes.fr": "192.0.2.3"}, "pass", "mx.crepes.fr"),
    ({PTR: ["other.fr", "MX.crepes.fr"], "A mx.crepes.fr": ["192.0.2.1", "192.0.2.3"]}, "pass", "mx.crepes.fr"),
    ({PTR: "mx.crepes.fr", "A mx.crepes.fr": "192.0.2.4"}, "fail", ""),
    ({PTR: "mx.crepes.fr"}, "fail", ""),
    ({PTR: "a b"}, "fail", ""),
    ({}, "permerror", ""),
]


@pytest.mark.parametrize(("records", "result", "name"), NAMES)
def test_a_name_that_leads_back(records: dict[str, str | list[str]], result: str, name: str) -> None:
    found = reverse.verify(world(records), "192.0.2.3")
    assert (found.result, found.confirmed) == (result, name), found.reason


@pytest.mark.parametrize("name", ["3.2.0.192.in-addr.arpa", "mx.crepes.fr"])
def test_a_name_server_that_fails_says_nothing(name: str) -> None:
    assert reverse.verify(world({PTR: "mx.crepes.fr"}, servfail=name), "192.0.2.3").result == "temperror"


def test_ipv6_leads_back_by_nibbles() -> None:
    pointer = "PTR " + "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"
    assert (
        reverse.verify(world({pointer: "mx.crepes.fr", "AAAA mx.crepes.fr": "2001:db8:0:0::1"}), "2001:db8::1").result
        == "pass"
    )


LISTED = "A 3.2.0.192.bl.example"
LISTS = [
    ({}, "not listed", "is not on bl.example"),
    ({LISTED: "127.0.0.2"}, "listed", "192.0.2.3 is on bl.example (127.0.0.2)"),
    ({LISTED: ["127.0.0.2", "127.0.0.10"], "3.2.0.192.bl.example": "Spam"}, "listed", "127.0.0.2, 127.0.0.10"),
    ({LISTED: "127.255.255.252"}, "refused", "asked by a wrong name"),
    ({LISTED: "127.255.255.254"}, "refused", "does not answer to public resolvers"),
    ({LISTED: "127.255.255.255"}, "refused", "asked too often"),
    ({LISTED: "203.0.113.9"}, "broken", "no answer of a block list"),
    ({LISTED: "127.0.0.2", "A 1.0.0.127.bl.example": "127.0.0.2"}, "broken", "lists the whole world"),
]


@pytest.mark.parametrize(("records", "result", "word"), LISTS)
def test_what_a_block_list_says(records: dict[str, str | list[str]], result: str, word: str) -> None:
    found = block_list.verify(world(records), "192.0.2.3", "bl.example")
    assert found.result == result
    assert word in found.reason


def test_a_list_that_does_not_answer_says_nothing() -> None:
    assert block_list.verify(world(servfail="3.2.0.192.bl.example"), "192.0.2.3", "bl.example").result == "temperror"


def test_the_examples_of_rfc_5782() -> None:
    assert block_list.query_name("192.0.2.99", "bad.example.com") == "99.2.0.192.bad.example.com"
    assert block_list.query_name("2001:db8:1:2:3:4:567:89ab", "ugly.example.com") == (
        "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com"
    )

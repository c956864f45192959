"""Authentication-Results: written so that authres reads it, read as large receivers write it (RFC 8601)."""

from __future__ import annotations

import authres
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.authentication import results, signing
from testbed.authentication.judge import Judgement, Offer, judge
from testbed.authentication.lookup import Answer, KnownAnswers, settled, txt
from testbed.authentication.message import parse
from testbed.authentication.reported import results_of
from tests.authentication.messages import LETTER, a_key, world

WORLD = {
    "s1._domainkey.crepes.fr": a_key().record,
    "crepes.fr": "v=spf1 ip4:192.0.2.3 -all",
    "_dmarc.crepes.fr": "v=DMARC1; p=reject",
    "PTR 3.2.0.192.in-addr.arpa": "mx.crepes.fr",
    "A mx.crepes.fr": "192.0.2.3",
    "A 3.2.0.192.bl.example": "127.0.0.2",
}
CHECKS = ("spf", "dkim", "dmarc", "arc", "ptr", "dnsbl")


def judgement() -> Judgement:
    message = signing.sign(LETTER, a_key(), "crepes.fr", "s1") + LETTER
    offer = Offer("192.0.2.3", "mx.crepes.fr", "alice@crepes.fr", message, lists=("bl.example",))
    return judge(offer, CHECKS, world(WORLD))


def test_all_checks_at_once() -> None:
    found = {one.method: one.result for one in results_of(judgement())}
    assert found == {"spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "none", "iprev": "pass", "dnsbl": "fail"}


def test_what_is_written_is_read_again() -> None:
    said = results_of(judgement())
    server, read = results.read(results.value("someschool.edu", said))
    assert server == "someschool.edu"
    assert [(one.method, one.result) for one in read] == [(one.method, one.result) for one in said]
    assert read[0].properties == {"smtp.mailfrom": "alice@crepes.fr"}


def test_authres_reads_what_is_written() -> None:
    field = results.written("someschool.edu", results_of(judgement())).decode().replace("\r\n", "").strip()
    header = authres.AuthenticationResultsHeader.parse(field)
    assert header.authserv_id == "someschool.edu"
    assert [one.method for one in header.results] == ["spf", "dkim", "dmarc", "arc", "iprev", "dnsbl"]


REAL = [
    (
        "mx.google.com; dkim=pass header.i=@a.example header.s=s1 header.b=AbC; spf=pass (google.com: domain of "
        "x@a.example designates 192.0.2.3 as permitted sender) smtp.mailfrom=x@a.example; dmarc=pass (p=NONE sp=NONE "
        "dis=NONE) header.from=a.example",
        "mx.google.com",
        ["dkim=pass", "spf=pass", "dmarc=pass"],
    ),
    (
        "spf=pass (sender IP is 192.0.2.3) smtp.mailfrom=a.example; dkim=none (message not signed) "
        "header.d=none;dmarc=bestguesspass action=none header.from=a.example;compauth=pass reason=109",
        "",
        ["spf=pass", "dkim=none", "dmarc=bestguesspass", "compauth=pass"],
    ),
    ("example.org 1; none", "example.org", []),
    ('"example.org"; auth/1=pass (a (nested; comment)) smtp.auth="a;b"', "example.org", ["auth=pass"]),
    ("", "", []),
]


@pytest.mark.parametrize(("value", "server", "found"), REAL)
def test_what_large_receivers_write_is_read(value: str, server: str, found: list[str]) -> None:
    by, said = results.read(value)
    assert (by, [f"{one.method}={one.result}" for one in said]) == (server, found)


def test_forged_results_are_found() -> None:
    field = b"Authentication-Results: SomeSchool.edu; dkim=pass\r\n"
    other = b"Authentication-Results: elsewhere.example; dkim=pass\r\n"
    assert [one.octets for one in results.said_by("someschool.edu", parse(other + field + LETTER))] == [field]


@given(st.text(max_size=300))
@pytest.mark.cpu_seconds(20)
def test_hostile_fields_are_answered(value: str) -> None:
    results.read(value)
    comment = results.value("someschool.edu", [results.Result("spf", "fail", {"smtp.mailfrom": value}, value)])
    assert results.read(comment)[1][0].result == "fail"


@pytest.mark.cpu_seconds(2)
@pytest.mark.parametrize("value", ["(" * 100_000, '"' * 100_001, "a=b;" * 50_000, "x=" + '"\\' * 50_000])
def test_long_fields_are_bounded(value: str) -> None:
    assert len(results.read(value)[1]) <= 100


@pytest.mark.parametrize(
    ("presentation", "text"),
    [
        ('"v=spf1 " "-all"', "v=spf1 -all"),
        (r'"a\"b\\c\059d"', 'a"b\\c;d'),
        ("bare", "bare"),
        ('""', ""),
        (r'"\195\169"', "\xc3\xa9"),
    ],
)
def test_the_strings_of_a_txt_record_are_joined(presentation: str, text: str) -> None:
    assert txt(presentation) == text


async def _ask(name: str, kind: str) -> Answer:
    return world(WORLD)(name, kind)


def test_what_is_missing_is_asked_for() -> None:
    import asyncio

    known = KnownAnswers()
    message = signing.sign(LETTER, a_key(), "crepes.fr", "s1") + LETTER
    offer = Offer("192.0.2.3", "mx.crepes.fr", "alice@crepes.fr", message)
    found = asyncio.run(settled(lambda lookup: judge(offer, CHECKS, lookup), _ask, known))
    assert found.dmarc is not None
    assert found.dmarc.result == "pass"
    assert known("_dmarc.fr", "TXT").outcome == "nxdomain"


def test_questions_without_end_are_bounded() -> None:
    import asyncio
    from itertools import count

    def endless(lookup: object) -> int:
        return next(n for n in count() if lookup(f"n{n}.example", "A").outcome == "timeout")  # type: ignore[operator]

    assert asyncio.run(settled(endless, _ask)) == 300

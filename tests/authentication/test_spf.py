"""SPF: the examples of RFC 7208, its limits, and what hostile records are answered with."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.authentication import spf, spf_record
from testbed.authentication.lookup import Answer, KnownAnswers, Unanswered
from testbed.authentication.spf_macros import Facts, expand
from tests.authentication.messages import world

CLIENT = "192.0.2.3"
SENDER = "strong-bad@email.example.com"

# RFC 7208 appendix A.
EXAMPLE = {
    "A example.com": ["192.0.2.10", "192.0.2.11"],
    "MX example.com": ["10 mail-a.example.com", "20 mail-b.example.com"],
    "A amy.example.com": "192.0.2.65",
    "A bob.example.com": "192.0.2.66",
    "A mail-a.example.com": "192.0.2.129",
    "A mail-b.example.com": "192.0.2.130",
    "A mail-c.example.org": "192.0.2.140",
    "MX example.org": ["10 mail-c.example.org"],
    "PTR 10.2.0.192.in-addr.arpa": "example.com",
    "PTR 65.2.0.192.in-addr.arpa": "amy.example.com",
    "PTR 140.2.0.192.in-addr.arpa": "mail-c.example.org",
    "PTR 4.0.0.10.in-addr.arpa": "bob.example.com",
}
ANSWERS = [
    ("v=spf1 +all", "192.0.2.200", "pass", "+all"),
    ("v=spf1 a -all", "192.0.2.10", "pass", "a"),
    ("v=spf1 a -all", "192.0.2.65", "fail", "-all"),
    ("v=spf1 a:example.org -all", "192.0.2.10", "fail", "-all"),
    ("v=spf1 mx -all", "192.0.2.129", "pass", "mx"),
    ("v=spf1 mx:example.org -all", "192.0.2.140", "pass", "mx:example.org"),
    ("v=spf1 mx mx:example.org -all", "192.0.2.140", "pass", "mx:example.org"),
    ("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131", "pass", "mx/30"),
    ("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143", "pass", "mx:example.org/30"),
    ("v=spf1 ptr -all", "192.0.2.65", "pass", "ptr"),
    ("v=spf1 ptr -all", "192.0.2.140", "fail", "-all"),
    ("v=spf1 ptr -all", "10.0.0.4", "fail", "-all"),
    ("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", "fail", "-all"),
    ("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", "pass", "ip4:192.0.2.128/28"),
    ("v=spf1 ip4:192.0.2.128/28 ~all", "2001:db8::1", "softfail", "~all"),
    ("v=spf1 ip6:2001:db8::/32 ?all", "2001:db8::1", "pass", "ip6:2001:db8::/32"),
    ("v=spf1 ip4:192.0.2.128/28 ~all", "::ffff:192.0.2.129", "pass", "ip4:192.0.2.128/28"),
    ("v=spf1 mx", "192.0.2.65", "neutral", ""),
    ("V=SPF1 MX -ALL", "192.0.2.129", "pass", "MX"),
]


@pytest.mark.parametrize(("record", "client", "result", "mechanism"), ANSWERS)
def test_the_examples_of_rfc_7208(record: str, client: str, result: str, mechanism: str) -> None:
    found = spf.verify(world(EXAMPLE | {"example.com": record}), client, "bob@example.com", "mail.example.com")
    assert (found.result, found.mechanism) == (result, mechanism), found.reason
    assert found.record == record


# RFC 7208 §7.4.
MACROS = [
    ("%{s}", "strong-bad@email.example.com"),
    ("%{o}", "email.example.com"),
    ("%{d4}", "email.example.com"),
    ("%{d2}", "example.com"),
    ("%{d1}", "com"),
    ("%{dr}", "com.example.email"),
    ("%{d2r}", "example.email"),
    ("%{l-}", "strong.bad"),
    ("%{lr-}", "bad.strong"),
    ("%{l1r-}", "strong"),
    ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
    ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
    ("%{p2}.trusted-domains.example.net", "example.org.trusted-domains.example.net"),
    ("%%-%_-%-", "%- -%20"),
    ("%{L}", "strong-bad"),
    ("%{S}", "strong-bad%40email.example.com"),
]


@pytest.mark.parametrize(("spec", "text"), MACROS)
def test_the_macros_of_rfc_7208(spec: str, text: str) -> None:
    from ipaddress import ip_address

    facts = Facts(ip_address(CLIENT), SENDER, "mx.example.org", "", 0, lambda domain: "mx.example.org")
    assert expand(spec, facts, "email.example.com") == text


def _chain(of: int) -> dict[str, str | list[str]]:
    """A domain whose record includes another, and so on."""
    names = ["email.example.com", *(f"n{i}.example.com" for i in range(of))]
    records: dict[str, str | list[str]] = {name: f"v=spf1 include:{after} -all" for name, after in pairwise(names)}
    return {**records, names[-1]: "v=spf1 +all"}


PERMANENT = [
    ("two records", {"email.example.com": ["v=spf1 +all", "v=spf1 -all"]}, "publishes 2 SPF records"),
    ("eleven look-ups", _chain(11), "is the 11th term that asks DNS, and 10 are allowed"),
    ("a loop", {"email.example.com": "v=spf1 include:email.example.com -all"}, "11th term"),
    ("a loop of redirects", {"email.example.com": "v=spf1 redirect=email.example.com"}, "11th term"),
    ("an include of nothing", {"email.example.com": "v=spf1 include:gone.example.com -all"}, "publishes no SPF record"),
    ("a redirect to nothing", {"email.example.com": "v=spf1 redirect=gone.example.com"}, "publishes no SPF record"),
    (
        "three void look-ups",
        {"email.example.com": "v=spf1 a:a.example.org a:b.example.org a:c.example.org +all"},
        "3 questions found nothing",
    ),
    (
        "eleven MX",
        {"email.example.com": "v=spf1 mx -all", "MX email.example.com": [f"10 m{i}.example.com" for i in range(11)]},
        "has 11 MX records",
    ),
    ("no mechanism", {"email.example.com": "v=spf1 ip:192.0.2.3 -all"}, "'ip:192.0.2.3' is no mechanism"),
    ("a mistake behind the match", {"email.example.com": "v=spf1 +all foo"}, "'foo' is no mechanism"),
    ("no address", {"email.example.com": "v=spf1 ip4:192.0.2.300 -all"}, "holds no address"),
    ("a prefix", {"email.example.com": "v=spf1 a/33 -all"}, "prefix length that cannot be"),
    ("a macro", {"email.example.com": "v=spf1 exists:%{x}.example.com -all"}, "begins no macro"),
    ("%{d0}", {"email.example.com": "v=spf1 exists:%{d0}.example.com -all"}, "begins no macro"),
    ("a macro of explanations", {"email.example.com": "v=spf1 exists:%{t}.example.com -all"}, "only explanations may"),
    ("a top label", {"email.example.com": "v=spf1 a:example.c0m: -all"}, "does not end with the name of a domain"),
    ("non-ASCII", {"email.example.com": "v=spf1 a:ex\xe4mple.com -all"}, "other characters than printable ASCII"),
    ("64 KB", {"email.example.com": "v=spf1 " + "a " * 32_000}, "more than 500 terms"),
    ("two redirects", {"email.example.com": "v=spf1 redirect=a.example redirect=b.example"}, "stands twice"),
]


@pytest.mark.parametrize(("records", "word"), [row[1:] for row in PERMANENT], ids=[row[0] for row in PERMANENT])
@pytest.mark.cpu_seconds(5)
def test_what_is_a_permanent_error(records: dict[str, str | list[str]], word: str) -> None:
    found = spf.verify(world(records), CLIENT, SENDER, "mx.example.org")
    assert found.result == "permerror"
    assert word in found.reason


def test_ten_look_ups_are_allowed_and_counted() -> None:
    found = spf.verify(world(_chain(10)), CLIENT, SENDER, "mx.example.org")
    assert (found.result, found.lookups) == ("pass", 10)
    assert found.path[0] == "include:n0.example.com"
    assert len(found.path) == 10


def test_a_redirect_that_is_not_needed_costs_nothing() -> None:
    record = "v=spf1 " + "a:a.example.com " * 10 + "ip4:192.0.2.3 redirect=other.example"
    found = spf.verify(world({"email.example.com": record, "A a.example.com": "192.0.2.9"}), CLIENT, SENDER, "x")
    assert (found.result, found.mechanism, found.lookups) == ("pass", "ip4:192.0.2.3", 10)


def test_the_term_within_an_include_is_named() -> None:
    records = {
        "email.example.com": "v=spf1 include:_spf.example.net -all",
        "_spf.example.net": "v=spf1 ip4:192.0.2.0/24 -all",
    }
    found = spf.verify(world(records), CLIENT, SENDER, "mx.example.org")
    assert (found.mechanism, found.path) == ("ip4:192.0.2.0/24", ("include:_spf.example.net",))
    assert "'ip4:192.0.2.0/24 by way of include:_spf.example.net' matches" in found.reason


@pytest.mark.parametrize("name", ["email.example.com", "a.example.com"])
def test_a_name_server_that_fails_is_a_temporary_error(name: str) -> None:
    lookup = world({"email.example.com": "v=spf1 a:a.example.com -all"}, servfail=name)
    assert spf.verify(lookup, CLIENT, SENDER, "x").result == "temperror"


def test_a_ptr_that_fails_matches_nothing() -> None:
    lookup = world({"email.example.com": "v=spf1 ptr -all"}, servfail="3.2.0.192.in-addr.arpa")
    assert spf.verify(lookup, CLIENT, SENDER, "x").result == "fail"


@pytest.mark.parametrize("helo", ["[192.0.2.3]", "localhost", "", "a..b", "x" * 300 + ".com", "b\xfccher"])
def test_a_name_that_is_none_publishes_nothing(helo: str) -> None:
    assert spf.verify(world(), CLIENT, "", helo).result == "none"


def test_an_empty_sender_is_judged_by_the_name_of_the_client() -> None:
    found = spf.verify(world({"mx.example.org": "v=spf1 ip4:192.0.2.3 -all"}), CLIENT, "", "mx.example.org")
    assert (found.result, found.identity, found.domain) == ("pass", "helo", "mx.example.org")


def test_the_explanation_is_the_domain_s() -> None:
    records = {"email.example.com": "v=spf1 -all exp=why.%{d}", "why.email.example.com": "%{i} is not one of %{d}'s"}
    found = spf.verify(world(records), CLIENT, SENDER, "mx.example.org")
    assert found.explanation == "192.0.2.3 is not one of email.example.com's"


def test_what_is_not_known_is_asked_for() -> None:
    known = KnownAnswers([("email.example.com", "TXT", Answer("found", ("v=spf1 a:a.example.com -all",)))])
    with pytest.raises(Unanswered) as missing:
        spf.verify(known, CLIENT, SENDER, "mx.example.org")
    assert (missing.value.name, missing.value.kind) == ("a.example.com", "A")


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_hostile_records_are_answered(record: str, sender: str, helo: str) -> None:
    lookup = world({"email.example.com": "v=spf1 " + record})
    found = spf.verify(lookup, CLIENT, f"{sender}@email.example.com", helo)
    assert found.reason


TERMS = st.sampled_from(
    [
        "a",
        "mx",
        "ptr",
        "ip4:192.0.2.3",
        "-all",
        "~all",
        "?a:b.example.com",
        "include:n.example.com",
        "exists:%{i}.example.com",
        "a/24//64",
        "mx:%{d2}/8",
        "ip6:2001:db8::/32",
        "redirect=n.example.com",
        "exp=why.example.com",
        "x=y",
        "+",
        "foo",
        "ip4:1.2.3",
    ]
)


# pyspf calls a modifier that nobody knows and that stands twice an error, which RFC 7208 §6 does not.
@given(st.lists(TERMS, max_size=6, unique=True))
def test_pyspf_finds_the_same(terms: list[str]) -> None:
    import spf as pyspf

    records: dict[str, str | list[str]] = {
        "email.example.com": " ".join(["v=spf1", *terms]),
        "n.example.com": "v=spf1 ip4:192.0.2.0/24 -all",
        "A email.example.com": "192.0.2.9",
        "MX email.example.com": ["10 b.example.com"],
        "MX example.com": ["10 b.example.com"],
        "A b.example.com": "198.51.100.7",
        "A 192.0.2.3.example.com": "127.0.0.2",
        "PTR 3.2.0.192.in-addr.arpa": "b.example.com",
        "why.example.com": "because",
    }
    lookup = world(records)

    class Query(pyspf.query):  # type: ignore[misc]
        def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[object]:
            found = lookup(name.lower(), qtype).records
            self.void_lookups += not found and not ignore_void
            if self.void_lookups > 2:
                raise pyspf.PermError("void")
            split = {"TXT": lambda text: (text.encode(),), "MX": lambda text: (10, text.split()[1])}
            return [split.get(qtype, str)(text) for text in found]

    mine = spf.verify(lookup, CLIENT, SENDER, "mx.example.org")
    assert mine.result == Query(CLIENT, SENDER, "mx.example.org").check()[0], mine.reason


@given(st.text(alphabet="avmxptrincludeip46all:/.%{}-+~?=0123456789", max_size=60))
def test_a_record_is_read_or_refused(text: str) -> None:
    with suppress(spf_record.Malformed):
        assert len(spf_record.parse("v=spf1 " + text).directives) <= 30

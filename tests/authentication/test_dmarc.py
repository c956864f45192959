"""DMARC (RFC 9989): which record holds, what aligns, and what is wished for what fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.authentication import dkim, dmarc, dmarc_record, spf
from testbed.authentication.author import Author, author_of
from testbed.authentication.message import parse
from testbed.authentication.tree_walk import steps, walk
from tests.authentication.messages import world

P = "v=DMARC1; p=reject"


def judged(
    records: dict[str, str | list[str]], author: str, of_spf: str = "", of_dkim: str = "", servfail: str = ""
) -> dmarc.Verdict:
    """``of_spf`` and ``of_dkim`` are the domains for which these passed."""
    spf_verdict = spf.Verdict("pass" if of_spf else "fail", "", of_spf or author)
    dkim_verdicts = [dkim.Verdict("pass", "", None, of_dkim)] if of_dkim else []
    return dmarc.verify(world(records, servfail=servfail), Author((author,)), spf_verdict, dkim_verdicts)


def test_a_walk_asks_eight_times_at_most() -> None:
    """The example of RFC 9989 §4.10."""
    assert steps("a.b.c.d.e.f.g.h.i.j.mail.example.com") == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    assert len(steps("a.b.c.d.e.f.g.h")) == 8
    assert steps("com") == ["com"]


BANK = {"_dmarc.bank.example": P + "; psd=y", "_dmarc.giant.bank.example": P}
ORGANIZATIONS = [
    ({"_dmarc.mail.example.com": P, "_dmarc.example.com": P}, "a.mail.example.com", "example.com"),
    ({"_dmarc.mail.example.com": P + "; psd=n", "_dmarc.example.com": P}, "a.mail.example.com", "mail.example.com"),
    ({"_dmarc.com": P + "; psd=y"}, "a.mail.example.com", "example.com"),
    ({"_dmarc.com": P + "; psd=y"}, "com", "com"),
    ({"_dmarc.example.com": P}, "a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com"),
    (BANK, "mail.giant.bank.example", "giant.bank.example"),
    (BANK, "mail.mega.bank.example", "mega.bank.example"),
    ({}, "a.mail.example.com", "a.mail.example.com"),
    ({"_dmarc.example.com": [P, P]}, "a.example.com", "a.example.com"),
]  # fmt: skip


@pytest.mark.parametrize(("records", "domain", "organization"), ORGANIZATIONS)
def test_where_an_organization_begins(records: dict[str, str | list[str]], domain: str, organization: str) -> None:
    """The examples of RFC 9989 §4.10.2 and appendix B.3."""
    assert walk(world(records), domain).organization == organization


ALIGNED = [
    (P, "example.com", "", True),
    (P, "mail.example.com", "", True),
    (P, "", "lists.example.com", True),
    (P, "example.net", "example.org", False),
    (P + "; aspf=s", "mail.example.com", "", False),
    (P + "; adkim=s", "", "mail.example.com", False),
    (P + "; aspf=s; adkim=s", "example.com", "", True),
    (P + "; adkim=s", "mail.example.com", "", True),
]


@pytest.mark.parametrize(("record", "of_spf", "of_dkim", "passes"), ALIGNED)
def test_what_aligns(record: str, of_spf: str, of_dkim: str, passes: bool) -> None:
    found = judged({"_dmarc.example.com": record}, "example.com", of_spf, of_dkim)
    assert found.result == ("pass" if passes else "fail"), found.reason


POLICIES = [
    ("example.com", "v=DMARC1; p=quarantine", "quarantine", "p"),
    ("sub.example.com", "v=DMARC1; p=none; sp=reject", "reject", "sp"),
    ("sub.example.com", "v=DMARC1; p=quarantine", "quarantine", "p"),
    ("gone.example.com", "v=DMARC1; p=none; sp=quarantine; np=reject", "reject", "np"),
    ("sub.example.com", "v=DMARC1; p=none; sp=quarantine; np=reject", "quarantine", "sp"),
    ("gone.example.com", "v=DMARC1; p=none; sp=quarantine", "quarantine", "sp"),
    ("example.com", "v=DMARC1; p=reject; t=y", "quarantine", "p"),
    ("example.com", "v=DMARC1; p=quarantine; t=y", "none", "p"),
    ("example.com", "v=DMARC1; p=reject; pct=0", "reject", "p"),
    ("example.com", "v=DMARC1; rua=mailto:d@example.com", "none", "p"),
    ("example.com", "v=DMARC1; p=odd; rua=mailto:d@example.com", "none", "p"),
    ("example.com", "v=DMARC1; p=reject; sp=odd; rua=mailto:d@example.com", "none", "p"),
    ("example.com", "v=DMARC1;p=Reject;adkim=odd;aspf=", "reject", "p"),
]


@pytest.mark.parametrize(("author", "record", "policy", "tag"), POLICIES)
def test_what_is_wished_for_what_fails(author: str, record: str, policy: str, tag: str) -> None:
    found = judged({"_dmarc.example.com": record, "A sub.example.com": "192.0.2.1"}, author)
    assert (found.result, found.policy, found.by) == ("fail", policy, tag), found.reason


NONE = [{}, {"_dmarc.example.com": "v=DMARC1; p=odd"}, {"_dmarc.example.com": "v=dmarc1; p=reject"},
        {"_dmarc.example.com": "p=reject; v=DMARC1"}, {"_dmarc.example.com": [P, P]}]  # fmt: skip


@pytest.mark.parametrize("records", NONE)
def test_where_dmarc_does_not_apply(records: dict[str, str | list[str]]) -> None:
    assert judged(records, "example.com").result == "none"


def test_a_name_server_that_fails_leaves_it_open() -> None:
    assert judged({"_dmarc.example.com": P}, "example.com", servfail="_dmarc.example.com").result == "temperror"


def test_a_signature_that_could_not_be_looked_at_leaves_it_open() -> None:
    later = dkim.Verdict("temperror", "DNS does not say", "dns", "example.com")
    found = dmarc.verify(world({"_dmarc.example.com": P}), Author(("example.com",)), None, [later])
    assert (found.result, found.policy) == ("temperror", "none")


def test_the_record_of_a_public_suffix_holds_where_the_organization_has_none() -> None:
    found = judged({"_dmarc.bank": "v=DMARC1; p=reject; psd=y; np=quarantine"}, "giant.bank")
    assert (found.policy_domain, found.organization, found.policy) == ("bank", "giant.bank", "quarantine")


FROM = [
    ("alice@crepes.fr", ("crepes.fr",), ""),
    ("Alice <alice@Crepes.FR.>", ("crepes.fr",), ""),
    ('"bob@someschool.edu" <alice@crepes.fr>', ("crepes.fr",), ""),
    ("=?utf-8?q?bob=40someschool=2Eedu?= <alice@crepes.fr>", ("crepes.fr",), ""),
    ("(bob@someschool.edu) alice@crepes.fr", ("crepes.fr",), ""),
    ('"a\\"b@x.example" <alice@crepes.fr>', ("crepes.fr",), ""),
    ('"odd@local"@crepes.fr', ("crepes.fr",), ""),
    ("alice@crêpes.fr", ("xn--crpes-isa.fr",), ""),
    ("<@relay.example:alice@crepes.fr>", ("relay.example", "crepes.fr"), "2 domains"),
    ("Alice <alice@crepes.fr>, Adam <adam@crepes.fr>", ("crepes.fr",), ""),
    ("Alice <alice@crepes.fr>, Eve <eve@evil.example>", ("crepes.fr", "evil.example"), "2 domains"),
    ("bob@someschool.edu <eve@evil.example>", ("someschool.edu", "evil.example"), "2 domains"),
    ("<bob@someschool.edu> <eve@evil.example>", ("someschool.edu", "evil.example"), "2 domains"),
    ("Alice", (), "no address"),
    ("alice@", (), "no address"),
    ("", (), "no address"),
    ("undisclosed:;", (), "no address"),
    ("<" * 8_000 + "@" * 8_000, (), "no address"),
]


@pytest.mark.parametrize(("value", "domains", "problem"), FROM)
@pytest.mark.cpu_seconds(2)
def test_whom_a_message_is_from(value: str, domains: tuple[str, ...], problem: str) -> None:
    author = author_of(parse(f"From: {value}\r\n\r\n".encode()))
    assert author.domains == domains
    assert problem in author.problem
    assert bool(author.domain) == (not problem)


def test_two_from_fields_are_no_author() -> None:
    author = author_of(parse(b"From: a@crepes.fr\r\nFrom: b@evil.example\r\n\r\n"))
    assert (author.domain, author.domains) == ("", ("crepes.fr", "evil.example"))
    assert dmarc.verify(world(), author, None, []).result == "permerror"


@given(st.binary(max_size=300))
def test_hostile_authors_are_answered(value: bytes) -> None:
    author = author_of(parse(b"From: " + value + b"\r\n\r\n"))
    assert author.domain or author.problem


@given(st.text(max_size=200))
def test_hostile_records_are_answered(text: str) -> None:
    record = dmarc_record.parse("v=DMARC1;" + text)
    assert record.policy in ("none", "quarantine", "reject")


@pytest.mark.cpu_seconds(2)
def test_a_record_of_64_kb_is_answered() -> None:
    assert dmarc_record.parse("v=DMARC1;" + "x=y;" * 16_000 + "p=reject").broken

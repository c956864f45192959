"""Large receivers as their public rules have them: each row has its source, and refuses what it is about."""

from __future__ import annotations

import re
from datetime import date
from typing import get_args

import pytest

from testbed.authentication import dkim, dmarc, reverse, spf
from testbed.authentication.author import Author
from testbed.authentication.judge import Judgement, Offer
from testbed.authentication.persona import CONDITIONS, Circumstances, decide, persona
from testbed.authentication.persona_page import markdown
from testbed.authentication.words import RESULTS, Receiver
from testbed.protocols.refusals import cause_of
from testbed.scenario.faults.reply import check_smtp_reply
from tests.conftest import PROJECT

NAMES = get_args(Receiver)
OFFER = Offer("192.0.2.3", "mx.crepes.fr", "alice@crepes.fr", b"")
SIGNED = (dkim.Verdict("pass", "fits", None, "crepes.fr"),)


def judgement(
    of_spf: spf.Result = "pass",
    signed: bool = True,
    of_dmarc: dmarc.Result = "pass",
    policy: str = "none",
    ptr: reverse.Result = "pass",
    author: Author = Author(("crepes.fr",)),  # noqa: B008 - frozen
) -> Judgement:
    verdict = dmarc.Verdict(of_dmarc, "because", "crepes.fr", policy=policy)  # type: ignore[arg-type]
    of_client = spf.Verdict(of_spf, "because", "crepes.fr")
    return Judgement(OFFER, author, of_client, SIGNED if signed else (), verdict, None, reverse.Verdict(ptr, "because"))


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_a_source_a_day_and_a_reply(name: str) -> None:
    who = persona(name)
    assert set(who.checks) <= set(RESULTS)
    for source, read in [(who.bulk_source, who.bulk_read), *((rule.source, rule.read) for rule in who.rules)]:
        assert source.startswith("https://")
        assert date(2024, 1, 1) < date.fromisoformat(read) <= date(2026, 11, 30)
    for rule in who.rules:
        assert rule.when in CONDITIONS
        check_smtp_reply(rule.reply.format(domain="crepes.fr", client="192.0.2.3", sender="crepes.fr"))


def test_the_page_has_every_row_with_its_source_and_day() -> None:
    assert (PROJECT / "docs" / "personas.md").read_text("utf-8") == markdown(), "run 'make docs'"


CAUSES = {
    "not one author": {"not-authorised"},
    "no ptr": {"no-reverse-dns"},
    "dmarc unknown": {"dmarc-failed"},
    "dmarc reject": {"dmarc-failed", "sender-unauthenticated"},
    "neither spf nor dkim": {"sender-unauthenticated"},
    "no tls": {"encryption-needed"},
    "no spf": {"spf-failed", "sender-unauthenticated"},
    "no dkim": {"dkim-failed", "sender-unauthenticated"},
    "no dmarc": {"sender-unauthenticated"},
    "not aligned": {"sender-unauthenticated"},
}


@pytest.mark.parametrize("name", NAMES)
def test_the_inspector_knows_what_each_refusal_is_about(name: str) -> None:
    for rule in persona(name).rules:
        code, enhanced, text = re.match(r"(\d+) ([\d.]+) (.*)", rule.reply).groups()  # type: ignore[union-attr]
        cause = cause_of(code, enhanced, text)
        assert cause is not None
        # Yahoo has one reply for all, which tells no more than that it has reasons.
        assert cause.name in (CAUSES[rule.when] if name != "yahoo" else {"policy"}), rule.reply


CASES = [
    ("gmail", judgement(), False, False, ""),
    ("gmail", judgement(), True, True, ""),
    ("gmail", judgement(author=Author(("a.fr", "b.fr"), "two")), True, False, "550 5.7.1"),
    ("gmail", judgement(ptr="permerror"), True, False, "550 5.7.25"),
    ("gmail", judgement("fail", False, "fail"), True, False, "550 5.7.26"),
    ("gmail", judgement("pass", False, "fail", "reject"), True, False, "550 5.7.26"),
    ("gmail", judgement(of_dmarc="temperror"), True, False, "451 4.7.26"),
    ("gmail", judgement("fail"), True, False, ""),
    ("gmail", judgement("fail"), True, True, "550 5.7.27"),
    ("gmail", judgement(), False, True, "550 5.7.29"),
    ("gmail", judgement(signed=False), True, True, "550 5.7.30"),
    ("gmail", judgement(of_dmarc="none"), True, True, "550 5.7.40"),
    ("gmail", judgement(of_dmarc="fail"), True, True, "421 4.7.32"),
    ("outlook", judgement("fail", False, "none"), False, False, ""),
    ("outlook", judgement("fail", True, "pass"), False, True, "550 5.7.515"),
    ("outlook", judgement("pass", True, "fail", "reject"), False, False, "550 5.7.509"),
    ("yahoo", judgement("fail", False, "none"), False, False, "554 5.7.9"),
    ("yahoo", judgement("pass", False, "none"), False, False, ""),
    ("yahoo", judgement("pass", False, "pass"), False, True, "554 5.7.9"),
]


@pytest.mark.parametrize(("name", "found", "tls", "bulk", "reply"), CASES, ids=range(len(CASES)))
def test_what_a_persona_says(name: str, found: Judgement, tls: bool, bulk: bool, reply: str) -> None:
    decision = decide(persona(name), found, Circumstances(tls, bulk))
    assert " ".join(decision.reply.split()[:2]) == reply
    assert decision.action == ("accept" if not reply else "later" if reply.startswith("4") else "refuse")


def test_quarantine_is_junk() -> None:
    assert (
        decide(persona("yahoo"), judgement(of_dmarc="fail", policy="quarantine"), Circumstances(True, False)).action
        == "junk"
    )

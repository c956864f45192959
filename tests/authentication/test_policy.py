"""What becomes of a message by what its checks found."""

from __future__ import annotations

import pytest

from testbed.authentication import arc, block_list, dkim, dmarc, reverse, spf
from testbed.authentication.author import Author
from testbed.authentication.judge import Judgement, Offer
from testbed.authentication.policy import decide
from testbed.authentication.words import Check

OFFER = Offer("192.0.2.3", "mx.crepes.fr", "alice@crepes.fr", b"")
SEAL = arc.Set(1, "lists.example", "none", "lists.example; dmarc=pass header.from=crepes.fr")


def judgement(**found: object) -> Judgement:
    return Judgement(OFFER, Author(("crepes.fr",)), **found)  # type: ignore[arg-type]


def of_spf(result: spf.Result) -> spf.Verdict:
    return spf.Verdict(result, "because", "crepes.fr")


def of_dmarc(result: dmarc.Result, policy: str = "none") -> dmarc.Verdict:
    return dmarc.Verdict(result, "because", "crepes.fr", "crepes.fr", policy=policy)  # type: ignore[arg-type]


Case = tuple[tuple[Check, ...], dict[str, object], dict[str, str], str, str]
CASES: list[Case] = [
    (("spf",), {"spf": of_spf("pass")}, {}, "accept", ""),
    (("spf",), {"spf": of_spf("fail")}, {}, "refuse", "550 5.7.23 because"),
    (("spf",), {"spf": of_spf("softfail")}, {}, "accept", ""),
    (("spf",), {"spf": of_spf("temperror")}, {}, "later", "451 4.7.24 because"),
    (("spf",), {"spf": of_spf("permerror")}, {"spf permerror": "refuse"}, "refuse", "550 5.7.24 because"),
    (("spf",), {"spf": of_spf("fail")}, {"spf fail": "junk"}, "junk", ""),
    (("spf",), {"spf": of_spf("fail")}, {"spf fail": "later"}, "later", "451 4.7.23 because"),
    (("spf",), {"spf": of_spf("fail")}, {"spf fail": "550 5.7.1 No"}, "refuse", "550 5.7.1 No"),
    (("spf",), {"spf": of_spf("fail")}, {"spf fail": "450 4.7.1 Not now"}, "later", "450 4.7.1 Not now"),
    (("spf", "dmarc"), {"spf": of_spf("fail"), "dmarc": of_dmarc("pass")}, {}, "accept", ""),
    (("dmarc",), {"spf": of_spf("fail"), "dmarc": of_dmarc("pass")}, {"spf fail": "refuse"}, "accept", ""),
    (("dmarc",), {"dmarc": of_dmarc("fail")}, {}, "accept", ""),
    (("dmarc",), {"dmarc": of_dmarc("fail", "quarantine")}, {}, "junk", ""),
    (("dmarc",), {"dmarc": of_dmarc("fail", "reject")}, {}, "refuse",
     "550 5.7.26 Refused as the DMARC policy of crepes.fr asks: because"),
    (("dmarc",), {"dmarc": of_dmarc("fail", "reject")}, {"dmarc fail": "accept"}, "accept", ""),
    (("dmarc",), {"dmarc": of_dmarc("temperror")}, {}, "later", "451 4.7.26 because"),
    (("ptr",), {"ptr": reverse.Verdict("permerror", "because")}, {}, "refuse", "550 5.7.25 because"),
    (("dkim",), {"dkim": ()}, {"dkim none": "refuse"}, "refuse", "550 5.7.20 the message is not signed"),
    (("arc",), {"arc": arc.Chain("fail", "because")}, {"arc fail": "refuse"}, "refuse", "550 5.7.29 because"),
    (("dnsbl",), {"dnsbl": (block_list.Verdict("refused", "quota", "a"), block_list.Verdict("listed", "because", "b"))},
     {}, "refuse", "554 5.7.1 because"),
    (("dnsbl",), {"dnsbl": (block_list.Verdict("refused", "quota", "a"),)}, {}, "accept", ""),
    (("spf", "ptr"), {"spf": of_spf("fail"), "ptr": reverse.Verdict("temperror", "later")}, {}, "refuse",
     "550 5.7.23 because"),
]  # fmt: skip


@pytest.mark.parametrize(("checks", "found", "policy", "action", "reply"), CASES, ids=range(len(CASES)))
def test_what_becomes_of_a_message(
    checks: tuple[Check, ...], found: dict[str, object], policy: dict[str, str], action: str, reply: str
) -> None:
    decision = decide(judgement(**found), checks, policy)
    assert (decision.action, decision.reply) == (action, reply)


def test_of_several_signatures_one_that_fits_is_enough() -> None:
    verdicts = (dkim.Verdict("fail", "broken"), dkim.Verdict("pass", "fits"))
    assert decide(judgement(dkim=verdicts), ("dkim",), {"dkim fail": "refuse"}).action == "accept"


@pytest.mark.parametrize(
    ("trusted", "chain", "action"),
    [
        (("lists.example",), arc.Chain("pass", "", (SEAL,)), "accept"),
        (("other.example",), arc.Chain("pass", "", (SEAL,)), "refuse"),
        (("lists.example",), arc.Chain("fail", "", (SEAL,)), "refuse"),
        (("lists.example",), arc.Chain("pass", "", (arc.Set(1, "lists.example", "none", "x; dmarc=fail"),)), "refuse"),
        # Who sealed it last must be trusted, too: he may have changed it.
        (("lists.example",), arc.Chain("pass", "", (SEAL, arc.Set(2, "evil.example", "pass", "x"))), "refuse"),
    ],
)
def test_a_trusted_seal_stands_in_for_dmarc(trusted: tuple[str, ...], chain: arc.Chain, action: str) -> None:
    found = judgement(dmarc=of_dmarc("fail", "reject"), arc=chain)
    assert decide(found, ("dmarc", "arc"), {}, trusted).action == action

"""What a client demands of a server, and what it does with what it sees: delay, deliver, deliver in clear."""

from __future__ import annotations

import pytest

from testbed.transport_security.decision import Decision, Seen, before_connecting, decide
from testbed.transport_security.demand import Demand, TlsaAnswer, demand_for, required_by_sender, words
from testbed.transport_security.mta_sts import StsPolicy
from testbed.transport_security.tlsa import read_tlsa, tlsa_text
from tests.transport_security.chains import HOST, LATER, NOW, anchor, leaf

DOMAIN = "someschool.edu"
ENFORCE, TESTING = StsPolicy("enforce", 604_800, (HOST,)), StsPolicy("testing", 604_800, (HOST,))
OTHERS = StsPolicy("enforce", 604_800, ("*.example.net",))
OTHERS_TESTED = StsPolicy("testing", 604_800, ("*.example.net",))
OFF = StsPolicy("none", 604_800)
GOOD = TlsaAnswer(read_tlsa([tlsa_text(leaf(), 3, 1, 1)]))
STALE = TlsaAnswer(read_tlsa(["3 1 1 " + "ab" * 32]))
UNUSABLE = TlsaAnswer(read_tlsa(["0 1 1 " + "ab" * 32]))
UNKNOWN = TlsaAnswer(failure="the name server answered SERVFAIL")
UNSIGNED = TlsaAnswer()

TLS = Seen(NOW, (leaf(), anchor()))
WRONG_NAME, STRANGER = Seen(NOW, (leaf("other.example"), anchor())), Seen(NOW, (leaf(which=2),))
EXPIRED, CLEAR = Seen(LATER, (leaf(), anchor())), Seen(NOW, trouble="STARTTLS is not offered")


@pytest.mark.parametrize(
    ("dane", "sts", "seen", "deed", "result"),
    [
        # nothing is published, or nothing that counts
        (None, None, CLEAR, "send-in-clear", "starttls-not-supported"),
        (None, None, STRANGER, "send", ""),
        (UNSIGNED, None, CLEAR, "send-in-clear", "starttls-not-supported"),
        (None, OFF, CLEAR, "send-in-clear", "starttls-not-supported"),
        # MTA-STS (RFC 8461 §5)
        (None, ENFORCE, TLS, "send", ""),
        (None, ENFORCE, CLEAR, "wait", "starttls-not-supported"),
        (None, ENFORCE, WRONG_NAME, "wait", "certificate-host-mismatch"),
        (None, ENFORCE, STRANGER, "wait", "certificate-not-trusted"),
        (None, ENFORCE, EXPIRED, "wait", "certificate-expired"),
        (None, OTHERS, TLS, "wait", "validation-failure"),
        (None, TESTING, TLS, "send", ""),
        (None, TESTING, CLEAR, "send-in-clear", "starttls-not-supported"),
        (None, TESTING, WRONG_NAME, "send", "certificate-host-mismatch"),
        (None, OTHERS_TESTED, TLS, "send", "validation-failure"),
        # DANE (RFC 7672 §2.2), which goes first (RFC 8461 §2)
        (GOOD, None, TLS, "send", ""),
        (GOOD, OTHERS, TLS, "send", ""),
        (GOOD, None, CLEAR, "wait", "starttls-not-supported"),
        (GOOD, None, EXPIRED, "send", ""),
        (STALE, None, TLS, "wait", "validation-failure"),
        (STALE, ENFORCE, TLS, "wait", "validation-failure"),
        (STALE, TESTING, TLS, "wait", "validation-failure"),
        (UNUSABLE, None, STRANGER, "send", ""),
        (UNUSABLE, None, CLEAR, "wait", "starttls-not-supported"),
        (UNKNOWN, ENFORCE, TLS, "wait", "dnssec-invalid"),
        (UNSIGNED, ENFORCE, TLS, "send", ""),
    ],
)
def test_what_a_client_does(dane: TlsaAnswer | None, sts: StsPolicy | None, seen: Seen, deed: str, result: str) -> None:
    demand = demand_for(HOST, DOMAIN, dane, sts)
    decision = before_connecting(demand) or decide(demand, seen, [anchor()])
    assert (decision.deed, decision.result) == (deed, result)


@pytest.mark.parametrize(
    ("dane", "deed"), [(GOOD, "send"), (STALE, "wait"), (UNUSABLE, "send"), (UNSIGNED, "wait"), (UNKNOWN, "wait")]
)
def test_nothing_is_sent_without_tlsa_where_the_client_says_so(dane: TlsaAnswer, deed: str) -> None:
    demand = demand_for(HOST, DOMAIN, dane, None, only_dane=True)
    assert (before_connecting(demand) or decide(demand, TLS)).deed == deed


@pytest.mark.parametrize(
    ("demand", "mx_is_authentic", "seen", "deed"),
    [
        (Demand(), False, TLS, "wait"),
        (Demand(), True, TLS, "send"),
        (Demand(), True, STRANGER, "wait"),
        (Demand(), True, CLEAR, "wait"),
        (demand_for(HOST, DOMAIN, GOOD, None), True, TLS, "send"),
        (demand_for(HOST, DOMAIN, None, ENFORCE), False, TLS, "send"),
        (demand_for(HOST, DOMAIN, None, TESTING), False, CLEAR, "wait"),
        (demand_for(HOST, DOMAIN, None, OTHERS_TESTED), False, TLS, "wait"),
        (demand_for(HOST, DOMAIN, UNUSABLE, None), True, TLS, "wait"),
    ],
)
def test_what_requiretls_demands_besides(demand: Demand, mx_is_authentic: bool, seen: Seen, deed: str) -> None:
    demand = required_by_sender(demand, HOST, mx_is_authentic=mx_is_authentic)
    assert (before_connecting(demand) or decide(demand, seen, [anchor()])).deed == deed


def test_the_reason_is_a_sentence() -> None:
    assert decide(demand_for(HOST, DOMAIN, None, ENFORCE), WRONG_NAME, [anchor()]) == Decision(
        "wait", f"the certificate is for other.example, not for {HOST}", result="certificate-host-mismatch"
    )
    assert decide(demand_for(HOST, DOMAIN, GOOD, None), TLS).proven


def test_a_demand_in_words() -> None:
    assert words(demand_for(HOST, DOMAIN, None, TESTING)) == (
        f"TLS, with a good certificate for {HOST} (MTA-STS), for testing only"
    )

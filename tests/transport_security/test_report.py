"""Reports on TLS (RFC 8460): what a session counts as, how they are written and read, and to whom they go."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.transport_security import report_json, report_message
from testbed.transport_security.decision import Decision
from testbed.transport_security.demand import Demand
from testbed.transport_security.mta_sts import StsPolicy
from testbed.transport_security.report import (
    POLICY_TYPES,
    RESULT_TYPES,
    Failure,
    Policy,
    PolicyResults,
    Report,
    Session,
    policy_of,
    report,
    session,
)
from testbed.transport_security.report_json import Unreadable
from testbed.transport_security.report_record import Destinations, NoReports, address_record, destinations_in
from testbed.transport_security.tlsa import read_tlsa

DATE = "Fri, 01 Apr 2016 00:00:00 +0000"
DOMAIN, HOST = "company-y.example", "mx1.mail.company-y.example"
STS = StsPolicy("testing", 86_400, ("*.mail.company-y.example",))
LINES = ("version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400")
TLSA = read_tlsa(["3 1 1 " + "ab" * 32])


@pytest.mark.parametrize(
    ("demand", "sts", "announced", "policy"),
    [
        (Demand(), None, False, Policy("no-policy-found", DOMAIN)),
        (Demand(), None, True, Policy("sts", DOMAIN)),
        (Demand("pkix", "mta-sts", (HOST,)), STS, False, Policy("sts", DOMAIN, LINES, STS.mx)),
        (Demand("dane", "dane", (HOST,), TLSA), STS, False, Policy("tlsa", HOST, ("3 1 1 " + "ab" * 32,))),
        (Demand(source="dane", refusal="SERVFAIL"), None, False, Policy("tlsa", HOST)),
    ],
)
def test_the_policy_of_a_session(demand: Demand, sts: StsPolicy | None, announced: bool, policy: Policy) -> None:
    """That of DANE is the mail server's, of MTA-STS the domain's (§1.1)."""
    assert policy_of(demand, DOMAIN, HOST, sts, announced=announced) == policy


BETWEEN = Failure("", "192.0.2.1", HOST, "192.0.2.25")
KNOWN, UNKNOWN = Policy("sts", DOMAIN, LINES, STS.mx), Policy("sts", DOMAIN)
BLOCKED = Failure("sts-policy-fetch-error", reason="connection refused")
GOOD, STALE = Decision("send", "it fits"), Decision("wait", "it does not", result="validation-failure")


@pytest.mark.parametrize(
    ("policy", "level", "decision", "trouble", "failed", "results"),
    [
        (KNOWN, "pkix", GOOD, None, False, ()),
        (KNOWN, "pkix", STALE, None, True, ("validation-failure",)),
        (
            KNOWN,
            "pkix",
            Decision("send", "expired", result="certificate-expired"),
            None,
            True,
            ("certificate-expired",),
        ),
        (KNOWN, "pkix", GOOD, BLOCKED, False, ("sts-policy-fetch-error",)),
        (UNKNOWN, "tried", GOOD, BLOCKED, True, ("sts-policy-fetch-error",)),
        (Policy("tlsa", HOST), "encrypted", GOOD, None, False, ("tlsa-invalid",)),
    ],
)
def test_what_a_session_counts_as(
    policy: Policy, level: str, decision: Decision, trouble: Failure | None, failed: bool, results: tuple[str, ...]
) -> None:
    """What would have failed has, also where the mail was sent all the same."""
    found = session(policy, Demand(level), decision, BETWEEN, trouble)  # type: ignore[arg-type]
    assert (found.failed, tuple(one.result for one in found.failures)) == (failed, results)
    assert set(results) <= set(RESULT_TYPES)


SESSIONS = Counter(
    {
        Session(KNOWN): 5326,
        Session(KNOWN, True, (Failure("certificate-expired", "2001:db8:abcd:12::1", HOST),)): 100,
        Session(KNOWN, True, (Failure("starttls-not-supported", "192.0.2.2", HOST, "203.0.113.56"),)): 200,
        Session(Policy("no-policy-found", DOMAIN)): 1,
    }
)
REPORT = report(DOMAIN, "company-x.example", "tls@company-x.example", 1459468800, 1459555199, SESSIONS)


def test_sessions_are_counted_by_their_policies() -> None:
    """As in the example of the RFC (appendix B)."""
    sts, none = REPORT.policies
    assert (sts.successful, sts.failed, [times for _, times in sts.failures]) == (5326, 300, [100, 200])
    assert (none.successful, none.failed, none.failures) == (1, 0, ())
    assert REPORT.sessions == 5627


def test_the_document_has_the_fields_of_the_rfc() -> None:
    """§4.4; what is empty is left out."""
    document = json.loads(report_json.written(REPORT))
    assert document["organization-name"] == "company-x.example"
    assert document["contact-info"] == "tls@company-x.example"
    assert document["date-range"] == {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"}
    assert document["policies"][0] == {
        "policy": {
            "policy-type": "sts",
            "policy-string": list(LINES),
            "policy-domain": DOMAIN,
            "mx-host": ["*.mail.company-y.example"],
        },
        "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 300},
        "failure-details": [
            {
                "result-type": "certificate-expired",
                "sending-mta-ip": "2001:db8:abcd:12::1",
                "receiving-mx-hostname": HOST,
                "failed-session-count": 100,
            },
            {
                "result-type": "starttls-not-supported",
                "sending-mta-ip": "192.0.2.2",
                "receiving-mx-hostname": HOST,
                "receiving-ip": "203.0.113.56",
                "failed-session-count": 200,
            },
        ],
    }


def test_the_message_has_the_form_of_the_rfc() -> None:
    """§5.3: a report by its type, two fields of its own, a subject and a file name that tell whose it is."""
    mail = message_from_bytes(report_message.message(REPORT, ["tls@company-y.example"], DATE))
    assert (mail.get_content_type(), mail.get_param("report-type")) == ("multipart/report", "tlsrpt")
    assert (mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"]) == (DOMAIN, "company-x.example")
    assert mail["TLS-Required"] == "No"
    identifier = f"<{DOMAIN}.1459468800.1459555199.tls@company-x.example>"
    assert (
        " ".join(mail["Subject"].split())
        == f"Report Domain: {DOMAIN} Submitter: company-x.example Report-ID: {identifier}"
    )
    assert mail["Message-ID"] == identifier
    part = next(part for part in mail.walk() if part.get_content_type() == "application/tlsrpt+gzip")
    assert part.get_filename() == f"company-x.example!{DOMAIN}!1459468800!1459555199.json.gz"


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
FAILURES = st.builds(Failure, st.sampled_from(RESULT_TYPES), WORDS, WORDS, st.just(""), WORDS)
POLICIES = st.builds(Policy, st.sampled_from(POLICY_TYPES), WORDS, st.lists(WORDS, max_size=3).map(tuple))
SEEN = st.builds(Session, POLICIES, st.booleans(), st.lists(FAILURES, max_size=2).map(tuple))


@given(st.dictionaries(SEEN, st.integers(1, 10**9), min_size=1, max_size=4))
def test_what_is_written_is_read_again(sessions: dict[Session, int]) -> None:
    """By way of the message that carries it."""
    written = report(DOMAIN, "company-x.example", "tls@company-x.example", 0, 86399, sessions)
    assert report_message.read(report_message.message(written, ["tls@company-y.example"], DATE)) == written


def changed(**changes: object) -> bytes:
    """The document with other values."""
    return json.dumps({**json.loads(report_json.written(REPORT)), **changes}).encode()


POLICY = {"policy": {"policy-type": "sts", "policy-domain": DOMAIN}}
COUNTED = {"total-successful-session-count": 1, "total-failure-session-count": 0}
BAD_DOCUMENTS = [
    (b"{", "no JSON"),
    (b"\xff", "no JSON"),
    (b"[" * 100_000, "no JSON"),
    (b"[]", "the document is no object"),
    (b" " * 10_000_001, "more than 10000000 octets"),
    (changed(policies=None), "policies is no list"),
    (changed(policies=[{}]), "policy is no object"),
    (changed(policies=[{**POLICY, "summary": {**COUNTED, "total-failure-session-count": -1}}]), "no number of"),
    (changed(policies=[{**POLICY, "summary": {**COUNTED, "total-failure-session-count": True}}]), "no number of"),
    (changed(policies=[{"policy": {"policy-type": "spf", "policy-domain": "a"}, "summary": COUNTED}]), "none of tlsa"),
    (changed(**{"date-range": {"start-datetime": "yesterday", "end-datetime": "today"}}), "no date of RFC 3339"),
    (changed(**{"report-id": 7}), "report-id is missing, or is no text"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "why"), BAD_DOCUMENTS, ids=[why for _, why in BAD_DOCUMENTS])
def test_what_is_no_report_is_refused_with_the_reason(document: bytes, why: str) -> None:
    """Nothing of it is believed."""
    with pytest.raises(Unreadable, match=why):
        report_json.read(document)


def test_reports_as_others_write_them_are_read() -> None:
    """A pattern of MX as one text, dates without a zone, and fields that nobody knows."""
    text = changed(
        **{"date-range": {"start-datetime": "2016-04-01T00:00:00", "end-datetime": "2016-04-01T23:59:59"}, "x": 1}
    )
    text = text.replace(b'["*.mail.company-y.example"]', b'"*.mail.company-y.example"')
    assert report_json.read(text, DOMAIN) == REPORT


def carried(kind: str, content: bytes) -> bytes:
    """A message that is an attachment and nothing else."""
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + content


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (carried("application/tlsrpt+gzip", b"{}"), "no gzip file"),
        (carried("application/tlsrpt+gzip", gzip.compress(bytes(20_000_000))), "more than 10000000 octets"),
        (carried("application/tlsrpt+gzip", gzip.compress(report_json.written(REPORT))[:50]), "ends before its end"),
        (carried("text/plain", b"Hello"), "no part"),
    ],
)
def test_a_message_without_a_report_is_refused_with_the_reason(message: bytes, why: str) -> None:
    """A file that unpacks to more than a report may have is not unpacked further."""
    with pytest.raises(Unreadable, match=why):
        report_message.read(message)


def test_an_empty_day_is_an_empty_report() -> None:
    """Of a client that writes some."""
    empty = Report(DOMAIN, "a.example", "b@a.example", 0, 1, "c", (PolicyResults(KNOWN),))
    assert report_message.read(report_message.message(empty, ["d@e.example"], DATE)) == empty


@pytest.mark.parametrize(
    ("records", "where"),
    [
        ([], Destinations()),
        (["v=spf1 -all"], Destinations()),
        ([address_record(["a@b.example", "c@d.example"])], Destinations(("a@b.example", "c@d.example"))),
        (
            ["v=TLSRPTv1;rua=https://b.example/tls,mailto:a@b.example;"],
            Destinations(("a@b.example",), ("https://b.example/tls",)),
        ),
        ([address_record(["https://b.example/tls"])], Destinations((), ("https://b.example/tls",))),
        (
            ["v=TLSRPTv1; rua=https://b.example:8443/tls, http://b.example/, https://a@b.example/"],
            Destinations((), (), ("https://b.example:8443/tls", "http://b.example/", "https://a@b.example/")),
        ),
        (["v=TLSRPTv1; x=1; rua=mailto:a@b.example"], Destinations(("a@b.example",))),
    ],
)
def test_where_a_record_wants_reports(records: list[str], where: Destinations) -> None:
    """By mail, or by HTTPS on its own port (§3)."""
    assert destinations_in(records) == where


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (["v=TLSRPTv1; rua=mailto:a@b.example"] * 2, "2 records"),
        (["v=TLSRPTv1"], "no rua"),
        (["v=TLSRPTv1; ruf=mailto:a@b.example"], "no rua"),
    ],
)
def test_records_that_count_as_none(records: list[str], why: str) -> None:
    """Who has two has none (§3)."""
    with pytest.raises(NoReports, match=why):
        destinations_in(records)

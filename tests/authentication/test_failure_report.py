"""DMARC's failure reports (RFC 9991, RFC 6591): of which messages, how they are written, and read."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from testbed.authentication import dkim, dmarc, failure_message, spf
from testbed.authentication.author import Author
from testbed.authentication.dmarc_record import parse
from testbed.authentication.failure_message import Unreadable
from testbed.authentication.failure_report import FailureReport, wanted
from testbed.authentication.judge import Judgement, Offer
from testbed.authentication.policy import Decision
from testbed.authentication.report_destinations import destinations
from testbed.authentication.words import AUTH_FAILURES, DELIVERIES
from tests.authentication.messages import world

DATE = "Tue, 16 Jan 2024 00:00:00 +0000"
MESSAGE = b"From: Alice <alice@crepes.fr>\r\nSubject: Hi\r\n\r\nSecret\r\n"


def judged(options: str, of_spf: spf.Result, aligned: str = "", **signature: object) -> Judgement:
    """A message of crepes.fr from 192.0.2.1; ``aligned`` passes for its author, ``signature`` is what DKIM says."""
    record = parse(f"v=DMARC1; p=reject; ruf=mailto:them@crepes.fr{options}")
    signed = (dkim.Verdict("pass", "", domain="crepes.fr", selector="s1"),) if signature or "dkim" in aligned else ()
    verdicts = tuple(replace(one, **signature) for one in signed)
    passed = {"spf": "crepes.fr" if "spf" in aligned else "", "dkim": ("crepes.fr",) if "dkim" in aligned else ()}
    verdict = dmarc.Verdict(
        "pass" if aligned else "fail",
        "",
        "crepes.fr",
        "crepes.fr",
        "crepes.fr",
        record,
        **passed,  # type: ignore[arg-type]
    )
    asked = spf.Verdict(of_spf, "", "crepes.fr", record="v=spf1 -all")
    offer = Offer("192.0.2.1", "mail.crepes.fr", "alice@crepes.fr", MESSAGE)
    return Judgement(offer, Author(("crepes.fr",)), asked, verdicts, verdict)


BROKEN = {"result": "fail", "body_fits": False}
REVOKED = {"result": "permerror", "body_fits": False, "blame": "revoked"}
FORGED = {"result": "fail", "body_fits": True, "header_fits": False}


@pytest.mark.parametrize(
    ("judgement", "failures"),
    [
        (judged("", "fail"), ["dmarc"]),
        (judged("", "pass", "spf"), []),
        (judged("; fo=0", "fail", "dkim"), []),
        (judged("; fo=1", "fail", "dkim"), ["dmarc"]),
        (judged("; fo=1", "pass", "spf"), ["dmarc"]),
        (judged("; fo=1", "pass", "spf dkim"), []),
        (judged("; fo=0:1", "pass", "spf"), ["dmarc"]),
        (judged("; fo=d", "pass", "spf", **BROKEN), ["bodyhash"]),
        (judged("; fo=d", "pass", "spf", **FORGED), ["signature"]),
        (judged("; fo=d", "pass", "spf", **REVOKED), ["revoked"]),
        (judged("; fo=d", "fail"), []),
        (judged("; fo=s", "fail"), ["spf"]),
        (judged("; fo=s", "softfail", "dkim"), ["spf"]),
        (judged("; fo=s", "pass"), []),
        (judged("; fo=s", "none"), []),
        (judged("; fo=0:d:s", "fail", **BROKEN), ["dmarc", "bodyhash", "spf"]),
        (judged("; fo=x", "fail"), ["dmarc"]),
    ],
)
def test_of_which_messages_an_owner_hears(judgement: Judgement, failures: list[str]) -> None:
    """As fo says, and what nobody knows counts for unsaid (RFC 9989 §4.7)."""
    domain, addresses, reports = wanted(judgement, Decision(), "someschool.edu")
    assert (domain, addresses) == ("crepes.fr", ("them@crepes.fr",))
    assert [one.failure for one in reports] == failures


FAILED = judged("", "fail")


@pytest.mark.parametrize(
    ("judgement", "decision"),
    [
        (FAILED, Decision("later", "451 4.7.24 Later")),
        (replace(FAILED, offer=replace(FAILED.offer, mail_from="")), Decision()),
        (judged("; psd=y", "fail"), Decision()),
        (replace(FAILED, dmarc=replace(FAILED.dmarc, result="temperror")), Decision()),  # type: ignore[type-var]
        (replace(FAILED, dmarc=None), Decision()),
    ],
)
def test_of_which_nobody_hears(judgement: Judgement, decision: Decision) -> None:
    """What is to come again, what may be a report itself, and what belongs to a public suffix."""
    assert wanted(judgement, decision, "someschool.edu")[2] == []


@pytest.mark.parametrize(("action", "delivery"), [("accept", "delivered"), ("junk", "spam"), ("refuse", "reject")])
def test_what_a_report_says(action: str, delivery: str) -> None:
    """Where the message came from, what failed, what became of it, and nothing of its body."""
    _, _, [report] = wanted(FAILED, Decision(action), "someschool.edu")  # type: ignore[arg-type]
    octets = failure_message.message(report, "postmaster@someschool.edu", ["them@crepes.fr"], DATE, DATE, "1@x.example")
    mail = message_from_bytes(octets)
    assert (mail.get_content_type(), mail.get_param("report-type")) == ("multipart/report", "feedback-report")
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds[1:3] == ["text/plain", "message/feedback-report"]
    assert kinds[-1] == "text/rfc822-headers"
    [fields] = next(part for part in mail.walk() if part.get_content_type() == failure_message.KIND).get_payload()
    said = {
        name: fields[name] for name in ("Feedback-Type", "Version", "Auth-Failure", "Identity-Alignment", "Source-IP")
    }
    assert said == {
        "Feedback-Type": "auth-failure",
        "Version": "1",
        "Auth-Failure": "dmarc",
        "Identity-Alignment": "dkim, spf",
        "Source-IP": "192.0.2.1",
    }
    assert (fields["Delivery-Result"], fields["Reported-Domain"]) == (delivery, "crepes.fr")
    assert fields["SPF-DNS"] == 'txt : crepes.fr : "v=spf1 -all"'
    assert "dmarc=fail" in fields["Authentication-Results"]
    assert b"Subject: Hi" in octets
    assert b"Secret" not in octets


WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"<>:;,'), min_size=1, max_size=20
)
REPORTS = st.builds(
    FailureReport,
    st.sampled_from(AUTH_FAILURES),
    WORDS,
    st.sampled_from(((), ("dkim",), ("spf",), ("dkim", "spf"))),
    WORDS,
    st.ip_addresses().map(str),
    st.sampled_from(DELIVERIES),
    WORDS,
    st.just(b"Subject: Hi\r\n"),
    WORDS | st.just(""),
    WORDS | st.just(""),
    WORDS | st.just(""),
    st.just("crepes.fr"),
    st.just("v=spf1 -all"),
)


@given(REPORTS)
def test_what_is_written_is_read_again(report: FailureReport) -> None:
    """By way of the message that carries it."""
    octets = failure_message.message(report, "a@b.example", ["c@d.example"], DATE, DATE, "1@b.example")
    assert failure_message.read(octets) == report


@given(st.text(max_size=60))
def test_whatever_a_stranger_writes_no_field_is_added(stranger: str) -> None:
    """His envelope sender goes into it."""
    report = replace(wanted(FAILED, Decision(), "someschool.edu")[2][0], mail_from=stranger, dkim_domain=stranger)
    octets = failure_message.message(report, "a@b.example", ["c@d.example"], DATE, DATE, "1@b.example")
    found = failure_message.read(octets)
    assert (found.failure, found.source, found.domain) == ("dmarc", "192.0.2.1", "crepes.fr")


REPORT = failure_message.message(
    wanted(FAILED, Decision(), "someschool.edu")[2][0], "a@b.example", ["c@d.example"], DATE, DATE, "1@b.example"
)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "no part of the message"),
        (MESSAGE, "no part of the message"),
        (REPORT.replace(b"auth-failure", b"abuse"), "Feedback-Type is 'abuse'"),
        (REPORT.replace(b"Auth-Failure: dmarc", b"Auth-Failure: moon"), "Auth-Failure is 'moon'"),
        (REPORT.replace(b"Delivery-Result: delivered", b"Delivery-Result: eaten"), "Delivery-Result is 'eaten'"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(octets: bytes, why: str) -> None:
    """Nothing of it is believed."""
    with pytest.raises(Unreadable, match=why):
        failure_message.read(octets)


def test_strangers_agree_for_failures_apart() -> None:
    """Who names another address for reports of a day has named none for those of messages."""
    asked = "crepes.fr._report._dmarc.reports.example"
    records = {"_dmarc.crepes.fr": "v=DMARC1; p=none", asked: "v=DMARC1; rua=mailto:day@reports.example"}
    found = destinations(world(records), "crepes.fr", ("them@reports.example",), "ruf")
    assert found.addresses == ("them@reports.example",)


def test_what_a_strangers_report_does_not_say_of_alignment_is_unknown() -> None:
    report = (
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x\r\n"
        b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nAuth-Failure: dmarc\r\n"
        b"Reported-Domain: crepes.fr\r\n\r\n--x--\r\n"
    )
    assert failure_message.read(report).unaligned is None
    none = report.replace(b"Auth-Failure", b"Identity-Alignment: none\r\nAuth-Failure")
    assert failure_message.read(none).unaligned == ()

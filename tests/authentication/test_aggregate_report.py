"""DMARC's aggregate reports (RFC 9990): what counts, how it is written, read, and to whom it may go."""

from __future__ import annotations

import gzip
from collections import Counter
from email import message_from_bytes
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from testbed.authentication import aggregate_report as aggregate
from testbed.authentication import dkim, dmarc, report_message, report_xml, spf
from testbed.authentication.aggregate_report import Disposition, Override, Published, Report, Row, Signature
from testbed.authentication.author import Author
from testbed.authentication.dmarc_record import Policy, parse
from testbed.authentication.judge import Judgement, Offer
from testbed.authentication.policy import Decision
from testbed.authentication.report_destinations import destinations
from testbed.authentication.report_xml import Unreadable
from tests.authentication.messages import world

DATE = "Tue, 16 Jan 2024 00:00:00 +0000"
RUA = "; rua=mailto:dmarc@crepes.fr"


def judged(
    record: str, result: dmarc.Result, policy: Policy = "none", identity: spf.Identity = "mailfrom"
) -> Judgement:
    """A message of crepes.fr that came from 192.0.2.1; SPF passes and aligns where DMARC passes."""
    read = parse(record)
    verdict = dmarc.Verdict(
        result, "", "crepes.fr", "crepes.fr", "crepes.fr", read, read.policy, policy=policy,
        spf="crepes.fr" if result == "pass" else "",
    )  # fmt: skip
    of_spf = spf.Verdict("pass" if result == "pass" else "fail", "", "crepes.fr", identity)
    return Judgement(Offer("192.0.2.1", "a", "alice@Crepes.fr", b""), Author(("crepes.fr",)), of_spf, (), verdict)


REJECT, NONE = "v=DMARC1; p=reject" + RUA, "v=DMARC1; p=none" + RUA
REFUSED = Decision("refuse", "550 5.7.26 No", "dmarc fail")
ROWS = [
    (judged(REJECT, "pass"), Decision(), "pass", "", ""),
    (judged(NONE, "pass"), Decision(), "none", "", ""),
    (judged(REJECT, "fail", "reject"), REFUSED, "reject", "", ""),
    (judged(NONE, "fail"), Decision(), "none", "", ""),
    (judged(REJECT, "fail", "reject"), Decision(), "none", "local_policy", ""),
    (judged(REJECT, "fail", "reject"), Decision("junk", cause="dmarc fail"), "quarantine", "local_policy", ""),
    (judged(NONE, "fail"), Decision("refuse", cause="spf fail"), "reject", "local_policy", "spf fail"),
    (judged(REJECT + "; t=y", "fail", "quarantine"), Decision("junk", cause="dmarc fail"), "quarantine", "policy_test_mode", ""),  # noqa: E501
    (judged(REJECT, "fail", "reject"), Decision(overridden="lists.example saw it pass"), "none", "trusted_forwarder", "lists.example saw it pass"),  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize(("judgement", "decision", "disposition", "override", "comment"), ROWS)
def test_what_was_done_and_why_it_is_not_what_was_published(
    judgement: Judgement, decision: Decision, disposition: str, override: str, comment: str
) -> None:
    """What was done with a message for another reason than its owner's wish has that reason in its row."""
    row = aggregate.row(judgement, decision)
    assert row is not None
    assert (row.disposition, row.override, row.comment) == (disposition, override, comment)
    assert (row.source, row.header_from, row.envelope_from) == ("192.0.2.1", "crepes.fr", "crepes.fr")


@pytest.mark.parametrize(
    ("judgement", "decision"),
    [
        (judged(REJECT, "fail", "reject"), Decision("later", "451 4.7.24 Later")),
        (judged(REJECT, "temperror"), Decision()),
        (judged(REJECT, "permerror"), Decision()),
        (judged(REJECT, "none"), Decision()),
    ],
)
def test_what_has_no_result_yet_is_not_counted(judgement: Judgement, decision: Decision) -> None:
    """A message that is to come again would be counted twice."""
    assert aggregate.row(judgement, decision) is None


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (REJECT, Published("crepes.fr", "reject", "reject", "reject")),
        (
            REJECT + "; sp=quarantine; aspf=s; t=y; fo=1",
            Published("crepes.fr", "reject", "quarantine", "quarantine", "r", "s", True, "1"),
        ),
        ("v=DMARC1; p=reject", None),
        ("v=DMARC1; p=reject; rua=https://crepes.fr/", None),
    ],
)
def test_policies_are_reported_with_their_defaults(record: str, wanted: Published | None) -> None:
    """Nothing is reported to who names no address of mail."""
    assert aggregate.published(judged(record, "pass")) == wanted


def test_spf_of_the_clients_name_is_not_reported() -> None:
    """DMARC uses SPF of MAIL FROM alone."""
    row = aggregate.row(judged(REJECT, "fail", "reject", "helo"), REFUSED)
    assert row is not None
    assert (row.spf_domain, row.spf_result) == ("", "")


def test_signatures_nearest_to_the_author_come_first() -> None:
    """Of two hundred the hundred that tell the most."""
    found = [dkim.Verdict("fail", "", None, "crepes.fr", f"s{at}") for at in range(200)]
    found += [
        dkim.Verdict("pass", "", None, domain, "s") for domain in ("other.example", "mail.crepes.fr", "crepes.fr")
    ]
    judgement = judged(REJECT, "pass")
    assert judgement.dmarc is not None
    verdict = replace(judgement.dmarc, dkim=("mail.crepes.fr", "crepes.fr"))
    row = aggregate.row(replace(judgement, dkim=tuple(found), dmarc=verdict), Decision())
    assert row is not None
    assert len(row.signatures) == 100
    assert [one.domain for one in row.signatures[:4]] == ["crepes.fr", "mail.crepes.fr", "other.example", "crepes.fr"]


ROW = Row("192.0.2.1", "reject", "fail", "fail", "crepes.fr", "crepes.fr", (), "crepes.fr", "fail")
PUBLISHED = Published("crepes.fr", "reject", "reject", "reject")
REPORT = aggregate.report(
    "someschool.edu", "postmaster@someschool.edu", 1705276800, 1705363199, PUBLISHED, Counter({ROW: 3})
)


def test_a_report_has_the_name_and_the_subject_that_the_rfc_asks_for() -> None:
    """The attachment is found by its name, duplicates are by the Report-ID."""
    mail = message_from_bytes(report_message.message(REPORT, ["dmarc@crepes.fr", "them@reports.example"], DATE))
    part = next(part for part in mail.walk() if part.get_content_type() == "application/gzip")
    assert part.get_filename() == "someschool.edu!crepes.fr!1705276800!1705363199.xml.gz"
    subject = (
        "Report Domain: crepes.fr Submitter: someschool.edu Report-ID: <crepes.fr.1705276800.1705363199@someschool.edu>"
    )
    assert " ".join(mail["Subject"].split()) == subject
    assert mail["Message-ID"] == "<crepes.fr.1705276800.1705363199@someschool.edu>"
    assert mail["To"] == "dmarc@crepes.fr, them@reports.example"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert gzip.decompress(content).decode() == DOCUMENT


DOCUMENT = """<?xml version='1.0' encoding='utf-8'?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>someschool.edu</org_name>
    <email>postmaster@someschool.edu</email>
    <report_id>crepes.fr.1705276800.1705363199@someschool.edu</report_id>
    <date_range>
      <begin>1705276800</begin>
      <end>1705363199</end>
    </date_range>
  </report_metadata>
  <policy_published>
    <domain>crepes.fr</domain>
    <discovery_method>treewalk</discovery_method>
    <p>reject</p>
    <sp>reject</sp>
    <np>reject</np>
    <fo>0</fo>
    <adkim>r</adkim>
    <aspf>r</aspf>
    <testing>n</testing>
  </policy_published>
  <record>
    <row>
      <source_ip>192.0.2.1</source_ip>
      <count>3</count>
      <policy_evaluated>
        <disposition>reject</disposition>
        <dkim>fail</dkim>
        <spf>fail</spf>
      </policy_evaluated>
    </row>
    <identifiers>
      <header_from>crepes.fr</header_from>
      <envelope_from>crepes.fr</envelope_from>
    </identifiers>
    <auth_results>
      <spf>
        <domain>crepes.fr</domain>
        <scope>mfrom</scope>
        <result>fail</result>
      </spf>
    </auth_results>
  </record>
</feedback>
"""

WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
SIGNATURES = st.builds(Signature, WORDS, WORDS, st.sampled_from(get_args(dkim.Result)))


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Rows as a receiver makes them."""
    spf_result = draw(st.sampled_from(("", *get_args(spf.Result))))
    override = draw(st.sampled_from(("", *get_args(Override))))
    return Row(
        draw(st.ip_addresses().map(str)),
        draw(st.sampled_from(get_args(Disposition))),
        draw(st.sampled_from(("pass", "fail"))),
        draw(st.sampled_from(("pass", "fail"))),
        draw(WORDS),
        draw(WORDS | st.just("")),
        tuple(draw(st.lists(SIGNATURES, max_size=3))),
        draw(WORDS) if spf_result else "",
        spf_result,
        override,
        draw(WORDS | st.just("")) if override else "",
    )


POLICIES = st.sampled_from(get_args(Policy))
ALIGNMENTS = st.sampled_from(("r", "s"))
PUBLISHEDS = st.builds(
    Published, st.just("crepes.fr"), POLICIES, POLICIES, POLICIES, ALIGNMENTS, ALIGNMENTS, st.booleans(), WORDS
)


@given(PUBLISHEDS, st.dictionaries(rows(), st.integers(1, 10**12), min_size=1, max_size=4))
def test_what_is_written_is_read_again(published: Published, counted: dict[Row, int]) -> None:
    """By way of the message that carries it."""
    report = aggregate.report("someschool.edu", "postmaster@someschool.edu", 0, 86399, published, counted)
    assert report_message.read(report_message.message(report, ["dmarc@crepes.fr"], DATE)) == report


@given(st.text(max_size=30))
def test_whatever_a_stranger_writes_the_report_stays_xml(stranger: str) -> None:
    """His envelope sender goes into it."""
    row = replace(ROW, envelope_from=stranger)
    report = aggregate.report("someschool.edu", "postmaster@someschool.edu", 0, 86399, PUBLISHED, {row: 1})
    assert report_xml.read(report_xml.written(report)).rows[0][1] == 1


def without(text: str, by: str = "") -> bytes:
    """The document with something else in place of a text."""
    assert text in DOCUMENT
    return DOCUMENT.replace(text, by, 1).encode()


LAUGHS = '<!DOCTYPE feedback [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>\n<feedback '
BAD_DOCUMENTS = [
    (without("<feedback ", LAUGHS), "declares a document type"),
    (without("utf-8", "cp037").replace(b"<feedback ", LAUGHS.encode()), "declares a document type"),
    (DOCUMENT.encode("utf-16"), "not UTF-8"),
    (without("</feedback>"), "no XML"),
    (b"", "no XML"),
    (b"<html/>", "is <html>"),
    (without("<count>3</count>"), "<count> is missing in <row>"),
    (without(">3<", ">-3<"), "should be a number"),
    (without(">3<", ">" + "9" * 5000 + "<"), "should be a number"),
    (without(">reject<", ">refuse<"), "<p> is 'refuse', which is none of none, quarantine, reject"),
    (without("<record>", "<!--").replace(b"</record>", b"-->"), "no record"),
    (b" " * 10_000_001, "more than 10000000 octets"),
]


@pytest.mark.parametrize(("document", "why"), BAD_DOCUMENTS, ids=[why for _, why in BAD_DOCUMENTS])
def test_what_is_no_report_is_refused_with_the_reason(document: bytes, why: str) -> None:
    """Nothing of it is believed."""
    with pytest.raises(Unreadable, match=why):
        report_xml.read(document)


def test_reports_of_the_former_rfc_are_read() -> None:
    """They have no namespace, and nothing of np or testing."""
    old = DOCUMENT.replace(' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"', "")
    for line in ("<np>reject</np>", "<testing>n</testing>", "<discovery_method>treewalk</discovery_method>"):
        old = old.replace(line, "")
    assert report_xml.read(old.encode()) == REPORT


def packed(content: bytes, kind: str = "application/gzip") -> bytes:
    """A message that is an attachment and nothing else."""
    header = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
    return header + content


BAD_MESSAGES = [
    (packed(DOCUMENT.encode()), "no gzip file"),
    (packed(gzip.compress(DOCUMENT.encode())[:100]), "ends before its end"),
    (packed(gzip.compress(bytes(20_000_000))), "more than 10000000 octets"),
    (packed(b"Hello", "text/plain"), "no part"),
    (b"", "no part"),
]


@pytest.mark.parametrize(("message", "why"), BAD_MESSAGES, ids=[why for _, why in BAD_MESSAGES])
def test_a_message_without_a_report_is_refused_with_the_reason(message: bytes, why: str) -> None:
    """A file that unpacks to more than a report may have is not unpacked further."""
    with pytest.raises(Unreadable, match=why):
        report_message.read(message)


def test_a_report_may_come_unpacked() -> None:
    """As text/xml."""
    assert report_message.read(packed(DOCUMENT.encode(), "text/xml")) == REPORT


ASKED = "crepes.fr._report._dmarc.reports.example"
THEM = "them@reports.example"
DESTINATIONS = [
    ({}, ("dmarc@crepes.fr",), ("dmarc@crepes.fr",), ""),
    ({"_dmarc.crepes.fr": REJECT}, ("dmarc@mail.crepes.fr",), ("dmarc@mail.crepes.fr",), ""),
    ({}, (THEM,), (), "does not say"),
    ({ASKED: "v=DMARC1"}, (THEM,), (THEM,), ""),
    ({ASKED: "v=DMARC1; rua=mailto:you@reports.example"}, (THEM,), ("you@reports.example",), ""),
    ({ASKED: "v=DMARC1; rua=mailto:you@victim.example"}, (THEM,), (), "not of reports.example"),
    ({ASKED: "v=spf1 -all"}, (THEM,), (), "does not say"),
    ({}, (THEM, "dmarc@crepes.fr"), ("dmarc@crepes.fr",), "does not say"),
]  # fmt: skip


@pytest.mark.parametrize(("records", "addresses", "agreed", "why"), DESTINATIONS)
def test_who_may_be_sent_reports(
    records: dict[str, str | list[str]], addresses: tuple[str, ...], agreed: tuple[str, ...], why: str
) -> None:
    """Otherwise anybody could have a stranger flooded with reports."""
    found = destinations(world({"_dmarc.crepes.fr": REJECT, **records}), "crepes.fr", addresses)
    assert found.addresses == agreed
    assert [why in reason for _, reason in found.refused] == [True] * (1 if why else 0)


def test_who_cannot_be_asked_has_not_agreed() -> None:
    """The name server does not answer."""
    found = destinations(world({}, servfail=ASKED), "crepes.fr", (THEM,))
    assert found.addresses == ()
    assert "does not answer" in found.refused[0][1]


def test_a_report_counts_its_messages() -> None:
    """All rows together."""
    other = replace(ROW, source="192.0.2.2")
    report: Report = aggregate.report("a.example", "p@a.example", 0, 1, PUBLISHED, {ROW: 2, other: 5})
    assert report.messages == 7

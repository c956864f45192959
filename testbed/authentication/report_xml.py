"""An aggregate report as an XML document, written and read (RFC 9990, appendix A)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeVar, cast, get_args
from xml.etree import ElementTree as ET

from testbed.authentication import dkim, spf
from testbed.authentication.aggregate_report import (
    Aligned,
    Disposition,
    Override,
    Published,
    Report,
    Row,
    Signature,
)
from testbed.authentication.dmarc_record import Alignment, Policy

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
MAX_OCTETS = 10_000_000
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_MAX_DIGITS = 18

Word = TypeVar("Word", bound=str)


class Unreadable(Exception):
    """What is no aggregate report; says why."""


def written(report: Report) -> bytes:
    """The document.  Characters that XML cannot hold become U+FFFD."""
    root = ET.Element("feedback", xmlns=NAMESPACE)
    _add(root, "version", "1.0")
    about = ET.SubElement(root, "report_metadata")
    _add(about, "org_name", report.submitter)
    _add(about, "email", report.contact)
    _add(about, "report_id", report.identifier)
    span = ET.SubElement(about, "date_range")
    _add(span, "begin", str(report.begin))
    _add(span, "end", str(report.end))
    _add_policy(ET.SubElement(root, "policy_published"), report.published)
    for row, count in report.rows:
        _add_record(ET.SubElement(root, "record"), row, count)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _UNWRITABLE.sub("\ufffd", text)


def _add_policy(element: ET.Element, published: Published) -> None:
    _add(element, "domain", published.domain)
    _add(element, "discovery_method", "treewalk")
    _add(element, "p", published.policy)
    _add(element, "sp", published.subdomains)
    _add(element, "np", published.nonexistent)
    _add(element, "fo", published.failure_options)
    _add(element, "adkim", published.dkim)
    _add(element, "aspf", published.spf)
    _add(element, "testing", "y" if published.testing else "n")


def _add_record(element: ET.Element, row: Row, count: int) -> None:
    line = ET.SubElement(element, "row")
    _add(line, "source_ip", row.source)
    _add(line, "count", str(count))
    evaluated = ET.SubElement(line, "policy_evaluated")
    _add(evaluated, "disposition", row.disposition)
    _add(evaluated, "dkim", row.dkim)
    _add(evaluated, "spf", row.spf)
    if row.override:
        reason = ET.SubElement(evaluated, "reason")
        _add(reason, "type", row.override)
        if row.comment:
            _add(reason, "comment", row.comment)
    identifiers = ET.SubElement(element, "identifiers")
    _add(identifiers, "header_from", row.header_from)
    _add(identifiers, "envelope_from", row.envelope_from)
    results = ET.SubElement(element, "auth_results")
    for signature in row.signatures:
        of_dkim = ET.SubElement(results, "dkim")
        _add(of_dkim, "domain", signature.domain)
        _add(of_dkim, "selector", signature.selector)
        _add(of_dkim, "result", signature.result)
    if row.spf_result:
        of_spf = ET.SubElement(results, "spf")
        _add(of_spf, "domain", row.spf_domain)
        _add(of_spf, "scope", "mfrom")
        _add(of_spf, "result", row.spf_result)


def read(document: bytes) -> Report:
    """A report from its document; raises :class:`Unreadable`.

    The document is UTF-8 of at most :data:`MAX_OCTETS`.  One that declares a document type is refused, as entities
    could make it grow without end.  Namespaces are passed over: many reports still have none (RFC 7489).
    """
    if len(document) > MAX_OCTETS:
        raise Unreadable(f"the report has more than {MAX_OCTETS} octets")
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the report is not UTF-8") from None
    if "<!DOCTYPE" in text:
        raise Unreadable("the report declares a document type, which no report needs")
    parser = ET.XMLParser(encoding="utf-8")  # whatever the document claims, so that nothing hides a declaration
    try:
        parser.feed(text.encode())
        root = parser.close()
    except (ET.ParseError, LookupError, ValueError) as error:
        raise Unreadable(f"the report is no XML: {error}") from None
    if _local(root) != "feedback":
        raise Unreadable(f"the document is <{_local(root)[:40]}>, and a report is <feedback>")
    return _report(root)


def _report(root: ET.Element) -> Report:
    about = _child(root, "report_metadata")
    span = _child(about, "date_range")
    rows = tuple(_record(element) for element in _children(root, "record"))
    if not rows:
        raise Unreadable("the report has no record, and one is the least (RFC 9990)")
    return Report(
        _text(about, "org_name"),
        _text(about, "email"),
        _number(span, "begin"),
        _number(span, "end"),
        _policy(_child(root, "policy_published")),
        rows,
        _text(about, "report_id"),
    )


def _policy(element: ET.Element) -> Published:
    policies = cast(tuple[Policy, ...], get_args(Policy))
    alignments = cast(tuple[Alignment, ...], get_args(Alignment))
    policy = _word(element, "p", policies)
    below = _word(element, "sp", policies, policy)
    return Published(
        _text(element, "domain"),
        policy,
        below,
        _word(element, "np", policies, below),
        _word(element, "adkim", alignments, "r"),
        _word(element, "aspf", alignments, "r"),
        _text(element, "testing", "n") == "y",
        _text(element, "fo", "0"),
    )


def _record(element: ET.Element) -> tuple[Row, int]:
    aligned = cast(tuple[Aligned, ...], get_args(Aligned))
    line, identifiers = _child(element, "row"), _child(element, "identifiers")
    results = _child(element, "auth_results")
    evaluated = _child(line, "policy_evaluated")
    override: Override | Literal[""] = ""
    comment = ""
    for reason in _children(evaluated, "reason"):
        override = _word(reason, "type", cast(tuple[Override, ...], get_args(Override)), "other")
        comment = _text(reason, "comment", "")
        break
    of_spf = next(_children(results, "spf"), None)
    row = Row(
        _text(line, "source_ip"),
        _word(evaluated, "disposition", cast(tuple[Disposition, ...], get_args(Disposition))),
        _word(evaluated, "dkim", aligned),
        _word(evaluated, "spf", aligned),
        _text(identifiers, "header_from"),
        _text(identifiers, "envelope_from", ""),
        tuple(_signature(one) for one in _children(results, "dkim")),
        "" if of_spf is None else _text(of_spf, "domain"),
        "" if of_spf is None else _word(of_spf, "result", cast(tuple[spf.Result, ...], get_args(spf.Result))),
        override,
        comment,
    )
    return row, _number(line, "count")


def _signature(element: ET.Element) -> Signature:
    results = cast(tuple[dkim.Result, ...], get_args(dkim.Result))
    return Signature(_text(element, "domain"), _text(element, "selector", ""), _word(element, "result", results))


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if _local(child) == name)


def _child(element: ET.Element, name: str) -> ET.Element:
    found = next(_children(element, name), None)
    if found is None:
        raise Unreadable(f"<{name}> is missing in <{_local(element)[:40]}>")
    return found


def _text(element: ET.Element, name: str, otherwise: str | None = None) -> str:
    found = next(_children(element, name), None)
    if found is None and otherwise is not None:
        return otherwise
    return (_child(element, name).text or "").strip()


def _number(element: ET.Element, name: str) -> int:
    text = _text(element, name)
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise Unreadable(f"<{name}> is '{text[:40]}', and should be a number")
    return int(text)


def _word(element: ET.Element, name: str, words: tuple[Word, ...], otherwise: Word | None = None) -> Word:
    text = _text(element, name, otherwise)
    for word in words:
        if word == text:
            return word
    raise Unreadable(f"<{name}> is '{text[:40]}', which is none of {', '.join(words)}")

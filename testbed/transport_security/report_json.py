"""A TLS report as JSON, written and read (RFC 8460 §4.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from testbed.transport_security.report import POLICY_TYPES, Failure, Policy, PolicyResults, Report

MAX_OCTETS = 10_000_000
_MAX_COUNT = 10**15

Object = Mapping[str, object]


class Unreadable(Exception):
    """What is no TLS report; says why."""


def written(report: Report) -> bytes:
    """The document, in UTF-8."""
    document = {
        "organization-name": report.submitter,
        "date-range": {"start-datetime": _date(report.begin), "end-datetime": _date(report.end)},
        "contact-info": report.contact,
        "report-id": report.identifier,
        "policies": [_written(one) for one in report.policies],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _written(results: PolicyResults) -> Object:
    policy = results.policy
    about: dict[str, object] = {"policy-type": policy.kind}
    if policy.strings:
        about["policy-string"] = list(policy.strings)
    about["policy-domain"] = policy.domain
    if policy.mx:
        about["mx-host"] = list(policy.mx)
    found: dict[str, object] = {
        "policy": about,
        "summary": {
            "total-successful-session-count": results.successful,
            "total-failure-session-count": results.failed,
        },
    }
    if results.failures:
        found["failure-details"] = [_failure(one, count) for one, count in results.failures]
    return found


def _failure(failure: Failure, count: int) -> Object:
    said = {
        "result-type": failure.result,
        "sending-mta-ip": failure.sending_ip,
        "receiving-mx-hostname": failure.receiving_host,
        "receiving-ip": failure.receiving_ip,
        "failed-session-count": count,
        "failure-reason-code": failure.reason,
    }
    return {name: value for name, value in said.items() if value != ""}


def read(document: bytes, domain: str = "") -> Report:
    """A report from its document, about ``domain``, which the document does not name; raises :class:`Unreadable`.

    What it has besides, it may have (§4.4).
    """
    if len(document) > MAX_OCTETS:
        raise Unreadable(f"the report has more than {MAX_OCTETS} octets")
    try:
        found = json.loads(document.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the report is no JSON: {str(error)[:100]}") from None
    whole = _object(found, "the document")
    span = _object(whole.get("date-range"), "date-range")
    return Report(
        domain,
        _text(whole, "organization-name"),
        _text(whole, "contact-info"),
        _seconds(span, "start-datetime"),
        _seconds(span, "end-datetime"),
        _text(whole, "report-id"),
        tuple(_results(one) for one in _list(whole, "policies")),
    )


def _results(value: object) -> PolicyResults:
    one = _object(value, "a policy")
    about, summary = _object(one.get("policy"), "policy"), _object(one.get("summary"), "summary")
    kind = _text(about, "policy-type")
    if kind not in POLICY_TYPES:
        raise Unreadable(f"policy-type is '{kind[:40]}', which is none of {', '.join(POLICY_TYPES)}")
    policy = Policy(
        kind,
        _text(about, "policy-domain"),
        tuple(_texts(about, "policy-string")),
        tuple(_texts(about, "mx-host")),
    )
    return PolicyResults(
        policy,
        _number(summary, "total-successful-session-count"),
        _number(summary, "total-failure-session-count"),
        tuple(map(_counted, _list(one, "failure-details"))),
    )


def _counted(value: object) -> tuple[Failure, int]:
    one = _object(value, "one of failure-details")
    names = ("result-type", "sending-mta-ip", "receiving-mx-hostname", "receiving-ip", "failure-reason-code")
    return Failure(*(_text(one, name, name != "result-type") for name in names)), _number(one, "failed-session-count")


def _object(value: object, name: str) -> Object:
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is no object of JSON, and should be one")
    return value


def _list(one: Object, name: str) -> list[object]:
    value = one.get(name, [] if name == "failure-details" else None)
    if not isinstance(value, list):
        raise Unreadable(f"{name} is no list, and should be one")
    return value


def _texts(one: Object, name: str) -> Iterator[str]:
    """A list of texts, or one alone, as many reports have it."""
    value = one.get(name, [])
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            raise Unreadable(f"{name} has something that is not text")
        yield text


def _text(one: Object, name: str, optional: bool = False) -> str:
    value = one.get(name, "" if optional else None)
    if not isinstance(value, str):
        raise Unreadable(f"{name} is missing, or is no text")
    return value


def _number(one: Object, name: str) -> int:
    value = one.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_COUNT:
        raise Unreadable(f"{name} is missing, or is no number of sessions")
    return value


def _date(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seconds(one: Object, name: str) -> int:
    text = _text(one, name)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{name} is '{text[:40]}', which is no date of RFC 3339") from None
    return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp())

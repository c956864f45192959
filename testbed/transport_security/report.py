"""TLS reports: whom to send them to, what has been counted, and the report itself (RFC 8460)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

PolicyType = Literal["sts", "tlsa", "no-policy-found"]
MAX_REPORT_OCTETS = 10_000_000
_VERSION = "v=TLSRPTv1"
_MAX_DETAILS = 1_000


def address_record_name(domain: str) -> str:
    """Where a domain says whom to report to (RFC 8460 §3)."""
    return f"_smtp._tls.{domain}"


def address_record(addresses: Iterable[str]) -> str:
    """The TXT record that says so."""
    return f"{_VERSION}; rua={','.join(f'mailto:{address}' for address in addresses)}"


def report_addresses(records: Sequence[bytes]) -> tuple[str, ...]:
    """The mail addresses in the TXT records of ``_smtp._tls``; none where there is not exactly one of TLS reporting."""
    texts = [record.decode("latin-1") for record in records]
    ours = [text for text in texts if text.split(";")[0].strip(" \t") == _VERSION]
    if len(ours) != 1:
        return ()
    for part in ours[0].split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip(" \t") == "rua":
            uris = [uri.strip(" \t") for uri in value.split(",")[:20]]
            return tuple(uri[7:] for uri in uris if uri.lower().startswith("mailto:") and "@" in uri[7:])
    return ()


@dataclass(frozen=True, slots=True)
class PolicyApplied:
    """The policy that sessions went by: its type, the lines it is made of, its domain and the MX patterns it has."""

    kind: PolicyType
    strings: tuple[str, ...]
    domain: str
    mx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """Why sessions failed: a word of RFC 8460 §4.3, who tried, and whom."""

    result: str
    sender_address: str
    host: str
    address: str
    reason: str


@dataclass(slots=True)
class Counted:
    """The sessions that went by one policy."""

    successes: int = 0
    failures: Counter[SessionFailed] = field(default_factory=Counter)


class Tally:
    """What one sender has counted since the last report, by the domains it sent to."""

    def __init__(self) -> None:
        self._domains: dict[str, dict[PolicyApplied, Counted]] = {}

    def note(self, policy: PolicyApplied, failure: SessionFailed | None) -> None:
        """A session that went by a policy; None where nothing failed."""
        counted = self._domains.setdefault(policy.domain, {}).setdefault(policy, Counted())
        if failure is None:
            counted.successes += 1
        elif failure in counted.failures or len(counted.failures) < _MAX_DETAILS:
            counted.failures[failure] += 1

    def take(self) -> dict[str, dict[PolicyApplied, Counted]]:
        """All that was counted, by domain; counting begins anew."""
        taken, self._domains = self._domains, {}
        return taken


@dataclass(frozen=True, slots=True)
class Period:
    """The time a report is about, in seconds since the epoch."""

    start: float
    end: float


def report(
    organization: str, contact: str, report_id: str, period: Period, counted: dict[PolicyApplied, Counted]
) -> bytes:
    """The report in JSON (RFC 8460 §4.4)."""
    return json.dumps(
        {
            "organization-name": organization,
            "date-range": {"start-datetime": _time(period.start), "end-datetime": _time(period.end)},
            "contact-info": contact,
            "report-id": report_id,
            "policies": [_of_policy(policy, found) for policy, found in counted.items()],
        },
        indent=1,
    ).encode()


def _of_policy(policy: PolicyApplied, counted: Counted) -> dict[str, object]:
    described: dict[str, object] = {"policy-type": policy.kind, "policy-domain": policy.domain}
    if policy.strings:
        described["policy-string"] = list(policy.strings)
    if policy.mx:
        described["mx-host"] = list(policy.mx)
    found: dict[str, object] = {
        "policy": described,
        "summary": {
            "total-successful-session-count": counted.successes,
            "total-failure-session-count": sum(counted.failures.values()),
        },
    }
    if counted.failures:
        found["failure-details"] = [
            {
                "result-type": failure.result,
                "sending-mta-ip": failure.sender_address,
                "receiving-mx-hostname": failure.host,
                "receiving-ip": failure.address,
                "failed-session-count": count,
                "additional-information": failure.reason,
            }
            for failure, count in counted.failures.items()
        ]
    return found


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"

"""The expectation that somebody is told, in a report: of who mail was from, of a message that failed, of TLS."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from testbed.authentication.words import AUTH_FAILURES, Delivery
from testbed.scenario.base import Address
from testbed.scenario.names import Names
from testbed.scenario.naming import RecipientAddress
from testbed.scenario.problems import Found, did_you_mean
from testbed.scenario.tagged import Tagged
from testbed.scenario.transport import ReportUri
from testbed.transport_security.report import RESULT_TYPES

ReportKind = Literal["aggregate", "failure", "tls"]

_FIELDS: dict[ReportKind, tuple[str, ...]] = {
    "aggregate": ("source", "disposition", "dkim", "spf", "override"),
    "failure": ("source", "failure", "delivery", "dkim", "spf"),
    "tls": ("policy", "failure"),
}
SUCCESS = "none"  # the failure of sessions that did not fail
_FAILURES: dict[str, tuple[str, ...]] = {"failure": AUTH_FAILURES, "tls": (*RESULT_TYPES, SUCCESS)}


class ReportedExpected(Tagged):
    """A report has reached a mailbox, or was posted, and has such rows; read from the octets that crossed."""

    kind: Literal["reported"] = Field(default="reported", exclude=True)
    to: RecipientAddress = Field(default="", description="Who gets the report: a mailbox.")
    uri: ReportUri | None = Field(default=None, description="Where the report is posted by HTTPS, in place of 'to'.")
    report: ReportKind = Field(
        description="The kind: aggregate is DMARC's of a day (RFC 9990), failure of one message (RFC 9991), tls of a "
        "day's sessions (RFC 8460)."
    )
    domain: str | None = Field(default=None, description="Only reports on this domain.")
    sender: Address | None = Field(default=None, alias="from", description="Only reports of this sender.")
    source: str | None = Field(default=None, description="The address of the client that messages came from.")
    disposition: Literal["none", "pass", "quarantine", "reject"] | None = Field(
        default=None, description="What was done with the messages (aggregate)."
    )
    dkim: Literal["pass", "fail"] | None = Field(default=None, description="Whether a signature passed and aligned.")
    spf: Literal["pass", "fail"] | None = Field(default=None, description="Whether SPF passed and aligned.")
    override: (
        Literal["local_policy", "mailing_list", "other", "policy_test_mode", "trusted_forwarder", "none"] | None
    ) = Field(default=None, description="Why that was not what the owner wishes (aggregate); none for nothing.")
    failure: str | None = Field(
        default=None,
        description="What failed: a word of RFC 6591 (failure), such as dmarc, or of RFC 8460 §4.3 (tls), such as "
        "certificate-expired; there, none is for sessions that went well.",
    )
    delivery: Delivery | None = Field(default=None, description="What became of the message (failure).")
    policy: Literal["tlsa", "sts", "no-policy-found"] | None = Field(
        default=None, description="The policy that sessions went by (tls)."
    )
    count: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        description="How many messages, or sessions, the report tells of in such rows (default: at least one).",
    )
    reports: int | None = Field(
        default=None, strict=True, ge=0, description="How many such reports (default: at least one)."
    )

    rows: ClassVar[tuple[str, ...]] = tuple(dict.fromkeys(name for names in _FIELDS.values() for name in names))

    @property
    def reader(self) -> str:
        """The mailbox or the URI."""
        return self.uri or self.to

    @property
    def wanted(self) -> dict[str, str]:
        """What the rows must say, by the name of the field."""
        return {name: getattr(self, name) for name in self.rows if getattr(self, name) is not None}

    def problems(self, names: Names) -> Found:
        """What reports of this kind do not tell."""
        if bool(self.to) == (self.uri is not None):
            yield (), "say 'to', the mailbox that gets the report, or 'uri', where the report is posted; not both"
        if self.uri is not None and self.report != "tls":
            yield ("uri",), "only TLS reports are posted"
        known = _FIELDS[self.report]
        for name in self.wanted:
            if name not in known:
                yield (name,), f"{self.report} reports have no '{name}'; they have {', '.join(known)}"
        words = _FAILURES.get(self.report, ())
        if self.failure is not None and words and self.failure not in words:
            near = did_you_mean(self.failure, words)
            yield ("failure",), f"'{self.failure[:40]}' is none of {', '.join(words)}{near}"

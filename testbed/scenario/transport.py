"""What a domain says of TLS on the way to it, and how that changes: MTA-STS, DANE, whom to report to, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from testbed.durations import SECOND
from testbed.scenario.base import Address, Part, PeopleWait
from testbed.scenario.host_words import STS_MODES
from testbed.scenario.problems import Found
from testbed.scenario.units import parse_duration
from testbed.transport_security.mta_sts import StsPolicy, policy_host, record_name
from testbed.transport_security.report_record import https_parts
from testbed.transport_security.tlsa import TRUST_ANCHOR, tlsa_name

_MAX_PHASES = 20
_POSTABLE = re.compile(
    r"https://[A-Za-z0-9.-]{1,253}/[!-+\--:<-~]{0,200}"
)  # a comma or semicolon ends it in its record
_PATTERN = r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$"


class Phase(Part):
    """What is said from a time on."""

    from_: PeopleWait = Field(
        default=0, alias="from", description="Since when, counted from when all hosts run (default: from the start)."
    )


class MtaStsPhase(Phase):
    """A policy of MTA-STS (RFC 8461)."""

    mode: Annotated[Literal["enforce", "testing", "none"], STS_MODES] = Field(
        default="enforce", description="Its mode."
    )
    max_age: PeopleWait = Field(
        default=parse_duration("1w"),
        ge=SECOND,
        description="How long a client may go by it.",
        examples=["1w", "86400s"],
    )
    mx: tuple[Annotated[str, Field(pattern=_PATTERN)], ...] = Field(
        default=(), max_length=100, description="The patterns of MX it allows (default: the domain's own)."
    )
    id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9]{1,32}$",
        description="The id in the TXT record; by default, another for each policy.",
    )
    announced: bool = Field(default=True, strict=True, description="Whether there is a TXT record for it.")


class DanePhase(Phase):
    """TLSA records for a server's certificate (RFC 7672)."""

    usage: int = Field(
        default=3, strict=True, ge=0, le=255, description="The certificate usage: 3, or 2 for the lab's CA."
    )
    selector: int = Field(default=1, strict=True, ge=0, le=255, description="0 the certificate, 1 its public key.")
    matching: int = Field(default=1, strict=True, ge=0, le=255, description="0 all of it, 1 SHA-256, 2 SHA-512.")
    keys: tuple[Annotated[int, Field(strict=True, ge=1, le=_MAX_PHASES)], ...] = Field(
        default=(1,),
        description="Which of its keys they are about: 1 the first, 2 that of the first 'new_key'; [] for no records.",
    )

    @property
    def of_authority(self) -> bool:
        """Whether they are about who signed, and not about the server's key."""
        return self.usage in (0, TRUST_ANCHOR)


_Phase = TypeVar("_Phase", bound=Phase)


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


MtaSts = Annotated[
    tuple[MtaStsPhase, ...],
    BeforeValidator(_one_or_many, json_schema_input_type=MtaStsPhase | list[MtaStsPhase]),
    Field(max_length=_MAX_PHASES),
]
Dane = Annotated[
    tuple[DanePhase, ...],
    BeforeValidator(_one_or_many, json_schema_input_type=DanePhase | list[DanePhase]),
    Field(max_length=_MAX_PHASES),
]
NewKeys = Annotated[
    tuple[PeopleWait, ...],
    BeforeValidator(_one_or_many, json_schema_input_type=PeopleWait | list[PeopleWait]),
    Field(max_length=_MAX_PHASES - 1),
]


def _postable(value: str) -> str:
    if not _POSTABLE.fullmatch(value):
        raise ValueError("reports are posted to https://HOST/PATH, without a port")
    return value


_MAX_DESTINATIONS = 10
ReportUri = Annotated[str, AfterValidator(_postable)]
_Destination = Annotated[
    Annotated[ReportUri, Tag("uri")] | Annotated[Address, Tag("address")],
    Discriminator(lambda value: "uri" if str(value).startswith("https:") else "address"),
]
Reported = Annotated[
    Annotated[tuple[_Destination, ...], Field(max_length=_MAX_DESTINATIONS)],
    BeforeValidator(
        _one_or_many,
        json_schema_input_type=ReportUri
        | Address
        | Annotated[list[ReportUri | Address], Field(max_length=_MAX_DESTINATIONS)],
    ),
]


class Published(Part):
    """What a receiver's keys say of TLS on the way to its domain."""

    mta_sts: MtaSts = Field(
        default=(),
        description="The domain's policy of MTA-STS (RFC 8461), or several, each from a time on: the TXT record, and "
        "https://mta-sts.DOMAIN/ with the lab's certificates.",
        examples=[{"mode": "enforce", "max_age": "1w"}],
    )
    dane: Dane = Field(
        default=(),
        description="TLSA records for its certificate (RFC 7672), or several sets, each from a time on.",
        examples=[{"usage": 3, "selector": 1, "matching": 1}],
    )
    tls_reports: Reported = Field(
        default=(),
        description="Whom clients are to report to about TLS (RFC 8460): a TXT record of the domain. An address, or "
        "https://HOST/PATH, where this server takes reports.",
    )
    new_key: NewKeys = Field(
        default=(), description="When the server takes a new key and certificate into use, once or several times."
    )

    def transport_problems(self, starttls: bool) -> Found:
        """Phases out of order, and what needs a certificate."""
        for key, times in self._times():
            if any(later <= earlier for earlier, later in pairwise(times)):
                yield (key,), f"'{key}' is in the order of time, each later than the one before"
        for key in ("mta_sts", "dane", "new_key"):
            if getattr(self, key) and not starttls:
                yield (key,), f"'{key}' is about a certificate; say 'starttls: true'"
        if any(https_parts(one) for one in self.tls_reports) and not starttls:
            yield ("tls_reports",), "reports by https take a certificate; say 'starttls: true'"
        keys = max((key for phase in self.dane for key in phase.keys), default=1)
        if keys > len(self.new_key) + 1:
            yield ("dane",), f"there is no key {keys}; say in 'new_key' when the server takes it into use"

    def _times(self) -> Iterator[tuple[str, Sequence[int]]]:
        yield "mta_sts", [phase.from_ for phase in self.mta_sts]
        yield "dane", [phase.from_ for phase in self.dane]
        yield "new_key", (0, *self.new_key)

    @property
    def changes(self) -> frozenset[int]:
        """When something of it changes, in nanoseconds since everybody is there."""
        return frozenset(phase.from_ for phase in (*self.mta_sts, *self.dane))


def in_force(phases: Sequence[_Phase], at_ns: int) -> tuple[int, _Phase] | None:
    """The phase of a time, with its number from 1; None before the first."""
    begun = [(number, phase) for number, phase in enumerate(phases, 1) if phase.from_ <= at_ns]
    return begun[-1] if begun else None


def policy_at(
    phases: Sequence[MtaStsPhase], exchangers: Sequence[str], at_ns: int
) -> tuple[str, StsPolicy, bool] | None:
    """A domain's policy at a time: its id, the policy, and whether it is announced; None for none.

    ``exchangers`` are the domain's MX, for a policy that names none itself.
    """
    found = in_force(phases, at_ns)
    if found is None:
        return None
    number, phase = found
    policy = StsPolicy(phase.mode, phase.max_age // SECOND, phase.mx or tuple(exchangers))
    return phase.id or str(number), policy, phase.announced


def asked_for(host: str, domain: str) -> tuple[str, ...]:
    """The names that clients ask for because of a domain's transport security."""
    return policy_host(domain), record_name(domain), f"_smtp._tls.{domain}", tlsa_name(host)


def shows_authority(host: Published) -> bool:
    """Whether a server shows its authority's certificate too, which records of usage 2 need (RFC 7672 §3.1.2)."""
    return any(phase.usage == TRUST_ANCHOR for phase in host.dane)


def exchangers_of(domain: str, hosts: Mapping[str, str]) -> tuple[str, ...]:
    """The mail servers of a domain; ``hosts`` gives each server's domain by its name."""
    return tuple(name for name, served in hosts.items() if served.lower() == domain.lower())

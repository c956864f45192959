"""Passwords, and what a relay wants of TLS."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from testbed.scenario.host_words import TLS_POLICIES

TlsPolicy = Literal["none", "opportunistic", "required", "dane", "dane-only", "mta-sts", "published"]
"""``opportunistic`` takes TLS where it can be had, with any certificate; ``required`` nothing else, and a good one.

The others do as the recipient's domain says, and are opportunistic where it says nothing: ``dane`` goes by TLSA
records (``dane-only`` sends nothing without them), ``mta-sts`` by the domain's policy, ``published`` by both, the first
before the second.
"""

OBEYING: tuple[TlsPolicy, ...] = ("dane", "dane-only", "mta-sts", "published")
"""Those that go by what domains publish."""

EVERY_DOMAIN = "*"

_Policy = Annotated[TlsPolicy, TLS_POLICIES]

Password = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
"""Printable ASCII without blanks."""


def _for_every_domain(value: object) -> object:
    return {EVERY_DOMAIN: value} if isinstance(value, str) else value


TlsPolicies = Annotated[
    dict[str, _Policy],
    BeforeValidator(_for_every_domain, json_schema_input_type=_Policy | dict[str, _Policy]),
]
"""By the domain of the recipient; ``*`` stands for all others."""


def policy_for(policies: dict[str, TlsPolicy], domain: str) -> TlsPolicy:
    """What is wanted of TLS on the way to a domain."""
    return policies.get(domain, policies.get(EVERY_DOMAIN, "none"))

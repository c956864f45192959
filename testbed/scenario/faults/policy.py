"""What goes wrong where a domain's MTA-STS policy is served."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from testbed.scenario.faults.times import HOW_OFTEN, Times
from testbed.scenario.faults.when import When
from testbed.scenario.glossary import Glossary
from testbed.scenario.names import Names
from testbed.scenario.naming import DomainName
from testbed.scenario.problems import Found, did_you_mean

PolicyFlaw = Literal[
    "reset",
    "stalled",
    "expired",
    "wrong-name",
    "self-signed",
    "not-found",
    "redirected",
    "no-text",
    "malformed",
    "huge",
    "endless",
]

_WORDS = {
    "reset": "the connection is reset",
    "stalled": "it falls silent in the TLS handshake",
    "expired": "its certificate has expired",
    "wrong-name": "its certificate is for another name",
    "self-signed": "its certificate is signed by its own key",
    "not-found": "there is no such file (404)",
    "redirected": "it is elsewhere (301)",
    "no-text": "it is served as text/html",
    "malformed": "it is not a policy",
    "huge": "it has 10 MB",
    "endless": "it never ends",
}


class PolicyFault(When):
    """What goes wrong where a domain's MTA-STS policy is served, at ``https://mta-sts.DOMAIN/``.

    Nobody follows a redirect (RFC 8461 §3.3).  A policy that says the wrong thing is one in ``mta_sts``; a policy host
    without an address is a fault of the ``zone``.
    """

    policy: DomainName = Field(description="The mail domain; its receiver has 'mta_sts'.")
    is_: Annotated[PolicyFlaw, Glossary(_WORDS)] = Field(alias="is", description="What is wrong.")
    times: Times | None = Field(default=None, description=f"{HOW_OFTEN} It counts connections.")

    @model_validator(mode="after")
    def _counted(self) -> PolicyFault:
        if self.connection is not None:
            raise ValueError("'connection' does not go with 'policy'; say which with 'nth' and 'times'")
        return self

    @property
    def how_often(self) -> int | str | None:
        """On how many connections it happens, None for all."""
        return self.times

    def problems(self, names: Names) -> Found:
        """A domain without a policy."""
        if self.policy.lower() not in names.policies:
            near = did_you_mean(self.policy, names.policies)
            yield ("policy",), f"{self.policy[:60]} has no policy; say 'mta_sts' of its receiver{near}"

    def describe(self) -> str:
        """One line in words."""
        return f"the MTA-STS policy of {self.policy} cannot be fetched: {_WORDS[self.is_]}{self.occasion()}"

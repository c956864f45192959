"""How a relay signs mail of its own, and what it publishes of its key (RFC 6376)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from testbed.protocols.address import is_host_name
from testbed.scenario.base import FieldName, Part, PeopleWait, Size
from testbed.scenario.host_words import KEY_TYPES, PUBLISHED
from testbed.scenario.names import Names
from testbed.scenario.problems import Found

Canonicalization = Literal["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]
Publishing = Literal["key", "another key", "revoked", "nothing"]


def _as_names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


FieldNames = Annotated[tuple[FieldName, ...], BeforeValidator(_as_names, json_schema_input_type=str | list[str])]
"""Names of header fields, one or several."""


class DkimSpec(Part):
    """A signature with DKIM: whose, with which key, over what."""

    selector: str = Field(default="s1", description="Which of the domain's keys: published at s1._domainkey.DOMAIN.")
    domain: str = Field(default="", description="Who signs (d=; default: the relay's own domain).")
    key: Annotated[Literal["ed25519", "rsa"], KEY_TYPES] = Field(
        default="ed25519", description="The type of the key. One of RSA takes half a second to be made."
    )
    bits: Literal[512, 768, 1024, 2048] = Field(
        default=2048, description="The length of a key of RSA; with less than 1024 nobody may believe it (RFC 8301)."
    )
    canonicalization: Canonicalization = Field(
        default="relaxed/relaxed", description="In which forms header and body are signed (c=)."
    )
    headers: FieldNames | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The fields that are signed, where they are there (default: From and all that say what the "
        "message is).",
        examples=[["From", "Subject"]],
    )
    oversign: FieldNames = Field(
        default=("From",), max_length=100, description="Fields signed once more than they are there, so none is added."
    )
    length: Size | Literal[True] | None = Field(
        default=None,
        description="How many octets of the body are signed (l=): a number, or true for as many as there are.",
        union_mode="left_to_right",
    )
    expires: PeopleWait | None = Field(default=None, ge=1, description="How long the signature counts (x=).")
    publish: Annotated[Publishing, PUBLISHED] = Field(
        default="key", description="What the name server publishes: the key, another key, a revoked one, nothing."
    )

    def place(self, domain: str) -> str:
        """Where the key of a relay of that domain is published."""
        return f"{self.selector}._domainkey.{self.domain or domain}".lower()

    def problems(self, names: Names) -> Found:
        """Names that cannot be, and a signature that nobody may believe."""
        if not is_host_name(self.selector):
            yield ("selector",), f"'{self.selector[:60]}' is not a selector: letters, digits and hyphens"
        if self.domain and not is_host_name(self.domain):
            yield ("domain",), f"'{self.domain[:60]}' is not a domain name"
        if self.headers is not None and "from" not in (name.lower() for name in self.headers):
            yield ("headers",), "a signature that does not cover From is none (RFC 6376 §5.4); name it, too"
        if "bits" in self.model_fields_set and self.key != "rsa":
            yield ("bits",), "only keys of RSA have a length of one's choice; say 'key: rsa'"


def _textbook(value: object) -> object:
    return {} if value is True else value


Dkim = Annotated[DkimSpec, BeforeValidator(_textbook, json_schema_input_type=Literal[True] | DkimSpec)]
"""``true`` is a signature as it should be."""

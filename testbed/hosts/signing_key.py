"""The keys that relays of a lab sign with, and what the name server publishes of them (RFC 6376 §3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.scenario.signing import DkimSpec

if TYPE_CHECKING:  # the libraries of signatures take their time: only who signs loads them
    from testbed.authentication.keys import SigningKey

_STRING = 255  # octets, RFC 1035 §3.3


def signing_key(spec: DkimSpec, domain: str, seed: int) -> SigningKey:
    """The key of a relay of that domain: the same in every run with the scenario's seed."""
    return _key(spec, f"{seed} {spec.place(domain)}")


def key_record(spec: DkimSpec, domain: str, seed: int) -> str:
    """What TXT says of the key, as a zone file has it; ``""`` for nothing."""
    if spec.publish == "nothing":
        return ""
    if spec.publish == "revoked":
        return _quoted(f"v=DKIM1; k={spec.key}; p=")
    other = " another" if spec.publish == "another key" else ""
    return _quoted(_key(spec, f"{seed} {spec.place(domain)}{other}").record)


def _key(spec: DkimSpec, seed: str) -> SigningKey:
    from testbed.authentication.seeded_key import seeded_key

    return seeded_key(spec.key, seed, spec.bits)


def _quoted(text: str) -> str:
    return " ".join(f'"{text[at : at + _STRING]}"' for at in range(0, len(text), _STRING))

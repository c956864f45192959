"""Block lists as a scenario writes them: whose addresses are listed, and as what (RFC 5782)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Annotated

from pydantic import BeforeValidator

from testbed.protocols.address import is_host_name, is_ip
from testbed.scenario.names import Names
from testbed.scenario.problems import Found, did_you_mean

ALL = "all"
LISTED = "127.0.0.2"
_TEST_ENTRIES = ("127.0.0.2", "::ffff:127.0.0.2")  # RFC 5782 §5: always listed


def _as_entries(value: object) -> object:
    if isinstance(value, str):
        return {value: ""}
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return dict.fromkeys(value, "")
    if isinstance(value, dict):
        return {name: "" if said is None else said for name, said in value.items()}
    return value


BlockList = Annotated[
    dict[str, str],
    BeforeValidator(_as_entries, json_schema_input_type=str | list[str] | dict[str, str | None]),
]
"""Hosts and addresses that are listed, or ``all``; each with a code and a text, such as ``127.0.0.4 Sends spam``."""


def entries(
    zone: str, listed: Mapping[str, str], addresses: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, str]]:
    """The records of a block list without mistakes, as name, type and data; ``addresses`` are those of each host."""
    own = [(address, "") for address in _TEST_ENTRIES if ALL not in listed]
    for name, said in listed.items():
        own += [(address, said) for address in addresses.get(name.lower(), (name,))]
    for address, said in own:
        code, text = _said(said)
        label = "*" if address == ALL else _reversed(address)
        shown = "everything" if address == ALL else address
        yield f"{label}.{zone}", "A", code
        yield f"{label}.{zone}", "TXT", _quoted(text or f"{shown} is listed by {zone}")


def wrong_entries(zone: str, listed: Mapping[str, str], names: Names) -> Found:
    """What is neither a host nor an address, and codes that are none."""
    if not is_host_name(zone):
        yield (), f"'{zone[:60]}' is not a domain name"
    if ALL in listed and len(listed) > 1:
        yield (), f"'{ALL}' lists everything already; leave the others out"
    for name, said in listed.items():
        if name != ALL and name.lower() not in names.hosts and not is_ip(name):
            near = did_you_mean(name, names.hosts)
            yield (name,), f"listed are hosts of the lab, addresses, or {ALL}, not '{name[:60]}'{near}"
        code, text = _said(said)
        if not is_ip(code) or not code.startswith("127."):
            yield (name,), f"'{code[:60]}' is not a code of a block list; write e.g. {LISTED}, and a text behind it"
        if len(text.encode()) > 255:
            yield (name,), "the text of an entry has 255 octets at most"


def _said(said: str) -> tuple[str, str]:
    code, _, text = said.strip().partition(" ")
    return code or LISTED, text.strip()


def _reversed(address: str) -> str:
    """RFC 5782 §2.1, §2.4: the octets of IPv4, the nibbles of IPv6, backwards."""
    return ip_address(address).reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def _quoted(text: str) -> str:
    return (
        '"'
        + "".join(
            f"\\{octet:03d}" if octet in b'"\\' or not 32 <= octet < 127 else chr(octet) for octet in text.encode()
        )
        + '"'
    )

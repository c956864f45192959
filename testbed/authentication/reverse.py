"""The client's own name: a PTR record that leads back to its address (RFC 8601 §3, iprev; RFC 1912 §2.1)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

from msgspec import Struct

from testbed.authentication.lookup import Lookup, look_up
from testbed.authentication.names import same_address

Result = Literal["pass", "fail", "temperror", "permerror"]
MAX_NAMES = 10


class Verdict(Struct, frozen=True):
    """``permerror`` is an address without PTR, ``fail`` one whose names do not lead back.  ``names`` are all it has."""

    result: Result
    reason: str
    names: tuple[str, ...] = ()
    confirmed: str = ""


def verify(lookup: Lookup, client: str) -> Verdict:
    """Look for the name of an IP address that has this address."""
    address = ip_address(client)
    pointer = look_up(lookup, address.reverse_pointer, "PTR")
    if pointer.failed:
        return Verdict("temperror", f"DNS does not answer PTR {address.reverse_pointer} ({pointer.outcome})")
    names = tuple(name.removesuffix(".").lower() for name in pointer.records[:MAX_NAMES])
    if not names:
        return Verdict("permerror", f"{client} has no PTR record")
    failed = ""
    for name in names:
        answer = look_up(lookup, name, "A" if address.version == 4 else "AAAA")
        failed = failed or (name if answer.failed else "")
        if any(same_address(record, client) for record in answer.records):
            return Verdict("pass", f"{client} is {name}, and {name} has that address", names, name)
    if failed:
        return Verdict("temperror", f"DNS does not say which address {failed} has", names)
    return Verdict("fail", f"{client} is said to be {names[0]}, which does not have that address", names)

"""What a cipher suite means for its records, read from its name (RFC 8446 §B.4, RFC 5246 §C)."""

from __future__ import annotations

import re
from functools import cache

from msgspec import Struct

from testbed.protocols.cipher_suites import cipher_name

_NAME = re.compile(
    r"TLS_(?:(?P<exchange>\w+)_WITH_)?(?P<cipher>AES_128|AES_256|CHACHA20_POLY1305)"
    r"(?:_(?P<mode>GCM|CCM_8|CCM|CBC))?(?:_(?P<hash>SHA|SHA256|SHA384))?"
)
_MAC_OCTETS = {"sha1": 20, "sha256": 32, "sha384": 48}


class Suite(Struct, frozen=True):
    """``mode`` is GCM, CCM, CCM_8, CHACHA20_POLY1305 or CBC; ``hash`` as in :mod:`hashlib`.

    ``hash`` is that of the key schedule, of CBC that of the MAC (``mac_octets`` long, 0 for an AEAD).
    """

    mode: str
    key_octets: int
    hash: str
    mac_octets: int
    is_1_3: bool

    @property
    def fixed_iv_octets(self) -> int:
        """Of the nonce, what the keys give in TLS 1.2 (RFC 5288 §3, RFC 6655 §3, RFC 7905 §2); of CBC an IV."""
        return {"CHACHA20_POLY1305": 12, "CBC": 16}.get(self.mode, 4)


@cache
def suite(number: int) -> Suite | None:
    """The suite of a number in a ServerHello; None for one that is not opened here."""
    found = _NAME.fullmatch(cipher_name(number))
    if found is None:
        return None
    chacha = found["cipher"] == "CHACHA20_POLY1305"
    mode = "CHACHA20_POLY1305" if chacha else found["mode"]
    if mode is None:
        return None
    named = {"SHA": "sha1", "SHA384": "sha384"}.get(found["hash"] or "", "sha256")
    return Suite(
        mode,
        key_octets=16 if found["cipher"] == "AES_128" else 32,
        hash=named,
        mac_octets=_MAC_OCTETS[named] if mode == "CBC" else 0,
        is_1_3=found["exchange"] is None,
    )

"""One side of TLS up to 1.2: a ChangeCipherSpec puts the keys of the handshake before it in force (RFC 5246 §6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.protocols.record_protection.closed import Closed
from testbed.protocols.record_protection.key_schedule import key_block
from testbed.protocols.record_protection.keys import AeadKeys, CbcKeys, Keys, NotTheirs
from testbed.protocols.record_protection.suites import suite
from testbed.protocols.tls import ENCRYPT_THEN_MAC, TLS_1_0, TLS_1_2, TRUNCATED_HMAC, Hello, Plaintext

MASTER = "CLIENT_RANDOM"  # the label of the master secret


class CipherStates:
    """Opens a side's records once it is ``protected``; ``why`` is the reason that the last one stayed closed."""

    def __init__(self) -> None:
        self.protected = False
        self.pending: Keys | Closed = Closed.NO_SERVER_HELLO
        self._keys: Keys | None = None
        self._opened = False
        self.why = Closed.NO_SERVER_HELLO

    def change(self) -> None:
        """What comes now is protected by the pending keys."""
        self.protected, self._opened = True, False
        if isinstance(self.pending, Closed):
            self._keys, self.why = None, self.pending
        else:
            self._keys = self.pending
        self.pending = Closed.DAMAGED

    def open(self, record: bytes) -> Plaintext | None:
        """What the next record holds, None where it stays closed; then all that follow stay closed, too."""
        if self._keys is None:
            return None
        try:
            plain = self._keys.open(record)
        except NotTheirs:
            self._keys, self.why = None, Closed.DAMAGED if self._opened else Closed.WRONG
            return None
        self._opened = True
        return plain


def keys_agreed(client: Hello, server: Hello, secrets: Mapping[str, bytes]) -> tuple[Keys, Keys] | Closed:
    """The keys of client and server that two hellos and the master secret give, or why there are none."""
    chosen, version = suite(server.cipher), server.version
    if chosen is None or chosen.is_1_3 or version < TLS_1_0 or server.compression:
        return Closed.SUITE
    if (chosen.mode != "CBC" and version < TLS_1_2) or TRUNCATED_HMAC in server.extensions:
        return Closed.SUITE
    if MASTER not in secrets:
        return Closed.NO_SECRET
    sizes = [size for size in (chosen.mac_octets, chosen.key_octets, chosen.fixed_iv_octets) for _ in range(2)]
    seed = server.random + client.random
    block, parts = key_block(secrets[MASTER], seed, sum(sizes), version, chosen.hash), []
    for size in sizes:
        parts.append(block[:size])
        block = block[size:]
    macs, keys, ivs = parts[:2], parts[2:4], parts[4:]
    if chosen.mode != "CBC":
        return AeadKeys(chosen, keys[0], ivs[0]), AeadKeys(chosen, keys[1], ivs[1])
    then_mac = ENCRYPT_THEN_MAC in server.extensions
    made = [
        CbcKeys(chosen, key, mac, iv, version, encrypt_then_mac=then_mac)
        for key, mac, iv in zip(keys, macs, ivs, strict=True)
    ]
    return made[0], made[1]

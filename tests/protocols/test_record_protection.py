"""TLS records opened with the secrets of a key log: published traces, what OpenSSL sends, what nobody should send."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from testbed.pcap.keylog import parse_key_log
from testbed.pcap.tshark import Sealed, open_records
from testbed.protocols.record_protection.closed import Closed
from testbed.protocols.record_protection.key_schedule import expand_label
from testbed.protocols.record_protection.opening import Opened, open_connection
from testbed.protocols.record_protection.suites import suite
from testbed.protocols.tls import ALERT, APPLICATION_DATA, HANDSHAKE, Plaintext
from tests.tls_talk import TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, TlsTalk, client_context, server_context

Records = list[tuple[int, bytes]]
CLIENT, SERVER = 0, 1


def opened(records: Sequence[tuple[int, bytes]], keys: bytes) -> Opened:
    return open_connection(records, parse_key_log(keys).secrets)


def said(records: Sequence[tuple[int, bytes]], found: Opened) -> list[tuple[int, bytes]]:
    """The application data that was opened, and by whom."""
    return [
        (records[place][0], plain.octets)
        for place, plain in sorted(found.plain.items())
        if plain.kind == APPLICATION_DATA and plain.octets
    ]


# -- RFC 8448 -------------------------------------------------------------------------------------------


def published() -> dict[str, tuple[bytes, Records, dict[int, Plaintext]]]:
    """The key log, the records and what they hold, by the title of the trace."""
    found = {}
    for trace in (Path(__file__).parent / "rfc8448.txt").read_text().split("\n\n")[1:]:
        title, *lines = trace.strip().splitlines()
        rows = [line.split() for line in lines if line.startswith(("client ", "server "))]
        keys = "".join(f"{line}\n" for line in lines if line[0].isupper())
        holds = {n: Plaintext(int(row[2]), bytes.fromhex(row[3])) for n, row in enumerate(rows) if len(row) > 2}
        records = [(int(row[0] == "server"), bytes.fromhex(row[1])) for row in rows]
        found[title.removeprefix("# ")] = keys.encode(), records, holds
    return found


PUBLISHED = published()
ONE_RTT, ZERO_RTT = PUBLISHED.values()


@pytest.mark.parametrize("title", PUBLISHED)
def test_published_traces(title: str) -> None:
    keys, records, holds = PUBLISHED[title]
    assert opened(records, keys) == Opened(holds, {}, 0x1301)


@pytest.mark.parametrize("label", ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"])
def test_a_dialogue_is_opened_without_the_secrets_of_the_handshake(label: str) -> None:
    keys, records, holds = ONE_RTT
    found = opened(records, b"".join(line + b"\n" for line in keys.splitlines() if label.encode() not in line))
    assert not found.closed
    assert said(records, found) == said(records, Opened(holds))


@pytest.mark.parametrize("side", [CLIENT, SERVER])
def test_a_side_without_its_secret_stays_closed(side: int) -> None:
    keys, records, holds = ONE_RTT
    label = (b"CLIENT_TRAFFIC", b"SERVER_TRAFFIC")[side]
    found = opened(records, b"".join(line + b"\n" for line in keys.splitlines() if not line.startswith(label)))
    assert set(found.closed.values()) == {Closed.NO_SECRET}
    assert {records[place][0] for place in found.closed} == {side}
    assert said(records, found) == [(by, octets) for by, octets in said(records, Opened(holds)) if by != side]


def test_early_data_is_unknown_where_the_answer_to_it_stays_closed() -> None:
    keys, records, _ = ZERO_RTT
    found = opened(records, b"\n".join(line for line in keys.splitlines() if b"SERVER_HANDSHAKE" not in line))
    assert found.closed == {1: Closed.EARLY}
    assert (CLIENT, b"ABCDEF") not in said(records, found)


# -- records of our own ---------------------------------------------------------------------------------


class Sealing:
    """A client and a server of TLS 1.3 that say what a test wants, by a suite that OpenSSL need not choose."""

    def __init__(self, cipher: int = 0x1301) -> None:
        found = suite(cipher)
        assert found is not None
        self.suite, self.random = found, bytes(range(32))
        size = 48 if found.hash == "sha384" else 32
        self.secrets = {
            (side, epoch): bytes((16 * side + len(epoch),)) * size
            for side in (CLIENT, SERVER)
            for epoch in ("HANDSHAKE_TRAFFIC_SECRET", "TRAFFIC_SECRET_0")
        }
        self.keys = "".join(
            f"{('CLIENT', 'SERVER')[side]}_{epoch} {self.random.hex()} {secret.hex()}\n"
            for (side, epoch), secret in self.secrets.items()
        ).encode()
        self._in_force = {side: self.secrets[side, "HANDSHAKE_TRAFFIC_SECRET"] for side in (CLIENT, SERVER)}
        self._sequence = [0, 0]
        versions = bytes.fromhex("002b0003020304"), bytes.fromhex("002b00020304")
        body = b"\3\3" + self.random + b"\0" + b"\0\2" + cipher.to_bytes(2, "big") + b"\1\0" + b"\0\7" + versions[0]
        answer = b"\3\3" + bytes(32) + b"\0" + cipher.to_bytes(2, "big") + b"\0" + b"\0\6" + versions[1]
        self.records: Records = [
            (CLIENT, record(HANDSHAKE, message(1, body))),
            (SERVER, record(HANDSHAKE, message(2, answer))),
        ]

    def seal(self, side: int, kind: int, octets: bytes) -> bytes:
        secret, mode = self._in_force[side], self.suite.mode
        key = expand_label(secret, "key", self.suite.key_octets, self.suite.hash)
        iv = expand_label(secret, "iv", 12, self.suite.hash)
        nonce = bytes(a ^ b for a, b in zip(iv, self._sequence[side].to_bytes(12, "big"), strict=True))
        tag = 8 if mode == "CCM_8" else 16
        aead = {"GCM": AESGCM, "CHACHA20_POLY1305": ChaCha20Poly1305}.get(mode)
        cipher = aead(key) if aead is not None else AESCCM(key, tag_length=tag)
        head = bytes((APPLICATION_DATA, 3, 3)) + (len(octets) + 1 + tag).to_bytes(2, "big")
        self._sequence[side] += 1
        return head + cipher.encrypt(nonce, octets + bytes((kind,)), head)

    def send(self, side: int, kind: int, octets: bytes) -> Sealing:
        self.records.append((side, self.seal(side, kind, octets)))
        return self

    def say(self, side: int, octets: bytes) -> Sealing:
        return self.send(side, APPLICATION_DATA, octets)

    def shake(self) -> Sealing:
        """The handshake, as far as keys hang on it."""
        self.send(SERVER, HANDSHAKE, message(8, b"\0\0") + message(20, bytes(32)))
        self.send(CLIENT, HANDSHAKE, message(20, bytes(32)))
        for side in (CLIENT, SERVER):
            self._put_in_force(side, self.secrets[side, "TRAFFIC_SECRET_0"])
        return self

    def update(self, side: int) -> Sealing:
        """A KeyUpdate, and what follows from it."""
        self.send(side, HANDSHAKE, message(24, b"\0"))
        secret = self._in_force[side]
        self._put_in_force(side, expand_label(secret, "traffic upd", len(secret), self.suite.hash))
        return self

    def _put_in_force(self, side: int, secret: bytes) -> None:
        self._in_force[side], self._sequence[side] = secret, 0


def record(kind: int, octets: bytes) -> bytes:
    return bytes((kind, 3, 3)) + len(octets).to_bytes(2, "big") + octets


def message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


LINES = [(SERVER, b"220 mx\r\n"), (CLIENT, b"EHLO a\r\n"), (SERVER, b"250 mx\r\n"), (CLIENT, b"QUIT\r\n")]
TLS_1_3_SUITES = {number: suite(number) for number in range(0x1301, 0x1306)}


def conversation(cipher: int = 0x1301, *, updates: int = 0) -> Sealing:
    sealing = Sealing(cipher).shake()
    for side, octets in LINES:
        for _ in range(updates):
            sealing.update(side)
        sealing.say(side, octets)
    return sealing


@pytest.mark.parametrize("cipher", TLS_1_3_SUITES, ids=hex)
@pytest.mark.parametrize("updates", [0, 1, 3])
def test_every_suite_of_tls_1_3(cipher: int, updates: int) -> None:
    sealing = conversation(cipher, updates=updates)
    found = opened(sealing.records, sealing.keys)
    assert (said(sealing.records, found), found.closed) == (LINES, {})


@pytest.mark.program("tshark")
@pytest.mark.parametrize("cipher", TLS_1_3_SUITES, ids=hex)
@pytest.mark.parametrize("updates", [0, 2])
def test_tshark_opens_the_same_of_every_suite(cipher: int, updates: int) -> None:
    sealing = conversation(cipher, updates=updates)
    sealed = [Sealed(0, side, octets) for side, octets in sealing.records]
    theirs = {number: plain for number, plain in open_records(sealed, sealing.keys) if plain.kind == APPLICATION_DATA}
    ours = opened(sealing.records, sealing.keys).plain
    assert {number: plain for number, plain in ours.items() if plain.kind == APPLICATION_DATA} == theirs


def test_early_data_the_server_did_not_take_was_never_said() -> None:
    records, sealing = ZERO_RTT[1], Sealing()
    early = b"CLIENT_EARLY_TRAFFIC_SECRET " + sealing.random.hex().encode() + b" " + b"aa" * 32 + b"\n"
    sealing._in_force[CLIENT] = b"\xaa" * 32
    hello = records[0][1].replace(records[0][1][11:43], sealing.random)
    sealing.records = [(CLIENT, hello), sealing.records[1]]
    sealing.records.insert(1, (CLIENT, sealing.seal(CLIENT, APPLICATION_DATA, b"EHLO early\r\n")))
    sealing._put_in_force(CLIENT, sealing.secrets[CLIENT, "HANDSHAKE_TRAFFIC_SECRET"])
    sealing.shake().say(CLIENT, b"EHLO a\r\n")
    found = opened(sealing.records, early + sealing.keys)
    assert (said(sealing.records, found), found.closed) == ([(CLIENT, b"EHLO a\r\n")], {})


# -- OpenSSL --------------------------------------------------------------------------------------------

NO_ENCRYPT_THEN_MAC = 1 << 19
SUITES = [
    *("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"),
    *("AES128-CCM", "AES256-CCM", "AES128-CCM8", "AES256-CCM8"),
    *("AES128-SHA256", "AES256-SHA384", "AES128-SHA", "AES256-SHA"),
]


def talked(folder: Path, version: ssl.TLSVersion, ciphers: str = "", options: int = 0) -> tuple[Records, bytes]:
    """The records of a conversation between two ends of OpenSSL, and its key log."""
    client, server = client_context(version), server_context(version)
    for context in (client, server):
        context.options |= options
        if ciphers:
            context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    talk = TlsTalk(folder / "keys", most=60_000).secure(client, server)
    assert not talk.refused
    for side, octets in LINES:
        talk.tell(side, octets)
    return records_of(talk.tell(SERVER, bytes(30_000)).goodbye(SERVER)), (folder / "keys").read_bytes()


def records_of(talk: TlsTalk) -> Records:
    found = []
    for packet in talk.packets:
        side, rest = int(int.from_bytes(packet[20:22], "big") == talk.port), packet[40:]
        while rest:
            length = 5 + int.from_bytes(rest[3:5], "big")
            found.append((side, rest[:length]))
            rest = rest[length:]
    return found


def joined(told: list[tuple[int, bytes]]) -> tuple[bytes, bytes]:
    client, server = (b"".join(octets for by, octets in told if by == side) for side in (CLIENT, SERVER))
    return client, server


EVERYTHING = joined([*LINES, (SERVER, bytes(30_000))])


@pytest.mark.parametrize("options", [0, NO_ENCRYPT_THEN_MAC], ids=["", "no encrypt-then-mac"])
@pytest.mark.parametrize("ciphers", SUITES)
def test_every_suite_of_tls_1_2(ciphers: str, options: int, tmp_path: Path) -> None:
    records, keys = talked(tmp_path, TLS_1_2, f"ECDHE-ECDSA-{ciphers}", options)
    found = opened(records, keys)
    assert (joined(said(records, found)), found.closed) == (EVERYTHING, {})
    assert found.plain[len(records) - 1] == Plaintext(ALERT, b"\x01\x00")


@pytest.mark.parametrize("options", [0, NO_ENCRYPT_THEN_MAC], ids=["", "no encrypt-then-mac"])
@pytest.mark.parametrize("version", [TLS_1_0, TLS_1_1, TLS_1_3], ids=lambda version: str(version.name))
def test_other_versions(version: ssl.TLSVersion, options: int, tmp_path: Path) -> None:
    records, keys = talked(tmp_path, version, options=options)
    found = opened(records, keys)
    assert (joined(said(records, found)), found.closed) == (EVERYTHING, {})


def test_a_suite_that_is_not_opened_says_so(tmp_path: Path) -> None:
    records, keys = talked(tmp_path, TLS_1_2, "ECDHE-ECDSA-CAMELLIA128-SHA256")
    found = opened(records, keys)
    assert not found.plain
    assert set(found.closed.values()) == {Closed.SUITE}
    assert found.cipher == 0xC072


# -- what nobody should send ----------------------------------------------------------------------------


def test_a_record_too_long_is_none() -> None:
    sealing = Sealing().shake().say(SERVER, bytes(1 << 14)).say(SERVER, bytes((1 << 14) + 1))
    found = opened(sealing.records, sealing.keys)
    assert said(sealing.records, found) == [(SERVER, bytes(1 << 14))]
    assert list(found.closed.values()) == [Closed.DAMAGED]


def test_behind_a_damaged_record_nothing_is_opened() -> None:
    sealing = conversation()
    place = next(n for n, (side, _) in enumerate(sealing.records) if side == SERVER and n > 3)
    side, octets = sealing.records[place]
    sealing.records[place] = side, octets[:-1] + bytes((octets[-1] ^ 1,))
    found = opened(sealing.records, sealing.keys)
    assert [octets for by, octets in said(sealing.records, found) if by == SERVER] == []
    assert [octets for by, octets in said(sealing.records, found) if by == CLIENT] == [b"EHLO a\r\n", b"QUIT\r\n"]
    assert set(found.closed.values()) == {Closed.DAMAGED}


@pytest.mark.cpu_seconds(20)
@pytest.mark.parametrize("name", ["key updates", "key updates in one record", "hellos", "messages", "tiny records"])
def test_hostile_connections_cost_little(name: str) -> None:
    sealing = Sealing().shake()
    records: dict[str, Callable[[], Records]] = {
        "key updates": lambda: Sealing().shake().records + _updates(sealing, 3_000),
        "key updates in one record": lambda: sealing.send(SERVER, HANDSHAKE, message(24, b"\0") * 3_000).records,
        "hellos": lambda: sealing.records[:2] * 20_000,
        "messages": lambda: [(CLIENT, record(HANDSHAKE, bytes(16_384)))] * 300,
        "tiny records": lambda: sealing.records + [(SERVER, record(APPLICATION_DATA, b""))] * 100_000,
    }
    made = records[name]()
    assert len(opened(made, sealing.keys).plain) <= len(made)


def _updates(sealing: Sealing, count: int) -> Records:
    for _ in range(count):
        sealing.update(SERVER)
    assert Closed.RESTLESS in opened(sealing.say(SERVER, b"220 mx\r\n").records, sealing.keys).closed.values()
    return []


def test_key_updates_in_one_record_leave_the_rest_closed() -> None:
    sealing = Sealing().shake().send(SERVER, HANDSHAKE, message(24, b"\0") * 2).say(SERVER, b"220 mx\r\n")
    assert said(sealing.records, opened(sealing.records, sealing.keys)) == []


@given(st.lists(st.tuples(st.sampled_from([CLIENT, SERVER]), st.binary(max_size=60)), max_size=10), st.binary())
def test_any_octets_may_call_themselves_records(records: Records, secret: bytes) -> None:
    keys, real, _ = ONE_RTT
    found = open_connection([*real[:3], *records], lambda _: {**parse_key_log(keys).secrets(real[0][1][11:43])})
    assert set(found.plain) <= {2}
    label = "CLIENT_TRAFFIC_SECRET_0"
    open_connection([*real, *records], lambda _: {label: secret, "SERVER_TRAFFIC_SECRET_0": secret})


CHANGES = st.lists(
    st.tuples(st.sampled_from(["drop", "again", "swap", "damage"]), st.integers(0, 40), st.integers(0, 200)),
    max_size=4,
)


@given(version=st.sampled_from(["tls 1.2", "tls 1.3"]), changes=CHANGES)
def test_records_lost_sent_again_swapped_or_damaged_say_less_and_nothing_else(
    version: str, changes: Sequence[tuple[str, int, int]], records: Mapping[str, tuple[Records, bytes]]
) -> None:
    made, keys = list(records[version][0]), records[version][1]
    for what, place, octet in changes:
        at = place % len(made)
        if what == "drop" and len(made) > 1:
            del made[at]
        elif what == "again":
            made.insert(at, made[at])
        elif what == "swap":
            made[at - 1], made[at] = made[at], made[at - 1]
        elif what == "damage" and len(made[at][1]) > 5:
            octets = bytearray(made[at][1])
            octets[5 + octet % (len(octets) - 5)] ^= 1 + octet % 255
            made[at] = made[at][0], bytes(octets)
    whole = joined(said(records[version][0], opened(records[version][0], keys)))
    for told, all_ in zip(joined(said(made, opened(made, keys))), whole, strict=True):
        assert all_.startswith(told)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Records, bytes]]:
    return {
        "tls 1.2": talked(tmp_path_factory.mktemp("two"), TLS_1_2),
        "tls 1.3": talked(tmp_path_factory.mktemp("three"), TLS_1_3),
    }

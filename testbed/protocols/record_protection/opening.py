"""The records of one connection opened: the hellos decide how, and each side then changes its keys by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct, field

from testbed.protocols.record_protection.cipher_states import CipherStates, keys_agreed
from testbed.protocols.record_protection.closed import Closed
from testbed.protocols.record_protection.epochs import EARLY, Epochs
from testbed.protocols.record_protection.handshake import ENCRYPTED_EXTENSIONS, Messages
from testbed.protocols.record_protection.suites import suite
from testbed.protocols.tls import (
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    EARLY_DATA,
    HANDSHAKE,
    HEADER,
    SERVER_HELLO,
    TLS_1_2,
    Hello,
    Plaintext,
    encrypted_extensions,
    parse_hello,
)

Secrets = Mapping[str, bytes]
"""Of one connection, by the labels of a key log (RFC 9850)."""

_CLIENT, _SERVER = 0, 1
_MOST_HELLOS = 100  # of a side: the first, and those of new handshakes


class Opened(Struct, frozen=True):
    """What became of records, by their places among those given.

    ``plain`` are those that were opened.  ``closed`` are those that were not, although they may be part of a dialogue,
    with the reason.  What is in neither was in clear, belongs to the handshake, or was early data that the server did
    not take.  ``cipher`` is the number of the suite, 0 where it is not known.
    """

    plain: dict[int, Plaintext] = field(default_factory=dict)
    closed: dict[int, Closed] = field(default_factory=dict)
    cipher: int = 0


def open_connection(records: Iterable[tuple[int, bytes]], secrets: Callable[[bytes], Secrets]) -> Opened:
    """Open the records of a connection.

    ``records`` are sides (0 the client) and whole records, header included, in order from the ClientHello;
    ``secrets`` gives those of a client's random.
    """
    opening = _Opening(secrets)
    for place, (side, record) in enumerate(records):
        if len(record) > HEADER:
            opening.record(place, side, record)
    return opening.conclude()


class _Opening:
    def __init__(self, secrets: Callable[[bytes], Secrets]) -> None:
        self._secrets = secrets
        self._epochs = (Epochs(_CLIENT), Epochs(_SERVER))
        self._states = (CipherStates(), CipherStates())
        self._messages = (Messages(), Messages())  # in clear, or up to TLS 1.2
        self._hellos: list[Hello | None] = [None, None]
        self._heard = [0, 0]  # hellos
        self._unsure: tuple[dict[int, Closed], dict[int, Closed]] = ({}, {})  # perhaps of the handshake only
        self._early: list[int] = []
        self._early_taken: bool | None = None
        self._found = Opened()

    def record(self, place: int, side: int, record: bytes) -> None:
        """The next record."""
        kind, states = record[0], self._states[side]
        if states.protected:
            plain = states.open(record)
            if plain is None:
                self._found.closed[place] = states.why
                return
            self._found.plain[place] = plain
            kind, octets = plain.kind, plain.octets
        elif kind == APPLICATION_DATA:
            if self._is_old():
                self._found.closed[place] = Closed.DAMAGED  # what it needs lies in front of it no more
            else:
                self._of_1_3(place, side, record)
            return
        else:
            octets = record[HEADER:]
        if kind == HANDSHAKE and not self._epochs[side].epoch:
            for message in self._messages[side].feed(octets):
                self._hello(side, message)
        elif kind == CHANGE_CIPHER_SPEC and self._is_old():
            states.change()

    def conclude(self) -> Opened:
        """What became of all."""
        for unsure in self._unsure:
            self._found.closed.update(unsure)
        for place in self._early:
            if not self._early_taken:
                del self._found.plain[place]
            if self._early_taken is None:
                self._found.closed[place] = Closed.EARLY
        server = self._hellos[_SERVER]
        return Opened(self._found.plain, self._found.closed, server.cipher if server is not None else 0)

    def _is_old(self) -> bool:
        server = self._hellos[_SERVER]
        return server is not None and server.version <= TLS_1_2

    def _hello(self, side: int, message: bytes) -> None:
        if message[0] != (CLIENT_HELLO, SERVER_HELLO)[side]:
            return
        self._heard[side] += 1
        hello = parse_hello(message) if self._heard[side] <= _MOST_HELLOS else None
        if hello is None or hello.asks_again:
            return
        again, self._hellos[side] = self._hellos[side] is not None, hello
        client = self._hellos[_CLIENT]
        if client is None:
            return
        secrets = self._secrets(client.random)
        if side == _CLIENT:
            if EARLY_DATA in hello.extensions and not again:
                self._epochs[_CLIENT].may_be_early(secrets, hello.offered)
        elif hello.version > TLS_1_2:
            chosen = suite(hello.cipher)
            for epochs in self._epochs if not again else ():
                epochs.agreed(secrets, chosen if chosen is not None and chosen.is_1_3 else None)
        else:
            keys = keys_agreed(client, hello, secrets)
            for one, states in enumerate(self._states):
                states.pending = keys if isinstance(keys, Closed) else keys[one]

    def _of_1_3(self, place: int, side: int, record: bytes) -> None:
        epochs = self._epochs[side]
        was_in_dialogue = epochs.in_dialogue
        plain, messages = epochs.open(record)
        if plain is None:
            (self._found.closed if epochs.in_dialogue else self._unsure[side])[place] = epochs.why
            return
        self._found.plain[place] = plain
        if epochs.in_dialogue and not was_in_dialogue:
            self._unsure[side].clear()  # the first record of the dialogue was opened: those before are no part of it
        if epochs.epoch == EARLY and plain.kind == APPLICATION_DATA:
            self._early.append(place)
        for message in messages:
            if side == _SERVER and message[0] == ENCRYPTED_EXTENSIONS and not epochs.in_dialogue:
                self._early_taken = EARLY_DATA in encrypted_extensions(message)

"""One side of TLS 1.3, which goes through epochs: early data, handshake, application data (RFC 8446 §2, §4.6.3).

Each has a traffic secret of its own.  A record that the keys in force did not protect is tried with those of the epochs
ahead: what authenticates belongs there, whatever the key log lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from testbed.protocols.record_protection.closed import Closed
from testbed.protocols.record_protection.handshake import KEY_UPDATE, Messages
from testbed.protocols.record_protection.keys import NotTheirs, TrafficKeys
from testbed.protocols.record_protection.suites import Suite, suite
from testbed.protocols.tls import HANDSHAKE, Plaintext

_MOST_UPDATES = 1_000  # of keys; 2²⁴ records fit between two (RFC 8446 §5.5)
EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"
_LABELS = (
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"),
    ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"),
)


class Epochs:
    """Opens a side's protected records, in order.

    ``epoch`` is the label of the secret in force, ``why`` the reason that the last record stayed closed.
    """

    def __init__(self, side: int) -> None:
        self._labels = _LABELS[side]
        self._candidates: list[tuple[str, TrafficKeys]] = []
        self._messages = Messages()
        self._updates = 0
        self.epoch = ""
        self.why = Closed.NO_SERVER_HELLO

    def may_be_early(self, secrets: Mapping[str, bytes], offered: Sequence[int]) -> None:
        """The client may begin with early data, by one of the suites of the session it resumes."""
        for known in dict.fromkeys(map(suite, offered)):
            if known is not None and known.is_1_3 and EARLY in secrets:
                self._candidates.append((EARLY, TrafficKeys(known, secrets[EARLY])))

    def agreed(self, secrets: Mapping[str, bytes], chosen: Suite | None) -> None:
        """The server has chosen a suite; None for one that is not opened here."""
        found = [(label, TrafficKeys(chosen, secrets[label])) for label in self._labels if chosen and label in secrets]
        self._candidates += found
        if chosen is None:
            self.why = Closed.SUITE
        else:
            self.why = Closed.WRONG if len(found) == len(self._labels) else Closed.NO_SECRET

    @property
    def in_dialogue(self) -> bool:
        """Whether the handshake is over: what comes now is application data, and some messages behind it."""
        return self.epoch == self._labels[1]

    def open(self, record: bytes) -> tuple[Plaintext | None, list[bytes]]:
        """What the next record holds, None where it stays closed; and the handshake messages it makes whole."""
        for place, (label, keys) in enumerate(self._candidates):
            try:
                plain = keys.open(record)
            except NotTheirs:
                continue
            self._enter(label, place)
            return plain, self._heard(plain)
        if self.in_dialogue:
            self._candidates.clear()  # its peer has broken off here
        if self.epoch and self.why is Closed.WRONG:
            self.why = Closed.DAMAGED
        return None, []

    def _enter(self, label: str, place: int) -> None:
        if label != self.epoch:
            self._messages = Messages()  # none goes over a change of keys (RFC 8446 §5.1)
        later = [one for one in self._candidates[place + 1 :] if one[0] != label]
        self._candidates = [self._candidates[place], *later]
        self.epoch = label

    def _heard(self, plain: Plaintext) -> list[bytes]:
        if plain.kind != HANDSHAKE:
            return []
        messages = list(self._messages.feed(plain.octets))
        # A KeyUpdate is the last message of its record, so there is one at most.
        if messages and messages[-1][0] == KEY_UPDATE and self.in_dialogue and not self._messages.rest:
            self._update()
        return messages

    def _update(self) -> None:
        self._updates += 1
        if self._updates > _MOST_UPDATES:
            self._candidates, self.why = [], Closed.RESTLESS
        else:
            self._candidates = [(self.epoch, self._candidates[0][1].updated())]

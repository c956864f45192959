"""What TLS shows in clear: the name a client asks for, and certificates (RFC 8446 §4, RFC 5246 §7.4).

What is encrypted stays as it is, for nobody reads it without the keys.
"""

from __future__ import annotations

from testbed.protocols.tls import CERTIFICATE, CHANGE_CIPHER_SPEC, CLIENT_HELLO, HANDSHAKE, HEADER, SERVER_HELLO
from testbed.redact.filler import Filler
from testbed.redact.texts import Texts

_SERVER_NAME = 0
_NEW_SESSION_TICKET, _REQUEST, _DONE, _CLIENT_KEY, _FINISHED = 4, 13, 14, 16, 20
_KEPT = (0, SERVER_HELLO, _NEW_SESSION_TICKET, _DONE, _CLIENT_KEY, _FINISHED)
_TIMES, _STRINGS = (0x17, 0x18), (0x0C, 0x13, 0x14, 0x16, 0x1A, 0x1B, 0x1C, 0x1E, 0x12)
_KEPT_TAGS = (0x01, 0x05, 0x06, 0x0A, *_TIMES)
_INTEGER, _BITS, _OCTETS = 0x02, 0x03, 0x04
_ADDRESS = 0x87  # of a GeneralName
_SMALL = 4  # octets of an integer, or of bits, that tell nothing
_MOST_NESTED = 20


class TlsHandshakes:
    """The handshakes of one side of a connection; they are replaced once all of it has been seen."""

    def __init__(self, texts: Texts, filler: Filler) -> None:
        self._texts = texts
        self._filler = filler
        self._places: list[tuple[int, int]] = []
        self._encrypted = False

    def record(self, octets: bytes, place: int) -> None:
        """A record, and where it stands in what the side said."""
        if octets[0] == CHANGE_CIPHER_SPEC:
            self._encrypted = True
        elif octets[0] == HANDSHAKE and not self._encrypted:
            self._places.append((place + HEADER, place + len(octets)))

    def finish(self, said: bytearray) -> None:
        """Replace in what the side said."""
        clear = bytearray().join(said[start:end] for start, end in self._places)
        at = 0
        while at < len(clear):
            end = at + 4 + int.from_bytes(clear[at + 1 : at + 4], "big")
            if end > len(clear) or len(clear) - at < 4:
                clear[at + 4 :] = self._filler.octets(bytes(clear[at + 4 :]))
                break
            self._handshake(clear, at, end)
            at = end
        taken = 0
        for start, end in self._places:
            said[start:end] = clear[taken : taken + end - start]
            taken += end - start

    def _handshake(self, clear: bytearray, at: int, end: int) -> None:
        kind = clear[at]
        try:
            if kind == CLIENT_HELLO:
                self._client_hello(clear, at + 4, end)
                return
            if kind in (CERTIFICATE, _REQUEST):
                self._certificates(clear, at + 4, end)
                return
        except IndexError:
            pass
        if kind not in _KEPT or kind in (CLIENT_HELLO, CERTIFICATE):
            clear[at + 4 : end] = self._filler.octets(bytes(clear[at + 4 : end]))

    def _client_hello(self, clear: bytearray, at: int, end: int) -> None:
        at += 34
        at += 1 + clear[at]
        at += 2 + int.from_bytes(clear[at : at + 2], "big")
        at += 1 + clear[at] + 2
        while at + 4 <= end:
            kind, length = int.from_bytes(clear[at : at + 2], "big"), int.from_bytes(clear[at + 2 : at + 4], "big")
            if kind == _SERVER_NAME and length > 5:
                start, stop = at + 9, min(at + 4 + length, end)
                clear[start:stop] = self._texts.host(bytes(clear[start:stop]))
            at += 4 + length

    def _certificates(self, clear: bytearray, at: int, end: int) -> None:
        """A list of certificates, or of the names of issuers: DER structures wherever they begin."""
        der = Der(self._texts, self._filler)
        while at < end:
            if clear[at] == 0x30 and (stop := length_of(clear, at, end)) is not None:
                der.redact(clear, at, stop)
                at = stop
            else:
                at += 1


class Der:
    """ASN.1 in DER: names and addresses replaced, keys, signatures and numbers filled, dates and kinds kept."""

    def __init__(self, texts: Texts, filler: Filler) -> None:
        self._texts = texts
        self._filler = filler

    def redact(self, data: bytearray, at: int, end: int, nested: int = 0) -> None:
        """Replace the values that stand one behind the other."""
        while at < end:
            stop = length_of(data, at, end)
            if stop is None:
                data[at:end] = self._filler.octets(bytes(data[at:end]))
                return
            start = at + 2 + (data[at + 1] & 0x7F if data[at + 1] & 0x80 else 0)
            if data[at] & 0x20 and nested < _MOST_NESTED:
                self.redact(data, start, stop, nested + 1)
            else:
                self._primitive(data, data[at], start, stop, nested)
            at = stop

    def _primitive(self, data: bytearray, tag: int, start: int, stop: int, nested: int) -> None:
        old = bytes(data[start:stop])
        if tag in _KEPT_TAGS or not old:
            return
        if tag == _INTEGER:
            if len(old) > _SMALL:
                new = self._filler.octets(old)
                data[start:stop] = bytes(((new[0] & 0x3F) | 0x40,)) + new[1:]
        elif tag == _BITS:
            if len(old) > _SMALL:
                data[start + 1 : stop] = self._filler.octets(old[1:])
        elif tag == _OCTETS and nested < _MOST_NESTED and length_of(data, start, stop) == stop:
            self.redact(data, start, stop, nested + 1)
        elif tag == _ADDRESS and len(old) in (4, 16):
            data[start:stop] = self._texts.addresses.packed(old)
        elif tag in _STRINGS or (tag & 0x80 and all(0x20 <= octet < 0x7F for octet in old)):
            data[start:stop] = self._texts.names(old)
        else:
            data[start:stop] = self._filler.octets(old)


def length_of(data: bytearray, at: int, end: int) -> int | None:
    """Where a value in DER ends, None where it is none, or goes beyond the end."""
    if at + 2 > end:
        return None
    length, start = data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 0 < size < 4 or start + size > end:
            return None
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    return start + length if start + length <= end else None

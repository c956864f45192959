"""The TLS of a connection: what it shows in clear, and plain text in the place of the records that keys opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.protocols.text import decoded
from testbed.protocols.tls import (
    ALERT,
    APPLICATION_DATA,
    CERTIFICATE,
    EARLY_DATA,
    HANDSHAKE,
    PRE_SHARED_KEY,
    TLS_1_2,
    Hello,
    Plaintext,
    alert_name,
    certificates_of,
    parse_hello,
)
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.tls import Alert, TlsSession
from testbed.trace.tcp.reassembly import Chunk, Gap
from testbed.trace.tls.records import OpenedRecords, RecordReader, TlsRecord

_MAX_HELLO = 1 << 16
_MAX_ALERTS = 20
_SECRET_ALERT = 2 + 1 + 16  # an alert, its content type and the tag of TLS 1.3 (RFC 8446 §5.2)


class _CertificateReader:
    """Finds a server's certificates among its handshake messages, in clear (RFC 5246 §7.4.2) or opened."""

    def __init__(self) -> None:
        self.found: tuple[bytes, ...] = ()
        self.done = False
        self._octets = bytearray()

    def feed(self, octets: bytes, version: int) -> None:
        """The next octets of handshake messages."""
        self._octets += octets
        while not self.done and len(self._octets) >= 4:
            end = 4 + int.from_bytes(self._octets[1:4], "big")
            if len(self._octets) < end:
                break
            if self._octets[0] == CERTIFICATE:
                self.found = certificates_of(bytes(self._octets[:end]), version)
                self.done = True
            del self._octets[:end]
        self.done = self.done or len(self._octets) > _MAX_HELLO


class TlsWatch:
    """Looks on while a connection is read: :meth:`over` gives its items, then :meth:`session` tells of its TLS.

    With what keys ``opened`` of it, plain text takes the place of the records, so that whoever follows the dialogue
    sees nothing else, and what stays closed is a hole; without it, items are given as they are.  With ``only_answered``
    TLS of a client whose server does not begin with it is left out: that is no dialogue; and ciphertext behind a hole
    is one.
    """

    def __init__(self, opened: OpenedRecords | None = None, *, only_answered: bool = False) -> None:
        self._opened = opened or {}
        self._only_answered = only_answered
        self._reader = RecordReader()
        self._spoken = [False, False]  # sides that have sent plain text
        self._begun = [False, False]  # sides that have sent records
        self._missed_client = False  # the capture does not hold all that the client said in clear
        self._hellos: list[Hello | None] = [None, None]
        self._heads = (bytearray(), bytearray())
        self._hello_frame = 0
        self._implicit = False
        self._alerts: list[Alert] = []
        self._plain_answer = 0
        self._secrets = 0  # records of TLS 1.3 the client protected
        self._talked = False  # behind the handshake, or so it looks without keys
        self._count = 0
        self._sealed_from = 0
        self._steps: list[tuple[int, int, str]] = []
        self._certificate = _CertificateReader()

    def over(self, items: Iterable[Chunk | Gap]) -> Iterator[Chunk | Gap]:
        """The items, opened where they could be."""
        for item in items:
            for part in self._reader.feed(item):
                if isinstance(part, TlsRecord):
                    content = self._opened.get(part.place)
                    self._record(part, content)
                    if content is not None and content.kind == APPLICATION_DATA and content.octets:
                        yield Chunk(part.side, content.octets, part.frame, part.time_ns, decrypted=True)
                    elif content is None and part.place in self._opened:
                        yield self._closed(part)
                else:
                    self._plain(part)
                    if self._opened:
                        yield part
            if self._opened and isinstance(item, Chunk) and self._reader.is_lost(item.side):
                yield self._closed(item)
            if not self._opened and not self._is_unanswered(item):
                yield self._covered(item)
        for rest in self._reader.finish():
            if self._opened:
                yield rest

    def _closed(self, item: Chunk | TlsRecord) -> Gap:
        """What stays closed in the midst of what keys opened."""
        self._sealed_from = self._sealed_from or item.frame
        return Gap(item.side, len(item.octets), item.frame, item.time_ns, encrypted=True)

    def _covered(self, item: Chunk | Gap) -> Chunk | Gap:
        """Ciphertext as a hole, where holes may keep a dialogue from knowing that TLS has begun."""
        secret = self._only_answered and self._reader.holed and self._reader.is_secret(item.side)
        if isinstance(item, Gap) or not secret:
            return item
        return Gap(item.side, len(item.octets), item.frame, item.time_ns, encrypted=True)

    def _is_unanswered(self, item: Chunk | Gap) -> bool:
        """Whether it is to be left out: TLS of a client whose server speaks plain text, or nothing so far."""
        begun = item.side == CLIENT and self._reader.is_secret(CLIENT)
        return self._only_answered and begun and not self._spoken[CLIENT] and not self._begun[SERVER]

    @property
    def random(self) -> bytes | None:
        """The client's random, as soon as its hello was read."""
        client = self._hellos[CLIENT]
        return client.random if client is not None else None

    def session(self) -> TlsSession | None:
        """What TLS showed, None where there was none.  Only an answer proves that a later hello is one."""
        client, server = self._hellos
        if client is None or not (self._implicit or self._begun[SERVER]):
            return None
        chosen = server.alpn if server is not None else ()
        return TlsSession(
            implicit=self._implicit,
            hello_frame=self._hello_frame,
            random=client.random,
            server_name=decoded(client.server_name[:255]),
            offered=client.version,
            version=server.version if server is not None else 0,
            cipher=server.cipher if server is not None else 0,
            alpn_offered=tuple(decoded(name) for name in client.alpn[:20]),
            alpn=decoded(chosen[0]) if chosen else "",
            alerts=tuple(self._alerts),
            plain_answer=0 if self._begun[SERVER] or not self._implicit else self._plain_answer,
            opened=self._count,
            steps=tuple(self._steps),
            chain=self._certificate.found,
            sealed_from=self._sealed_from or (self._hello_frame if self._talked and not self._count else 0),
            resumed=server is not None and _resumes(client, server),
            early_data=EARLY_DATA in client.extensions,
        )

    def _plain(self, item: Chunk | Gap) -> None:
        if isinstance(item, Gap):
            self._missed_client = self._missed_client or item.side == CLIENT
        else:
            self._spoken[item.side] = True
            if item.side == SERVER and not self._plain_answer:
                self._plain_answer = item.frame

    def _record(self, record: TlsRecord, content: Plaintext | None) -> None:
        side = record.side
        if not any(self._begun):
            self._implicit = not self._spoken[CLIENT] and not (self._missed_client and self._spoken[SERVER])
            self._hello_frame = record.frame
        self._begun[side] = True
        self._count += content is not None
        if side == SERVER and not self._certificate.done:
            if content is not None and content.kind == HANDSHAKE:
                self._certificate.feed(content.octets, self._version)
            elif record.kind == HANDSHAKE:
                self._certificate.feed(record.fragment, 0)
        if record.kind == HANDSHAKE and self._hellos[side] is None:
            self._hello(record)
        elif record.kind == ALERT and len(record.fragment) == 2:  # a protected one is longer
            self._alert(record, record.fragment)
        elif content is not None and content.kind == ALERT and len(content.octets) == 2:
            self._alert(record, content.octets)
        elif record.kind == APPLICATION_DATA and side == CLIENT and self._is_1_3():
            self._secrets += 1
            # The client's first protected message is its Finished, or more; nothing but an alert is so short.
            if self._secrets == 1 and len(record.fragment) == _SECRET_ALERT and content is None:
                self._alerts.append(Alert(side, True, None, record.frame))
                self._steps.append((record.frame, side, "encrypted alert"))
            else:
                self._talked = True
        elif record.kind == APPLICATION_DATA and not self._is_1_3():
            self._talked = True

    @property
    def _version(self) -> int:
        server = self._hellos[SERVER]
        return server.version if server is not None else 0

    def _is_1_3(self) -> bool:
        return self._version > TLS_1_2

    def _hello(self, record: TlsRecord) -> None:
        head = self._heads[record.side]
        if len(head) < _MAX_HELLO:
            head += record.fragment
        if len(head) < 4 or len(head) < 4 + int.from_bytes(head[1:4], "big"):
            return
        hello = self._hellos[record.side] = parse_hello(bytes(head))
        head.clear()
        if hello is not None:
            self._steps.append((record.frame, record.side, ("ClientHello", "ServerHello")[record.side]))

    def _alert(self, record: TlsRecord, octets: bytes) -> None:
        if len(self._alerts) < _MAX_ALERTS:
            self._alerts.append(Alert(record.side, octets[0] == 2, octets[1], record.frame))
            self._steps.append((record.frame, record.side, f"alert {alert_name(octets[1])[0]}"))


def _resumes(client: Hello, server: Hello) -> bool:
    """Whether the server goes on with an earlier session (RFC 8446 §2.2, RFC 5246 §7.4.1.3, RFC 5077 §3.4)."""
    if server.version > TLS_1_2:
        return PRE_SHARED_KEY in server.extensions
    return bool(client.session) and client.session == server.session


def with_decrypted(items: Iterable[Chunk | Gap], decrypted: OpenedRecords) -> Iterator[Chunk | Gap]:
    """The items of a connection with plain text in the place of its records.

    Handshakes and alerts are left out; where nothing is ``decrypted``, the items are given as they are.
    """
    return TlsWatch(decrypted).over(items)

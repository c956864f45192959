"""Conversations under TLS, encrypted by two real ends of OpenSSL in memory and put into packets."""

from __future__ import annotations

import ssl
import struct
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

import trustme

from testbed.pcap.write import LINKTYPE_RAW, BlockWriter

TLS_1_0, TLS_1_1 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAME = "mx.example"

_START, _STEP = 1_700_000_000 * 10**9, 10_000_000
_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}


@cache
def authority() -> trustme.CA:
    """Who signs the server's certificate."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def certificate() -> trustme.LeafCert:
    """The server's certificate."""
    return authority().issue_cert(NAME)


def server_context(version: ssl.TLSVersion, proof: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A server of one version of TLS."""
    context = _only(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), version)
    (proof or certificate()).configure_cert(context)
    return context


def client_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client of one version of TLS that trusts the server."""
    context = _only(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), version)
    authority().configure_trust(context)
    return context


def _only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    if version in (TLS_1_0, TLS_1_1):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what some tests are about
        context.minimum_version = context.maximum_version = version
    return context


@dataclass
class TlsTalk:
    """One client and one server.  What they say after :meth:`secure` is encrypted; ``keylog`` gets the keys."""

    keylog: Path
    port: int = 25
    client_port: int = 40_000
    most: int = 1_400  # octets in a segment
    packets: list[bytes] = field(default_factory=list)
    refused: str = ""  # why the TLS handshake failed
    _next: list[int] = field(default_factory=lambda: [1_000, 9_000])
    _ends: list[ssl.SSLObject] = field(default_factory=list)
    _out: list[ssl.MemoryBIO] = field(default_factory=list)
    _in: list[ssl.MemoryBIO] = field(default_factory=list)

    def segment(self, side: int, flags: str, octets: bytes = b"") -> TlsTalk:
        """One segment of client (0) or server (1)."""
        ports, ends = (self.client_port, self.port), (ip_address("10.0.0.1").packed, ip_address("10.0.0.2").packed)
        bits = sum(_FLAGS[flag] for flag in flags)
        ack = self._next[1 - side] if "A" in flags else 0
        there = ports[::-1] if side else ports
        tcp = struct.pack(">HHIIBBHHH", *there, self._next[side], ack, 0x50, bits, 8_000, 0, 0)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(octets), 0, 0, 64, 6, 0)
        self.packets.append(b"".join((head, *(ends[::-1] if side else ends), tcp, octets)))
        self._next[side] += len(octets) + ("S" in flags) + ("F" in flags)
        return self

    def send(self, side: int, octets: bytes) -> TlsTalk:
        """Octets as they are, in as many segments as they need."""
        for start in range(0, len(octets), self.most):
            self.segment(side, "PA", octets[start : start + self.most])
        return self

    def open(self) -> TlsTalk:
        return self.segment(0, "S").segment(1, "SA").segment(0, "A")

    def close(self) -> TlsTalk:
        return self.segment(0, "FA").segment(1, "FA").segment(0, "A")

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later talk may resume."""
        return self._ends[0].session

    def secure(self, client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None = None) -> TlsTalk:
        """The TLS handshake, up to its end or failure."""
        client.keylog_filename = str(self.keylog)
        self._in, self._out = [ssl.MemoryBIO(), ssl.MemoryBIO()], [ssl.MemoryBIO(), ssl.MemoryBIO()]
        self._ends = [
            client.wrap_bio(self._in[0], self._out[0], server_hostname=NAME, session=session),
            server.wrap_bio(self._in[1], self._out[1], server_side=True),
        ]
        waiting = [0, 1]
        while waiting and not self.refused:
            for side in list(waiting):
                try:
                    self._ends[side].do_handshake()
                    waiting.remove(side)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError as error:
                    self.refused = error.reason
                self._carry(side)
        return self

    def say(self, *lines: str) -> TlsTalk:
        """``C ...`` and ``S ...``, encrypted once TLS is there; the line ends are added."""
        for line in lines:
            self.tell("CS".index(line[0]), line[2:].encode() + b"\r\n")
        return self

    def tell(self, side: int, octets: bytes) -> TlsTalk:
        """Any octets, encrypted once TLS is there."""
        if not self._ends:
            return self.send(side, octets)
        self._ends[side].write(octets)
        self._carry(side)
        with suppress(ssl.SSLWantReadError):
            while self._ends[1 - side].read(1 << 16):
                pass
        return self

    def goodbye(self, side: int) -> TlsTalk:
        """TLS's close_notify."""
        with suppress(ssl.SSLWantReadError):
            self._ends[side].unwrap()
        return self._carry(side)

    def _carry(self, side: int) -> TlsTalk:
        octets = self._out[side].read()
        if octets:
            self._in[1 - side].write(octets)
            self.send(side, octets)
        return self


def pcapng(*talks: TlsTalk, secrets: bytes = b"", without: Sequence[int] = ()) -> bytes:
    """A capture of some conversations; ``secrets`` go into it, the frames ``without`` (from 1) were missed by it."""
    file = BytesIO()
    writer = BlockWriter(file, application="tests")
    if secrets:
        writer.secrets(secrets)
    writer.interface(LINKTYPE_RAW, "")
    for number, packet in enumerate((packet for talk in talks for packet in talk.packets), 1):
        if number not in without:
            writer.packet(0, _START + number * _STEP, packet, len(packet))
    return file.getvalue()

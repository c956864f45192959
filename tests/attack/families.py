"""Captures that grow: a table of families, each made to cost an inspector more than its length.

A row is a name and a function that makes a capture of size ``n`` from a seed.  What must hold of every one is in
:mod:`tests.attack.test_linear`; ``make attack`` replays them with fresh seeds (:mod:`tests.attack.replay`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from tests.attack.packets import ACK, SYN, Line, twice
from tests.fuzz.packets import enhanced, interface, ipv4, option, pcap, section, tcp, udp

Make = Callable[[Random, int], Iterable[bytes]]
LINE = b"abcdefgh\r\n"


@dataclass(frozen=True, slots=True)
class Family:
    """``make`` gives the packets of a capture; ``size`` is one that takes some tenths of a second."""

    name: str
    size: int
    make: Make

    def capture(self, seed: int, size: int) -> bytes:
        """The capture of that size."""
        made = self.make(Random(seed), size)
        return b"".join(made) if self.name.startswith("pcapng") else pcap(made)


def _reordered(random: Random, n: int) -> list[bytes]:
    order = list(range(n))
    for at in random.sample(range(n - 1), n // 50):
        order[at], order[at + 1] = order[at + 1], order[at]
    return Line().mail().sent([(10 * at, LINE) for at in order], 10 * n)


def _overlapping(random: Random, n: int) -> list[bytes]:
    pieces = [(random.randrange(4 * n), random.randbytes(random.randrange(1, 64)).hex().encode()) for _ in range(n)]
    return Line().mail().sent(pieces, 4 * n + 128)


def _acknowledged_twice(random: Random, n: int) -> list[bytes]:
    """Repetitions, each with a block that says it was needless (RFC 2883)."""
    line = Line().mail()
    for _ in range(n):
        at = line.next[False]
        line.segment(False, LINE).segment(False, LINE, at=at)
        block = b"\1\1\5\x0a" + struct.pack(">II", at, at + len(LINE))
        ack = tcp(block, line.next[True], ACK, server=True, ack=line.next[False], words=8)
        line.packets.append(ipv4(ack, server=True))
    return line.message(b"")


def _connections(talk: Callable[[Line], Iterable[bytes]]) -> Make:
    def make(random: Random, n: int) -> Iterable[bytes]:
        return [packet for client in range(n) for packet in talk(Line(client=1_024 + client))]

    return make


def _one_again(line: Line) -> Iterable[bytes]:
    line.open().say(True, b"220 mx\r\n").say(False, b"NOOP\r\n")
    return line.segment(False, b"NOOP\r\n", at=line.next[False] - 6).say(True, b"250 Ok\r\n").end()


def _question(number: int, name: bytes, flags: int = 0x0100) -> bytes:
    label = bytes([len(name)]) + name
    return struct.pack(">HHHHHH", number & 0xFFFF, flags, 1, 0, 0, 0) + label + b"\7example\0\0\1\0\1"


def _questions(random: Random, n: int) -> list[bytes]:
    """Questions from one port, and answers to them with ids of others."""
    asked = [ipv4(udp(_question(at, b"h%d" % at)), 17) for at in range(n)]
    answers = (_question(at, b"h%d" % (n - at), 0x8183) for at in range(n))
    return asked + [ipv4(udp(answer, server=True), 17, server=True) for answer in answers]


def _pointers(random: Random, n: int) -> list[bytes]:
    """Answers whose names are chains of pointers."""
    names, before = b"", 12
    for _ in range(600):
        at = 12 + 17 + len(names)
        names += b"\1x" + struct.pack(">HHHIH4s", 0xC000 | before, 1, 1, 1, 4, b"\1\2\3\4")
        before = at
    head = _question(1, b"h", 0x8180)
    answer = head[:6] + struct.pack(">H", 600) + head[8:] + names
    return [
        packet
        for _ in range(n)
        for packet in (ipv4(udp(_question(1, b"h")), 17), ipv4(udp(answer, server=True), 17, server=True))
    ]


def _objections(random: Random, n: int) -> list[bytes]:
    """Errors of ICMP that quote one connection."""
    first = Line().open().packets
    return first + [ipv4(b"\3\1\0\0\0\0\0\0" + first[0][:28], 1, server=True)] * n


def _fragments(random: Random, n: int) -> list[bytes]:
    made = []
    for at in range(n):
        packet = bytearray(ipv4(b"x" * 8, 17))
        packet[4:8] = struct.pack(">HH", random.randrange(64), 0x2000 | at % 8_000)
        made.append(bytes(packet))
    return made


def _interfaces(random: Random, n: int) -> list[bytes]:
    packets = Line().mail().message(b"hello")
    blocks = [interface() + enhanced(packets[at % len(packets)], number=at) for at in range(n)]
    return [section(), *blocks]


def _sections(random: Random, n: int) -> list[bytes]:
    return [section() + interface() + enhanced(packet) for packet in _lines(25, LINE)(random, n)]


def _comments(random: Random, n: int) -> list[bytes]:
    said = option(1, b"a comment") * 3 + bytes(4)
    return [section(), interface(), *(enhanced(packet, options=said) for packet in _lines(25, LINE)(random, n))]


def _lines(port: int, line: bytes, most: int = 10) -> Make:
    return lambda random, n: Line(port).open().say(False, line * n, most).end()


def _commands(port: int, command: bytes, reply: bytes, greeting: bytes) -> Make:
    """Commands in one go and their replies."""
    return lambda random, n: (
        Line(port).open().say(True, greeting).say(False, _numbered(command, n)).say(True, _numbered(reply, n)).end()
    )


def _session(command: bytes, reply: bytes, *, begun: bool = False) -> Make:
    """Commands of SMTP in one go, behind the hello; behind MAIL too where it has ``begun``."""

    def make(random: Random, n: int) -> list[bytes]:
        line = Line().open().say(True, b"220 mx\r\n").ask(b"EHLO x", b"250-mx\r\n250 PIPELINING")
        line = line.ask(b"MAIL FROM:<a@x>", b"250 Ok") if begun else line
        return line.say(False, _numbered(command, n)).say(True, _numbered(reply, n)).end()

    return make


def _again(random: Random, n: int) -> list[bytes]:
    """A message that is taken each time it is sent, though it has the same Message-ID."""
    line = Line().mail().say(False, b"Message-ID: <1@x>\r\n\r\nhi\r\n.\r\n").say(True, _OK)
    for _ in range(n):
        line.say(False, _MAIL).say(True, _OK + _OK).ask(b"DATA", b"354 go on")
        line.say(False, b"Message-ID: <1@x>\r\n\r\nhi\r\n.\r\n").say(True, _OK)
    return line.end()


def _numbered(words: bytes, n: int) -> bytes:
    return b"".join(words.replace(b"#", b"%d" % at) for at in range(n))


def _message(content: Callable[[int], bytes]) -> Make:
    return lambda random, n: Line().mail().message(content(n))


_MULTIPART = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
_MAIL = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n"
_OK, _FULL = b"250 Ok\r\n", b"452 4.2.2 full\r\n"
_IMAP, _HTTP = b"* OK ready\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_LOGIN, _LOGGED_IN = b"a# LOGIN {1}\r\nx {1}\r\ny\r\n", b"+ go\r\n+ go\r\na# OK\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

FAMILIES = [
    Family("2 % reordered", 5_000, _reordered),
    Family("in reverse order", 3_000, lambda r, n: Line().mail().sent([(at, b"x") for at in range(n)][::-1], n)),
    Family("overlapping", 3_000, _overlapping),
    Family("holes, from behind", 3_000, lambda r, n: Line().mail().sent([(2 * at, b"x") for at in range(n)][::-1], 0)),
    Family("every packet twice", 3_000, lambda r, n: twice(Line().mail().say(False, LINE * n, 10).message(b""))),
    Family("one segment again and again", 4_000, lambda r, n: Line().mail().sent([(0, LINE)] * n, 10)),
    Family("repetitions told needless", 1_500, _acknowledged_twice),
    Family("segments of an octet", 4_000, _lines(25, b"x", 1)),
    Family("acknowledgements alone", 6_000, lambda r, n: [*Line().mail().packets, *Line().mail().packets[-1:] * n]),
    Family("SYNs from many ports", 1_500, lambda r, n: [ipv4(tcp(b"", at, SYN, client=1_024 + at)) for at in range(n)]),
    Family("SYNs of one pair", 1_500, lambda r, n: [ipv4(tcp(b"", at * 99_999, SYN)) for at in range(n)]),
    Family("connections that repeat", 1_100, _connections(_one_again)),
    Family("DNS questions from one port", 1_500, _questions),
    Family("DNS names of pointers", 25, _pointers),
    Family("errors of ICMP", 5_000, _objections),
    Family("fragments", 5_000, _fragments),
    Family("SMTP commands in one go", 4_000, _commands(25, b"NOOP #\r\n", b"250 Ok\r\n", b"220 mx\r\n")),
    Family("recipients refused", 800, _session(b"RCPT TO:<u#@x>\r\n", b"550 5.1.1 no #\r\n", begun=True)),
    Family("one recipient refused again and again", 2_000, _session(b"RCPT TO:<u@x>\r\n", _FULL, begun=True)),
    Family("messages refused on one connection", 500, _session(b"RSET\r\n" + _MAIL, _OK + _OK + _FULL)),
    Family("one message again and again", 500, _again),
    Family("replies nobody asked for", 4_000, _commands(25, b"", b"550 5.1.1 no #\r\n", b"220 mx\r\n")),
    Family("a reply of many lines", 20_000, _commands(25, b"", b"250-X#\r\n", b"220 mx\r\n")),
    Family("a line without end", 2_000_000, _lines(25, b"x", 1_400)),
    Family("header fields", 60_000, _message(lambda n: b"Received: from x\r\n" * n)),
    Family("a field of many lines", 40_000, _message(lambda n: b"Subject: a\r\n" + b" =?utf-8?B?YQ==?=\r\n" * n)),
    Family("MIME parts", 40_000, _message(lambda n: _MULTIPART + b"--b\r\n\r\nx\r\n" * n)),
    Family("messages in messages", 40_000, _message(lambda n: b"Content-Type: message/rfc822\r\n\r\n" * n)),
    Family("IMAP literals", 4_000, _commands(143, _LOGIN, _LOGGED_IN, _IMAP)),
    Family("IMAP commands of one tag", 4_000, _commands(143, b"a NOOP\r\n", b"b OK\r\n", _IMAP)),
    Family("IMAP data untagged", 10_000, _commands(143, b"", b"* # EXISTS\r\n", _IMAP)),
    Family("POP3 commands in one go", 4_000, _commands(110, b"STAT\r\n", b"+OK # 1\r\n", b"+OK ready\r\n")),
    Family("HTTP requests in one go", 2_000, _commands(80, b"GET /# HTTP/1.1\r\nHost: x\r\n\r\n", _HTTP, b"")),
    Family("HTTP chunks of an octet", 10_000, _commands(80, b"", b"1\r\nx\r\n", _CHUNKED)),
    Family("TLS records of an octet", 60_000, _lines(465, b"\x17\3\3\0\1x", 600)),
    Family("pcapng interfaces", 1_500, _interfaces),
    Family("pcapng sections", 3_000, _sections),
    Family("pcapng comments", 3_000, _comments),
]  # fmt: skip

"""SMTP sessions of a few sorts, each with one small twist at most, reproducible from a seed.

Most of them go alike.  So whoever says of a connection that it went like another, and overlooks a twist that matters,
says something wrong.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise

import numpy as np
from random_traffic import tcp_packet

from testbed.pcap.capture import Capture
from testbed.pcap.read import parse_capture
from testbed.pcap.write import TraceWriter

_MS, _SECOND = 1_000_000, 1_000_000_000
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_PAUSES = (
    _MS,
    15 * _MS,
    150 * _MS,
    250 * _MS,
    990 * _MS,
    1_001 * _MS,
    2 * _SECOND,
    6 * _SECOND,
    40 * _SECOND,
    700 * _SECOND,
)
_GREETING = b"220 mx.example ready\r\n"
_HELLO = (b"EHLO client.example\r\n", b"250-mx.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 SIZE 1000\r\n")
_MAIL = (b"MAIL FROM:<a@b>\r\n", b"250 2.1.0 Ok\r\n")
_RCPT = (b"RCPT TO:<c@d>\r\n", b"250 2.1.5 Ok\r\n")
_NOBODY = (b"RCPT TO:<e@d>\r\n", b"550 5.1.1 no such user here\r\n")
_DATA = (b"DATA\r\n", b"354 go on\r\n")
_TEXT = (b"Subject: one\r\n\r\nsome words\r\n.\r\n", b"250 2.0.0 Ok: queued as 12AB\r\n")
_QUIT = (b"QUIT\r\n", b"221 2.0.0 Bye\r\n")
_TLS = (b"STARTTLS\r\n", b"220 2.0.0 Ready\r\n")
_RECORD = b"\x17\x03\x03\0\x40" + bytes(range(64))
_SEALED = (
    b"\x16\x03\x01\0\x40\x01\0\0\x3c\x03\x03" + bytes(range(58)),
    b"\x16\x03\x03\0\x40\x02\0\0\x3c\x03\x03" + bytes(range(58)),
)
SESSIONS = (
    (_HELLO, _MAIL, _RCPT, _DATA, _TEXT, _QUIT),
    (_HELLO, _MAIL, _RCPT, _NOBODY, _DATA, _TEXT, _QUIT),
    (_HELLO, _MAIL, _NOBODY, _QUIT),
    (_HELLO, (_MAIL[0] + _RCPT[0] + _DATA[0], _MAIL[1] + _RCPT[1] + _DATA[1]), _TEXT, _QUIT),
    (_HELLO, (_MAIL[0] + _NOBODY[0] + _DATA[0], _MAIL[1] + _NOBODY[1] + b"554 5.5.1 no\r\n"), _QUIT),
    (_HELLO, _TLS, _SEALED, (_RECORD, _RECORD), (_RECORD, _RECORD)),
    (_HELLO, _QUIT),
    (),
)
_WORDS = (
    (b"MAIL FROM:<a@b>", b"MAIL FROM:<> SIZE=10 BODY=8BITMIME"),
    (b"MAIL", b"mail"),
    (b"QUIT", b"quit"),
    (b"RCPT TO:<", b"RCPT TO: <"),
    (b"ready", b"*********************"),
    (b"PIPELINING", b"XXXXXXXXXX"),
    (b"PIPELINING", b"SMTPUTF8"),
    (b"no such user here", b"mailbox full"),
    (b"no such user here", b"listed by a block list"),
    (b"550 5.1.1", b"450 4.2.2"),
    (b"550 5.1.1", b"504 5.1.1"),
    (b"2.0.0 Ok: queued", b"Ok: queued"),
    (b"250 2.0.0 Ok: q", b"421 4.3.2 going"),
    (b"250 2.0.0 Ok: q", b"554 5.7.1 spam"),
    (b"354 go on", b"503 5.5.1 no"),
    (b"220 mx", b"421 mx"),
    (b"220 mx", b"554 mx"),
    (b"some words", b"." + b"\xc3\xa9" * 20),
    (b"some words", b"z" * 999),
    (b"some words", b".\n\r\nMAIL FROM:<x@y>\r\n"),
    (b"some words\r\n", b""),
    (b"Subject: one\r\n\r\nsome words\r\n", b""),
    (b".\r\n", b""),
    (b"\r\n.\r\n", b"\n.\n"),
    (b"\x17\x03\x03\0\x40", b"\x15\x03\x03\0\x02"),
    (b"\x16\x03\x01", b"EHLO"),
    (b"\x16\x03\x03\0\x40\x02", b"\x16\x03\x01\0\x40\x02"),
    (b"EHLO", b"HELO"),
    (b"EHLO", b"NOOP"),
    (b"\r\n", b"\n"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One packet.  ``back`` is how far before the next octet of its side it begins; ``sum`` is its checksum: nothing,
    that of the segment, of the pseudo-header, or a wrong one.
    """

    side: int
    flags: int
    octets: bytes = b""
    wait_ns: int = _MS
    back: int = 0
    window: int = 500
    options: bytes = b""
    number: int = 0
    caught: bool = True
    advances: bool = True
    sum: str = ""


def session(choose: random.Random) -> list[Event]:
    """One without a twist."""
    events = [Event(0, _SYN), Event(1, _SYN | _ACK), Event(0, _ACK)]
    turns = choose.choices(SESSIONS, (8, 3, 2, 4, 1, 3, 1, 1))[0]
    if turns:
        events.append(Event(1, _ACK, _GREETING))
    for said, answered in turns:
        events += [Event(0, _ACK, said), Event(1, _ACK), Event(1, _ACK, answered)]
    return [*events, Event(0, _FIN | _ACK), Event(1, _FIN | _ACK), Event(0, _ACK)]


def _slow(events: list[Event], choose: random.Random) -> None:
    for _ in range(choose.choice((1, 1, 2, 9))):
        at = choose.randrange(len(events))
        events[at] = replace(events[at], wait_ns=choose.choice(_PAUSES))


def _again(events: list[Event], choose: random.Random) -> None:
    """A packet twice or more, soon or late, before its acknowledgement or behind it, the same or not."""
    at = choose.randrange(len(events))
    first = events[at]
    size = len(first.octets) + bool(first.flags & (_SYN | _FIN))
    number = choose.choice((0, 7))
    events[at] = replace(first, number=number)
    for _ in range(choose.choice((1, 1, 1, 2, 3))):
        octets = choose.choice((first.octets,) * 4 + (first.octets[:-1], first.octets.upper(), first.octets[1:]))
        back = size if choose.random() < 0.9 else size + 1
        again = replace(first, octets=octets, back=back, advances=False, number=choose.choice((number, 8)))
        again = replace(again, wait_ns=choose.choice(_PAUSES[:7]))
        behind = min(len(events), at + choose.choice((1, 1, 2, 3)))
        events.insert(behind, again)


def _lost(events: list[Event], choose: random.Random) -> None:
    if choose.random() < 0.2:
        side, flags = choose.randrange(2), choose.choice((_SYN, _FIN, _ACK))
        events[:] = [replace(e, caught=not (e.side == side and e.flags & flags)) for e in events]
        return
    at = choose.randrange(len(events))
    for place in range(at, min(len(events), at + choose.choice((1, 1, 2)))):
        events[place] = replace(events[place], caught=False)


def _cut_off(events: list[Event], choose: random.Random) -> None:
    del events[choose.randrange(1, len(events) + 1) :]
    if choose.random() < 0.5:
        flags = choose.choice((_RST, _RST | _ACK, _FIN | _ACK))
        events.append(Event(choose.randrange(2), flags, wait_ns=choose.choice(_PAUSES)))


def _reset(events: list[Event], choose: random.Random) -> None:
    at = choose.randrange(1, len(events) + 1)
    events.insert(at, Event(choose.randrange(2), choose.choice((_RST, _RST | _ACK)), wait_ns=choose.choice(_PAUSES)))


def _swapped(events: list[Event], choose: random.Random) -> None:
    at = choose.randrange(len(events))
    events.insert(choose.choice((at + 1, at + 2)), events.pop(at))


def _window(events: list[Event], choose: random.Random) -> None:
    at, side = choose.randrange(1, len(events)), choose.randrange(2)
    shut = [Event(side, _ACK, window=0) for _ in range(choose.choice((1, 1, 2, 11)))]
    if choose.random() < 0.5:
        shut.append(Event(1 - side, _ACK, b"Q", advances=False, wait_ns=300 * _MS))
    events[at:at] = [*shut, Event(side, _ACK, wait_ns=choose.choice(_PAUSES))]


def _alive(events: list[Event], choose: random.Random) -> None:
    at, side = choose.randrange(1, len(events) + 1), choose.randrange(2)
    events[at:at] = [Event(side, _ACK, back=1, wait_ns=5 * _SECOND), Event(1 - side, _ACK)]


def _selective(events: list[Event], choose: random.Random) -> None:
    """A segment again, and a block that tells that both came, or of something else."""
    said = [at for at, event in enumerate(events) if event.octets]
    if not said:
        return
    at = choose.choice(said)
    size = len(events[at].octets)
    again = replace(events[at], back=size, advances=False, wait_ns=choose.choice(_PAUSES[:4]))
    block = b"\5\x0a" + struct.pack(">ii", choose.choice((-size, 10)), choose.choice((0, 20)))
    events[at + 1 : at + 1] = [again, Event(1 - events[at].side, _ACK, options=block)]


def _in_pieces(events: list[Event], choose: random.Random) -> None:
    said = [at for at, event in enumerate(events) if len(event.octets) > 1]
    if not said:
        return
    at = choose.choice(said)
    event, cut = events[at], choose.randrange(1, len(events[at].octets))
    parts = [replace(event, octets=event.octets[:cut]), replace(event, octets=event.octets[cut:])]
    events[at : at + 1] = parts[:: choose.choice((1, 1, 1, -1))]


def _missing(events: list[Event], choose: random.Random) -> None:
    """What a side says comes in several segments, of which the capture misses one, or has it behind its ACK."""
    said = [at for at, event in enumerate(events) if len(event.octets) > 8]
    of_message = [at for at in said if b"Subject" in events[at].octets]
    if not said:
        return
    at = choose.choice(of_message if of_message and choose.random() < 0.6 else said)
    event = events[at]
    cuts = {0, len(event.octets), *(choose.randrange(1, len(event.octets)) for _ in range(choose.choice((0, 1, 2, 5))))}
    parts = [replace(event, octets=event.octets[one:other]) for one, other in pairwise(sorted(cuts))]
    which, overtaken, found = choose.randrange(len(parts)), choose.random() < 0.3, list[Event]()
    for place, part in enumerate(parts):
        found.append(replace(part, caught=place != which))
        if choose.random() < 0.5 or (place == which and overtaken):
            found.append(Event(1 - event.side, _ACK))
        if place == which and overtaken:
            found.append(replace(part, back=len(part.octets), advances=False))
    events[at : at + 1] = found


def _together(events: list[Event], choose: random.Random) -> None:
    """FIN with octets, or an acknowledgement too many, or one too few."""
    at = choose.randrange(len(events))
    if choose.random() < 0.4:
        events[at] = replace(events[at], flags=events[at].flags | _FIN)
    elif choose.random() < 0.5 and not events[at].octets:
        del events[at]
    else:
        events.insert(at, Event(choose.randrange(2), _ACK, wait_ns=choose.choice(_PAUSES)))


def _other_words(events: list[Event], choose: random.Random) -> None:
    before, behind = choose.choice(_WORDS)
    holding = [at for at, event in enumerate(events) if before in event.octets]
    if holding:
        at = choose.choice(holding)
        events[at] = replace(events[at], octets=events[at].octets.replace(before, behind))


def _more(events: list[Event], choose: random.Random) -> None:
    """Octets where nobody expects any."""
    at, side = choose.randrange(1, len(events) + 1), choose.randrange(2)
    words = (b"QUIT\r\n", b"421 4.4.2 idle too long\r\n", b"250 Ok\r\n", b"RSET\r\n", b"\0\1", _RECORD, b"354 go\r\n")
    events.insert(at, Event(side, _ACK, choose.choice(words), wait_ns=choose.choice(_PAUSES)))


def _at_once(events: list[Event], choose: random.Random) -> None:
    """What the client says before a reply to what it has said before, whether it may or not."""
    for _ in range(choose.choice((1, 1, 2, 3, 4))):
        said = [at for at, event in enumerate(events) if event.octets and not event.side]
        if len(said) > 1:
            which = choose.randrange(1, len(said))
            events.insert(said[which - 1] + 1, events.pop(said[which]))


def _damaged(events: list[Event], choose: random.Random) -> None:
    """A segment that is sent once more, and has a checksum."""
    said = [at for at, event in enumerate(events) if event.octets]
    if said:
        at = choose.choice(said)
        again = replace(events[at], back=len(events[at].octets), advances=False, wait_ns=choose.choice(_PAUSES[2:5]))
        events[at : at + 1] = [replace(events[at], sum=choose.choice(("good", "good", "pseudo", "bad"))), again]


TWISTS: tuple[Callable[[list[Event], random.Random], None], ...] = (
    *(_slow, _again, _again, _lost, _cut_off, _reset, _swapped, _window, _alive),
    *(_selective, _in_pieces, _together, _other_words, _other_words, _more, _missing, _missing),
    *(_damaged, _at_once, _at_once),
)


def twisted_mail(seed: int, connections: int, twists: int = 1) -> Capture:
    """A capture; every other connection has so many twists."""
    choose, file, now = random.Random(seed), BytesIO(), 1_700_000_000 * _SECOND
    writer = TraceWriter(file, application="tests")
    for number in range(connections):
        events = session(choose)
        for _ in range(twists if number % 2 else 0):
            if len(events) > 1:
                choose.choice(TWISTS)(events, choose)
        now = _write(writer, events, 10_000 + number, now, choose.getrandbits(32))
    return parse_capture(np.frombuffer(file.getvalue(), np.uint8))


def _write(writer: TraceWriter, events: list[Event], port: int, now: int, first: int) -> int:
    next_ = [first, first ^ 0x5555]
    for event in events:
        now += event.wait_ns
        side, start = event.side, next_[event.side] - event.back
        ack = next_[1 - side] if event.flags & _ACK else 0
        options = event.options
        if options:
            edges = (next_[1 - side] + offset for offset in struct.unpack(">ii", options[2:]))
            options = options[:2] + struct.pack(">II", *(edge % 2**32 for edge in edges))
        packet = bytearray(tcp_packet(side, port, start, ack, event.flags, event.window, event.octets, options))
        packet[4:6] = event.number.to_bytes(2, "big")
        packet[36:38] = _checksum(event.sum, packet)
        if event.caught:
            writer.packet(now, bytes(packet))
        if event.advances:
            next_[side] += len(event.octets) + bool(event.flags & (_SYN | _FIN))
    return now


def _checksum(kind: str, packet: bytearray) -> bytes:
    pseudo = _sum(packet[12:20]) + 6 + len(packet) - 20
    good = 65_535 - (pseudo + _sum(packet[20:])) % 65_535
    return {"": 0, "good": good, "pseudo": pseudo % 65_535, "bad": good ^ 0x101}[kind].to_bytes(2, "big")


def _sum(octets: bytearray) -> int:
    return sum(int.from_bytes(octets[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(octets), 2))

"""Makes a large capture of SMTP traffic: many clients at once, each connection different, some of them in trouble.

``python tests/bench/make_capture.py OUT.pcap CONNECTIONS [SEED] [--like-the-world]``

About 24 packets of 262 octets a connection.  What happens is drawn from :data:`TROUBLES`; message sizes, numbers of
recipients, names, addresses, sequence numbers and the cutting into segments differ from one connection to the next.

With ``--like-the-world`` it is a pcapng file with an interface of each of several link types; every packet has time
stamps, 30 % of the connections are over IPv6, 80 % of them speak TLS, and 2 % lose segments, told by SACK, or reorder.
"""

from __future__ import annotations

import heapq
import random
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from testbed.pcap.write import BlockWriter

# Share of connections with each kind of trouble; the rest have none.
TROUBLES = {
    "retransmission": 0.03,  # a segment of the message twice
    "lost-segment": 0.01,  # one that arrives late, after three duplicate ACKs
    "gap": 0.005,  # one the capture missed
    "zero-window": 0.01,
    "reset": 0.005,  # in the middle of the message
    "refused": 0.01,
    "unanswered": 0.005,
    "rejected": 0.06,  # 550 to RCPT
    "deferred": 0.03,  # 452 to RCPT
    "message-refused": 0.01,  # 554 after the final dot
    "starttls": 0.10,
}
OF_THE_WORLD = {**TROUBLES, "starttls": 0.80, "lost-segment": 0.015, "reordered": 0.005}
IPV6 = 0.3
LINKS = {1: "0200000000020200000000010800", 113: "0000000100060200000000010000" + "0800", 101: "", 276: "08000000"}
PIPELINING = 0.4
MTU = 1448
START_NS, SPACING_NS = 1_700_000_000_000_000_000, 2_000_000
SYN, RST, PSH, ACK, FIN = 2, 4, 8, 16, 1
SERVERS = [bytes((192, 0, 2, n)) for n in range(1, 9)]
_WORDS = (
    "mail",
    "queue",
    "relay",
    "letter",
    "reply",
    "server",
    "packet",
    "report",
    "invoice",
    "meeting",
    "notes",
    "garden",
)


@dataclass
class Talk:
    """One connection as it is made; ``packets`` are (time, octets of the IP packet)."""

    random: random.Random
    client: bytes
    server: bytes
    port: int
    time: int
    world: bool = False
    packets: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.v6 = self.world and self.random.random() < IPV6
        self.sequence = [self.random.getrandbits(32), self.random.getrandbits(32)]
        self.window = [502, 509]

    def wait(self, milliseconds: float) -> None:
        self.time += int(milliseconds * 1e6 * self.random.uniform(0.5, 1.5))

    def send(
        self,
        side: int,
        flags: int,
        payload: bytes = b"",
        *,
        at: int | None = None,
        caught: bool = True,
        block: tuple[int, int] | None = None,
    ) -> None:
        """One packet; ``at`` repeats an older sequence number, ``block`` is acknowledged selectively."""
        start = self.sequence[side] if at is None else at
        ack = self.sequence[1 - side] if flags & ACK else 0
        ends = (self.client, self.server) if side == 0 else (self.server, self.client)
        ports = (self.port, 25) if side == 0 else (25, self.port)
        options = b"\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\0\0" if flags & SYN else b""
        if self.world:
            options += b"\x01\x01\x08\x0a" + struct.pack(">II", self.time // 1_000_000 & 0xFFFFFFFF, side + 1)
        if self.world and block is not None:
            options += b"\x01\x01\x05\x0a" + struct.pack(">II", *block)
        offset = (20 + len(options)) // 4 << 4
        tcp = struct.pack(">HHIIBBHHH", *ports, start, ack, offset, flags, self.window[side], 0, 0) + options
        length = 20 + len(tcp) + len(payload)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0x4000, 64, 6, 0, *ends)
        if self.v6:
            ip = struct.pack(">IHBB", 6 << 28, length - 20, 6, 64) + b"".join(bytes(12) + end for end in ends)
        if caught:
            self.packets.append((self.time, ip + tcp + payload))
        if at is None:
            self.sequence[side] = (start + len(payload) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        self.wait(0.3)

    def say(self, side: int, text: bytes) -> None:
        """A line or several, and the ACK of the other side one time in three."""
        self.send(side, PSH | ACK, text)
        self.wait(1)
        if self.random.random() < 0.33:
            self.send(1 - side, ACK)

    def open(self) -> None:
        self.send(0, SYN)
        self.send(1, SYN | ACK)
        self.send(0, ACK)

    def close(self) -> None:
        self.send(0, FIN | ACK)
        self.send(1, FIN | ACK)
        self.send(0, ACK)


def message(draw: random.Random, number: int, recipient: str) -> bytes:
    """A mail of some 300 to 30,000 octets, the final dot included."""
    lines = [
        f"Message-ID: <{draw.getrandbits(48):x}.{number}@sender.example>",
        f"From: a{number}@sender.example",
        f"To: {recipient}",
        f"Subject: {' '.join(draw.choices(_WORDS, k=4))}",
        "",
    ]
    size = min(30_000, int(draw.lognormvariate(7.6, 1.0)))
    while size > 0:
        line = " ".join(draw.choices(_WORDS, k=draw.randint(1, 12)))
        lines.append(line)
        size -= len(line) + 2
    return "\r\n".join([*lines, ".", ""]).encode()


def connection(draw: random.Random, number: int, world: bool = False) -> Talk:
    """One connection, whole."""
    troubles = OF_THE_WORLD if world else TROUBLES
    client = bytes((10, number >> 16 & 255, number >> 8 & 255, number & 255))
    talk = Talk(draw, client, draw.choice(SERVERS), draw.randint(32_768, 60_999), START_NS + number * SPACING_NS, world)
    trouble = draw.choices([*troubles, ""], [*troubles.values(), max(0.0, 1 - sum(troubles.values()))])[0]
    if trouble == "unanswered":
        first = talk.sequence[0]
        for wait in (0, 1_000, 2_000, 4_000):
            talk.wait(wait)
            talk.send(0, SYN, at=first)
        return talk
    if trouble == "refused":
        talk.send(0, SYN)
        talk.send(1, RST | ACK)
        return talk
    talk.open()
    host = f"mx{talk.server[3]}.example"
    talk.say(1, f"220 {host} ESMTP ready\r\n".encode())
    talk.say(0, f"EHLO client-{number}.example\r\n".encode())
    talk.say(1, f"250-{host}\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 8BITMIME\r\n".encode())
    if trouble == "starttls":
        _secret(talk)
        return talk
    _transaction(talk, trouble, number)
    if trouble != "reset":
        talk.say(0, b"QUIT\r\n")
        talk.say(1, b"221 2.0.0 Bye\r\n")
        talk.close()
    return talk


def _secret(talk: Talk) -> None:
    talk.say(0, b"STARTTLS\r\n")
    talk.say(1, b"220 2.0.0 Ready to start TLS\r\n")
    if talk.world:
        _handshake(talk)
    for side in (0, 1, 0, 1, 0, 1, 0, 1):
        octets = talk.random.randbytes(talk.random.randint(30, 1_300))
        talk.say(side, b"\x17\x03\x03" + struct.pack(">H", len(octets)) + octets)
    talk.close()


def _handshake(talk: Talk) -> None:
    """TLS 1.3 as a capture shows it."""
    draw = talk.random.randbytes
    begun = b"\x03\x03" + draw(32) + b"\x20" + draw(32)  # version, random, session
    versions, share = b"\0\x2b\0\x03\x02\x03\x04", b"\0\x33\0\x26\0\x24\0\x1d\0\x20" + draw(32)
    hello = begun + b"\0\x02\x13\x01\x01\0" + struct.pack(">H", 49) + versions + share
    talk.say(0, _record(22, b"\x01" + struct.pack(">I", len(hello))[1:] + hello, b"\x03\x01"))
    chosen = b"\0\x2b\0\x02\x03\x04\0\x33\0\x24\0\x1d\0\x20" + draw(32)
    answer = begun + b"\x13\x01\0" + struct.pack(">H", len(chosen)) + chosen
    answer = _record(22, b"\x02" + struct.pack(">I", len(answer))[1:] + answer)
    talk.say(1, answer + _record(20, b"\x01") + _record(23, draw(1_200)))
    talk.say(0, _record(20, b"\x01") + _record(23, draw(53)))


def _record(kind: int, octets: bytes, version: bytes = b"\x03\x03") -> bytes:
    return bytes((kind,)) + version + struct.pack(">H", len(octets)) + octets


def _transaction(talk: Talk, trouble: str, number: int) -> None:
    draw = talk.random
    recipients = [f"user{draw.randint(1, 99_999)}@receiver.example" for _ in range(draw.choice((1, 1, 1, 2, 3)))]
    commands = [f"MAIL FROM:<a{number}@sender.example> SIZE={draw.randint(500, 9_999)}\r\n"]
    commands += [f"RCPT TO:<{recipient}>\r\n" for recipient in recipients]
    replies = ["250 2.1.0 Ok\r\n", *("250 2.1.5 Ok\r\n" for _ in recipients)]
    if trouble == "rejected":
        replies[-1] = f"550 5.1.1 <{recipients[-1]}>: Recipient address rejected: User unknown\r\n"
    if trouble == "deferred":
        replies[-1] = "452 4.2.2 Mailbox full\r\n"
    refused = trouble in ("rejected", "deferred") and len(recipients) == 1
    if draw.random() < PIPELINING and not refused:
        talk.say(0, "".join([*commands, "DATA\r\n"]).encode())
        talk.say(1, "".join([*replies, "354 End data with <CR><LF>.<CR><LF>\r\n"]).encode())
    else:
        for command, reply in zip(commands, replies, strict=True):
            talk.say(0, command.encode())
            talk.say(1, reply.encode())
        if refused:
            return
        talk.say(0, b"DATA\r\n")
        talk.say(1, b"354 End data with <CR><LF>.<CR><LF>\r\n")
    _data(talk, trouble, message(draw, number, recipients[0]))
    if trouble == "reset":
        talk.send(1, RST)
        return
    queued = f"250 2.0.0 Ok: queued as {draw.getrandbits(40):010X}\r\n"
    talk.say(1, b"554 5.7.1 Message refused\r\n" if trouble == "message-refused" else queued.encode())


def _data(talk: Talk, trouble: str, octets: bytes) -> None:
    segments = [octets[at : at + MTU] for at in range(0, len(octets), MTU)]
    which = talk.random.randrange(len(segments))
    for index, segment in enumerate(segments):
        start = talk.sequence[0]
        troubled = index == which
        if troubled and trouble == "reset" and len(segments) > 1:
            return
        caught = not (troubled and trouble in ("gap", "lost-segment", "reordered"))
        talk.send(0, PSH | ACK if index == len(segments) - 1 else ACK, segment, caught=caught)
        if troubled and trouble == "retransmission":
            talk.wait(200)
            talk.send(0, PSH | ACK, segment, at=start)
        if troubled and trouble == "lost-segment":
            _late(talk, start, segment)
        if troubled and trouble == "reordered":
            talk.send(1, ACK)
            talk.send(0, PSH | ACK, segment, at=start)
        if troubled and trouble == "zero-window":
            talk.window[1] = 0
            talk.send(1, ACK)
            talk.wait(300)
            talk.window[1] = 509
            talk.send(1, ACK)
        elif index % 2:
            talk.send(1, ACK)


def _late(talk: Talk, start: int, segment: bytes) -> None:
    """Three duplicate ACKs for what is missing, then the segment."""
    after, talk.sequence[0] = talk.sequence[0], start
    for _ in range(3):
        talk.send(1, ACK, block=((start + len(segment)) & 0xFFFFFFFF, after))
    talk.wait(2)
    talk.send(0, PSH | ACK, segment)
    talk.sequence[0] = after
    talk.send(1, ACK)


def packets(connections: int, seed: int, world: bool = False) -> Iterator[tuple[int, bytes]]:
    """All packets in order of time; only the connections that overlap are in memory."""
    draw = random.Random(seed)
    waiting: list[tuple[int, int, bytes]] = []
    order = 0
    for number in range(connections):
        begun = START_NS + number * SPACING_NS
        while waiting and waiting[0][0] < begun:
            time, _, octets = heapq.heappop(waiting)
            yield time, octets
        for time, octets in connection(draw, number, world).packets:
            order += 1
            heapq.heappush(waiting, (time, order, octets))
    while waiting:
        time, _, octets = heapq.heappop(waiting)
        yield time, octets


def make(path: Path, connections: int, seed: int = 1) -> int:
    """Write the capture (Ethernet, nanoseconds) and give the number of its packets."""
    ethernet = bytes.fromhex("0200000000020200000000010800")
    count = 0
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 1))
        for time, octets in packets(connections, seed):
            seconds, ns = divmod(time, 1_000_000_000)
            size = len(ethernet) + len(octets)
            out.write(struct.pack("<IIII", seconds, ns, size, size) + ethernet + octets)
            count += 1
    return count


def make_world(path: Path, connections: int, seed: int = 1) -> int:
    """Write a capture like the world (pcapng) and give the number of its packets."""
    count = 0
    with path.open("wb") as out:
        writer = BlockWriter(out, application="mail-testbed")
        for link in LINKS:
            writer.interface(link, f"if{link}")
        heads = [bytes.fromhex(head) for head in LINKS.values()]
        for time, octets in packets(connections, seed, world=True):
            which = octets[-1] % len(heads) if octets[-1] > 250 else 0  # one network card sees nearly all of it
            head, v6 = heads[which], octets[0] >> 4 == 6
            if v6:
                head = head.replace(b"\x08\0", b"\x86\xdd")
            if which == 3:
                head = head.ljust(20, b"\0")
            writer.packet(which, time, head + octets, len(head) + len(octets))
            count += 1
    return count


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--like-the-world"]
    chosen = make_world if "--like-the-world" in sys.argv else make
    print(chosen(Path(words[0]), *map(int, words[1:])), "packets")

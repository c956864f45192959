"""Random SMTP conversations, many alike and many a little odd, reproducible from a seed."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import numpy as np
from random_traffic import tcp_packet

from testbed.pcap.capture import Capture
from testbed.pcap.read import parse_capture
from testbed.pcap.write import TraceWriter

_SYN, _SYN_ACK, _ACK, _DATA, _FIN, _RST = 0x02, 0x12, 0x10, 0x18, 0x11, 0x04
# What stands in messages: harmless nearly always, and everything that could be taken for something else.
_TEXTS = (
    b"Subject: one",
    b"",
    b"two words",
    b"..stuffed",
    b"a line of a letter, which goes on for some time",
    b"x" * 80,
)
_ODD_TEXTS = (
    b".",
    b"a\nb",
    b"a\rb",
    b"a\n.\r\nMAIL FROM:<x@y>",
    b"a\r\n.\nQUIT",
    b"z" * 600,
    b"z" * 1_200,
    b"\xc3\xa9",
    b"\0",
    b".\r",
)
_ODD_COMMANDS = (
    b"NOOP",
    b"noop x",
    b"XYZ",
    b"RCPT TO:c@d",
    b"MAIL FROM <a@b>",
    b"BDAT 3\r\nabc",
    b"DATA ",
    b"\xff",
    b"",
)
_REPLIES = {
    b"RCPT": (b"250 2.1.5 Ok", b"250 2.1.5 Ok", b"550 5.1.1 no such user", b"452 4.2.2 full", b"354 what"),
    b"MAIL": (b"250 2.1.0 Ok", b"250 2.1.0 Ok", b"250-2.1.0 long\r\n250 2.1.0 Ok"),
    b"EHLO": (b"250-mx\r\n250-PIPELINING\r\n250 SIZE 100", b"250-mx\r\n250 SIZE 100", b"250 mx"),
    b"DATA": (b"354 go on", b"354 go on", b"354 go on", b"503 5.5.1 no"),
    b"QUIT": (b"221 2.0.0 Bye",),
    b"STARTTLS": (b"220 2.0.0 Ready", b"454 4.7.0 not now"),
    b"message": (b"250 2.0.0 Ok: queued as ", b"554 5.7.1 refused", b"421 4.3.2 shutting down"),
}


class RandomMail:
    """One capture of ``connections`` conversations; about one in ``odd`` steps has something odd."""

    def __init__(self, seed: int, connections: int, odd: int) -> None:
        self._choose, self._odd = random.Random(seed), odd
        self._file, self._now = BytesIO(), 1_700_000_000_000_000_000
        self._writer = TraceWriter(self._file, application="tests")
        for number in range(connections):
            self._port = 10_000 + number
            self._sequence = [self._choose.getrandbits(32), self._choose.getrandbits(32)]
            self._conversation()

    def capture(self) -> Capture:
        """The capture, read."""
        return parse_capture(np.frombuffer(self._file.getvalue(), np.uint8))

    def write(self, path: Path) -> None:
        """Write it as a file."""
        path.write_bytes(self._file.getvalue())

    def _rarely(self) -> bool:
        return self._choose.randrange(self._odd) == 0

    def _packet(self, side: int, flags: int, octets: bytes = b"", sequence: int | None = None) -> None:
        start = self._sequence[side] if sequence is None else sequence
        ack = self._sequence[1 - side] if flags & _ACK else 0
        self._now += self._choose.choice((10_000, 400_000, 5_000_000, 250_000_000))
        window = 0 if flags == _ACK and self._rarely() else 500
        self._writer.packet(self._now, tcp_packet(side, self._port, start, ack, flags, window, octets))
        if sequence is None:
            self._sequence[side] += len(octets) + bool(flags & (_SYN | 1))

    def _say(self, side: int, octets: bytes, cut: bool = False) -> None:
        """Octets in one segment, or rarely in several unless ``cut``; some sent twice, some acknowledged at once."""
        while octets:
            whole = not self._rarely() if not cut else self._choose.random() < 0.6
            size = len(octets) if whole and len(octets) < 1_400 else self._choose.randint(1, min(len(octets), 1_400))
            part, octets = octets[:size], octets[size:]
            start = self._sequence[side]
            if self._rarely() and self._choose.random() < 0.3:
                self._sequence[side] += len(part)  # the capture missed it
            else:
                self._packet(side, _DATA, part)
            if self._rarely():
                self._packet(side, _DATA, part[: self._choose.randint(1, len(part))], start)
            if self._choose.random() < 0.3:
                self._packet(1 - side, _ACK)

    def _conversation(self) -> None:
        if not self._rarely():
            self._packet(0, _SYN)
            if self._rarely():
                self._packet(0, _SYN, sequence=self._sequence[0] - 1)
            self._packet(1, _SYN_ACK)
            self._packet(0, _ACK)
        self._say(1, b"220 mx.example ready\r\n")
        self._commands()
        if self._rarely():
            self._packet(self._choose.randrange(2), _RST)
            return
        for side in self._choose.choice(((0, 1), (1, 0), (0,))):
            self._packet(side, _FIN)
        self._packet(0, _ACK)

    def _commands(self) -> None:
        choose = self._choose
        lines = [b"EHLO client.example", b"MAIL FROM:<a@b>"]
        lines += [b"RCPT TO:<u%d@d>" % choose.randrange(99) for _ in range(choose.randint(1, 3))]
        lines += [b"DATA"]
        if choose.random() < 0.1:
            lines.insert(1, b"STARTTLS")
        if self._rarely():
            lines.insert(choose.randrange(len(lines)), choose.choice(_ODD_COMMANDS))
        while lines:
            together = choose.choice((1, 1, 1, len(lines)))
            now, lines = lines[:together], lines[together:]
            self._say(0, b"".join(line + b"\r\n" for line in now))
            replies = [self._reply(line) for line in now]
            self._say(1, b"".join(replies))
            if now[-1] == b"STARTTLS" and replies[-1].startswith(b"220"):
                self._secret()
                return
            if now[-1] == b"DATA" and replies[-1].startswith(b"354"):
                self._message()
        if not self._rarely():
            self._say(0, b"QUIT\r\n")
            self._say(1, self._reply(b"QUIT"))

    def _reply(self, command: bytes) -> bytes:
        replies = _REPLIES.get(command[:4], _REPLIES.get(command, (b"250 2.0.0 Ok", b"500 5.5.2 what")))
        return self._choose.choice(replies) + b"\r\n"

    def _message(self) -> None:
        lines = [self._choose.choice(_TEXTS) for _ in range(self._choose.choice((1, 5, 40)))]
        if self._rarely():
            lines.insert(self._choose.randrange(len(lines)), self._choose.choice(_ODD_TEXTS))
        end = b"\r\n.\r\n" if not self._rarely() else self._choose.choice((b"", b"\n.\n", b"\r\n.\r\nQUIT\r\n"))
        self._say(0, b"\r\n".join(lines) + end, cut=True)
        if not self._rarely():
            self._say(1, self._reply(b"message"))

    def _secret(self) -> None:
        for side in (0, 1, 0, 1):
            octets = self._choose.randbytes(self._choose.choice((2, 19, 40, 300)))
            kind = self._choose.choice((20, 21, 22, 23, 23, 23))
            self._say(side, bytes((kind, 3, 3)) + len(octets).to_bytes(2, "big") + octets)

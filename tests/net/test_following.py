"""Which packet completes a command of SMTP, or the reply to it."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from testbed.net.faults.following import Following, Said
from testbed.net.packet import Packet, look

ENDS = (("127.0.0.10", 40_000), ("127.0.0.20", 25))
FIRST = (2**32 - 9, 2**31 - 5)  # sequence numbers of the SYNs, which wrap soon


def packet(side: int, flags: str, place: int = 0, octets: bytes = b"") -> Packet:
    """A packet of the client (0) or the server (1), whose octets have this place in what it sends."""
    (source, sport), (destination, dport) = ENDS[side], ENDS[1 - side]
    sequence = FIRST[side] if "S" in flags else (FIRST[side] + 1 + place) % 2**32
    return look(
        bytes(
            IP(src=source, dst=destination) / TCP(sport=sport, dport=dport, seq=sequence, flags=flags) / Raw(octets),
        )
    )


def opened() -> Following:
    following = Following(packet(0, "S"))
    assert following.follow(packet(0, "S")) == following.follow(packet(1, "SA")) == []
    return following


def words(said: list[Said]) -> list[str]:
    """``MAIL?`` for a command, ``MAIL!`` for a reply to it."""
    return [one.stage + ("!" if one.is_reply else "?") for one in said]


def dialogue(lines: str) -> list[str]:
    """What is whole with each segment of a dialogue: ``C:`` the client's, ``S:`` the server's; ``|`` is CRLF."""
    following, places, found = opened(), [0, 0], []
    for line in lines.strip().splitlines():
        side, octets = " CS".index(line.strip()[0]) - 1, line.strip()[3:].replace("|", "\r\n").encode()
        found.append(" ".join(words(following.follow(packet(side, "PA", places[side], octets)))))
        places[side] += len(octets)
    return found


HELLO = "S: 220 mx|\nC: EHLO a|\nS: 250 mx|\n"
LHLO = HELLO.replace("EHLO", "LHLO")

DIALOGUES = {
    "one by one": (
        HELLO + "C: MAIL FROM:<a@b>|\nS: 250 ok|\nC: QUIT|\nS: 221 bye|",
        ["connect!", "EHLO?", "EHLO!", "MAIL?", "MAIL!", "QUIT?", "QUIT!"],
    ),
    "in pieces": (
        "S: 220-mx|22\nS: 0 mx|\nC: EH\nC: LO a|NO\nC: OP|\nS: 250-mx|250 DSN|250\nS:  ok|",
        ["", "connect!", "", "EHLO?", "NOOP?", "EHLO!", "NOOP!"],
    ),
    "pipelined": (
        HELLO + "C: MAIL FROM:<a@b>|RCPT TO:<c@d>|DATA|\nS: 250 ok|250 ok|354 go|\nC: a|..|.|QUIT|\nS: 250 ok|221 bye|",
        ["connect!", "EHLO?", "EHLO!", "MAIL? RCPT? DATA?", "MAIL! RCPT! DATA!", "message? QUIT?", "message! QUIT!"],
    ),
    "a message that speaks of commands": (
        HELLO + "C: DATA|\nS: 354 go|\nC: QUIT|\nC: RSET|\nC: .\nC: |\nS: 250 ok|",
        ["connect!", "EHLO?", "EHLO!", "DATA?", "DATA!", "", "", "", "message?", "message!"],
    ),
    "no message": (
        HELLO + "C: DATA|\nS: 503 no|\nC: QUIT|",
        ["connect!", "EHLO?", "EHLO!", "DATA?", "DATA!", "QUIT?"],
    ),
    "chunks": (
        HELLO + "C: BDAT 6|QUIT|\nS: 250 ok|\nC: BDAT 3 LAST|a\nC: |\nS: 250 ok|",
        ["connect!", "EHLO?", "EHLO!", "BDAT?", "BDAT!", "BDAT?", "message?", "message!"],
    ),
    "LMTP answers a message for each recipient": (
        LHLO + "C: MAIL FROM:<a@b>|RCPT TO:<c@d>|RCPT TO:<e@f>|RCPT TO:<g@h>|DATA|\n"
        "S: 250 ok|250 ok|550 no|250 ok|354 go|\nC: .|\nS: 250 ok|\nS: 452 full|",
        [
            "connect!", "LHLO?", "LHLO!", "MAIL? RCPT? RCPT? RCPT? DATA?", "MAIL! RCPT! RCPT! RCPT! DATA!", "message?",
            "", "message!",
        ],
    ),
    "a login": (
        HELLO + "C: AUTH LOGIN|\nS: 334 x|\nC: QUIT|\nS: 334 y|\nC: RSET|\nS: 235 ok|\nC: MAIL FROM:<>|",
        ["connect!", "EHLO?", "EHLO!", "AUTH?", "", "", "", "", "AUTH!", "MAIL?"],
    ),
    "TLS": (
        HELLO + "C: STARTTLS|\nS: 220 go|\nC: MAIL FROM:<>|\nS: 250 ok|",
        ["connect!", "EHLO?", "EHLO!", "STARTTLS?", "STARTTLS!", "", ""],
    ),
    "POP3": ("S: +OK|\nC: QUIT|\nS: +OK|", ["", "", ""]),
    "IMAP": ("S: * OK|\nC: a NOOP|\nC: QUIT|", ["", "", ""]),
    "nobody asked": (HELLO + "S: 421 bye|", ["connect!", "EHLO?", "EHLO!", "!"]),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "whole"), DIALOGUES.values(), ids=DIALOGUES)
def test_what_is_whole_with_which_packet(lines: str, whole: list[str]) -> None:
    assert dialogue(lines) == whole


def test_packets_may_come_again_and_out_of_order() -> None:
    following = opened()
    assert words(following.follow(packet(1, "PA", 0, b"220 mx\r\n"))) == ["connect!"]
    assert words(following.follow(packet(1, "PA", 0, b"220 mx\r\n"))) == []
    assert words(following.follow(packet(0, "PA", 8, b"NOOP\r\n"))) == []
    assert words(following.follow(packet(0, "PA", 14, b"QUIT\r\n"))) == []
    assert words(following.follow(packet(0, "PA", 0, b"EHLO a\r\nNO"))) == ["EHLO?", "NOOP?", "QUIT?"]
    assert words(following.follow(packet(0, "PA", 8, b"NOOP\r\nQUIT\r\nRSET\r\n"))) == ["RSET?"]


def test_it_ends_with_a_reset_or_two_fins() -> None:
    following = opened()
    following.follow(packet(0, "FA"))
    assert not following.ended
    following.follow(packet(1, "FA"))
    assert following.ended
    reset = opened()
    reset.follow(packet(1, "R"))
    assert reset.ended

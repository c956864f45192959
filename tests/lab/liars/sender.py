"""Sends a letter to bob and dave, says how it went, and ends with a status: sender.py LIE SERVER LETTER.

Its status is 0 when each of them was promised the letter, else 1; it names those who were not.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

LIE, SERVER, LETTER = sys.argv[1:4]
MOST_TRIES, WAIT_S = 50, 0.1
FROM, TO = "alice@crepes.fr", sys.argv[4:] or ["bob@someschool.edu", "dave@someschool.edu"]


def say(*lines: bytes) -> str:
    """Say something, and give the last line of the reply."""
    stream.write(b"".join(line + b"\r\n" for line in lines))
    stream.flush()
    return heard()


def heard() -> str:
    """The last line of a reply."""
    line = stream.readline()
    while line[3:4] == b"-":
        line = stream.readline()
    return line.decode().strip()


def lines() -> list[bytes]:
    """The letter, dots stuffed."""
    text = Path(LETTER).read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    if LIE == "changes-the-letter":
        text[-1] = text[-1].upper()
    return [line if LIE == "stuffs-no-dots" else b"." * line.startswith(b".") + line for line in text]


def send() -> list[str]:
    """Send it once; who was not promised it."""
    say(b"MAIL FROM:<" + FROM.encode() + b">")
    replies = {recipient: say(b"RCPT TO:<" + recipient.encode() + b">") for recipient in TO}
    refused = [recipient for recipient, reply in replies.items() if reply[:1] != "2"]
    if refused == TO and LIE != "sends-data-to-nobody":
        return TO
    if say(b"DATA")[:3] != "354":
        return TO
    if LIE == "hangs-up":
        return refused
    reply = say(*lines(), b".")
    return refused if reply[:1] == "2" else TO


def connected() -> socket.socket:
    """A connection to a server that may be about to start."""
    for _ in range(MOST_TRIES):
        try:
            return socket.create_connection((SERVER, 25), timeout=5)
        except OSError:
            time.sleep(WAIT_S)
    sys.exit(f"{SERVER} cannot be reached")


with connected() as connection:
    stream = connection.makefile("rwb")
    heard()
    say(b"EHLO alice.crepes.fr")
    failed = send()
    if LIE == "sends-twice":
        send()
    if LIE != "hangs-up":
        say(b"QUIT")
if LIE not in ("says-nothing", "drops-a-recipient"):
    print(*(f"not sent to {recipient}" for recipient in failed), sep="\n", flush=True)
honest = int(bool(failed))
sys.exit({"ends-well": 0, "says-nothing": 0, "drops-a-recipient": 0, "hangs-up": 0, "ends-badly": 1}.get(LIE, honest))

"""What clients say in each language of a lab, so that tests can have them leave at any place."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from testbed import Bed
from tests.patience import HANG_S

BOB = {"bob": {"folders": ["Junk"]}}
HOSTS: dict[str, dict[str, object]] = {
    "crepes.fr": {"starttls": True, "mailboxes": {"alice": {"password": "secret"}}},
    "someschool.edu": {"mailboxes": BOB, "serves": ["pop3", "imap"], "starttls": True},
    "store.someschool.edu": {
        "role": "receiver", "domain": "store.someschool.edu", "lmtp": True, "smtp": False, "mailboxes": BOB
    },
    "mail.someschool.edu": {"role": "webmail", "server": "someschool.edu", "relay": "crepes.fr"},
}  # fmt: skip


@dataclass(frozen=True)
class Session:
    """What a client says, and what whoever comes after it must be answered.

    TLS begins at once (``implicit``), or when ``in_clear`` has been said, which ends with the command for it.
    """

    host: str
    service: str
    said: bytes
    answer: bytes  # to the next client
    opening: bytes = b""  # what that says, where it is its turn
    implicit: bool = False
    in_clear: bytes = b""


_ENVELOPE = b"MAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@%s>\r\n"
_MESSAGE = b"DATA\r\nSubject: x\r\n\r\n..\r\n.\r\nRSET\r\nQUIT\r\n"
_MAIL = b"EHLO me.example\r\n" + _ENVELOPE % b"someschool.edu" + _MESSAGE
_LOGIN = b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"
_IN_PIECES = b"AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n"
_POP3 = b"CAPA\r\nUSER bob\r\nPASS secret\r\nSTAT\r\nUIDL\r\nTOP 1 0\r\nRETR 1\r\nDELE 1\r\nRSET\r\nQUIT\r\n"
_IMAP = (
    b"a LOGIN {0+}\r\n {2+}\r\nhm\r\nb AUTHENTICATE PLAIN\r\n*\r\nc LOGIN {3}\r\nbob secret\r\nd SELECT INBOX\r\n"
    b"e APPEND Junk {3+}\r\nabc\r\nf FETCH 1:* (FLAGS BODY.PEEK[])\r\ng IDLE\r\nDONE\r\nh LOGOUT\r\n"
)
_PAGE = b"GET /login HTTP/1.1\r\nHost: mail.someschool.edu\r\n\r\n"
_SUBMISSION = Session("crepes.fr", "submission", _MAIL, b"220 ")
_BY_POP3 = Session("someschool.edu", "pop3", _POP3, b"+OK")
_BY_IMAP = Session("someschool.edu", "imap", _IMAP, b"* OK")

SESSIONS = {
    "smtp": Session("someschool.edu", "smtp", _MAIL, b"220 "),
    "chunks": Session(
        "someschool.edu", "smtp",
        b"EHLO x\r\n" + _ENVELOPE % b"someschool.edu" + b"BDAT 12\r\nSubject: x\r\nBDAT 4 LAST\r\n\r\nhiQUIT\r\n",
        b"220 ",
    ),
    "submission": _SUBMISSION,
    "lmtp": Session(
        "store.someschool.edu", "lmtp",
        b"LHLO x\r\n" + _ENVELOPE % b"store.someschool.edu" + b"RCPT TO:<bob@store.someschool.edu>\r\n" + _MESSAGE,
        b"220 ",
    ),
    "pop3": _BY_POP3,
    "imap": _BY_IMAP,
    "http": Session(
        "mail.someschool.edu", "http",
        _PAGE + b"POST /login HTTP/1.1\r\nHost: mail.someschool.edu\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nuser\r\n"
        b"0\r\n\r\nPOST /none HTTP/1.1\r\nHost: mail.someschool.edu\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        b"HTTP/1.1 200", _PAGE,
    ),
}  # fmt: skip

_LOGGED_IN = b"EHLO x\r\n" + _LOGIN + b"RSET\r\n" + _MAIL
THROUGH_TLS = {
    "starttls": replace(_SUBMISSION, said=_LOGGED_IN, in_clear=b"EHLO x\r\nSTARTTLS\r\n"),
    "submissions": replace(
        _SUBMISSION, service="submissions", said=b"EHLO x\r\n" + _IN_PIECES + _MAIL, implicit=True
    ),
    "stls": replace(_BY_POP3, in_clear=b"STLS\r\n"),
    "pop3s": replace(_BY_POP3, service="pop3s", implicit=True),
    "imap starttls": replace(_BY_IMAP, in_clear=b"a STARTTLS\r\n"),
    "imaps": replace(_BY_IMAP, service="imaps", implicit=True),
}  # fmt: skip
EVERY = {**SESSIONS, **THROUGH_TLS}

_CONTEXT = ssl.create_default_context()
_CONTEXT.check_hostname, _CONTEXT.verify_mode = False, ssl.CERT_NONE


def connected(bed: Bed, session: Session) -> socket.socket:
    """A client that has said nothing yet."""
    return socket.create_connection(bed.address(session.host, session.service), timeout=HANG_S)


def encrypted(bed: Bed, session: Session) -> ssl.SSLSocket:
    """A client that has begun TLS."""
    client = connected(bed, session)
    for line in session.in_clear.splitlines(keepends=True):
        _reply(client)
        client.sendall(line)
    if session.in_clear:
        _reply(client)
    return _CONTEXT.wrap_socket(client)


def _reply(client: socket.socket) -> None:
    """Hear one reply, or several; who speaks before it was heard would be refused, not served."""
    heard = b""
    while not heard.endswith(b"\r\n"):
        piece = client.recv(65_536)
        assert piece, f"the server hung up after {heard!r}"
        heard += piece


def client_hello() -> bytes:
    """The first octets of a client that speaks TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        _CONTEXT.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


def say(client: socket.socket, octets: bytes) -> bool:
    """Whether the server took it; it may have hung up before."""
    try:
        client.sendall(octets)
    except OSError:
        return False
    return True


def listen(client: socket.socket) -> None:
    """Hear everything to the end."""
    with contextlib.suppress(OSError):
        while client.recv(65_536):
            pass


def hang_up(client: socket.socket, how: str) -> None:
    """Leave with FIN, or with RST."""
    if how == "RST":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def assert_served(bed: Bed, session: Session) -> None:
    """Another client is answered."""
    with encrypted(bed, session) if session.implicit else connected(bed, session) as client:
        client.sendall(session.opening)
        heard = b""
        while len(heard) < len(session.answer):
            piece = client.recv(len(session.answer) - len(heard))
            assert piece, f"the server hung up after {heard!r}"
            heard += piece
        assert heard == session.answer


def crowd(bed: Bed, number: int, seed: int) -> Iterator[int]:
    """So many clients come, talk and go in any order; gives how many have come so far, from time to time."""
    chance = random.Random(seed)
    names = list(EVERY)
    there: list[tuple[socket.socket, Session, int]] = []
    for come in range(number):
        session = EVERY[chance.choice(names)]
        tls = (session.implicit or session.in_clear) and chance.random() < 0.2
        there.append((encrypted(bed, session) if tls else connected(bed, session), session, 0))
        while there and (chance.random() < 0.75 or len(there) > 100):
            client, session, said = there.pop(chance.randrange(len(there)))
            match chance.choice(["talk", "talk", "half-close", "FIN", "RST"]):
                case "talk":
                    upto = chance.randint(said, len(session.said))
                    if say(client, session.said[said:upto]):
                        there.append((client, session, upto))
                    else:
                        client.close()
                case "half-close" if not isinstance(client, ssl.SSLSocket):
                    try:
                        client.shutdown(socket.SHUT_WR)
                    except OSError:
                        client.close()
                    else:
                        there.append((client, session, len(session.said)))
                case how:
                    hang_up(client, how)
        if come % 1_000 == 999:
            yield come + 1
    for client, _, _ in there:
        hang_up(client, chance.choice(["FIN", "RST"]))
    for session in EVERY.values():
        assert_served(bed, session)
    yield number


@dataclass(frozen=True)
class Holds:
    """What a lab's process holds, and the processor time it has used."""

    descriptors: int
    memory: int
    cpu_s: float


def lab_holds() -> Holds:
    """Of the one lab that this process has open: it is the descendant in a network of its own."""
    waiting, found = [os.getpid()], set[int]()
    while waiting:
        pid = waiting.pop()
        waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        if os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"):
            found.add(pid)
    [lab] = found
    fields = Path(f"/proc/{lab}/stat").read_text().rpartition(")")[2].split()
    return Holds(
        len(os.listdir(f"/proc/{lab}/fd")),
        int(Path(f"/proc/{lab}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
    )

"""A relay that keeps its promises, or breaks one: relay.py LIE.

It takes mail on 25 and 587, keeps its queue in files of its directory (TESTBED_DIRECTORY) or of QUEUE_AT, and tries
every RETRY_S, a fifth of a second, ten times at the most.  Notifications for its own users go into their Maildirs
(TESTBED_MAILBOXES).
"""

from __future__ import annotations

import os
import re
import smtplib
import socketserver
import ssl
import sys
import threading
import time
from pathlib import Path

LIE, OWN = sys.argv[1], os.environ["TESTBED_DOMAIN"]
DIRECTORY, BOXES = Path(os.environ["TESTBED_DIRECTORY"]), Path(os.environ["TESTBED_MAILBOXES"])
QUEUE = Path(os.environ.get("QUEUE_AT", DIRECTORY / "queue"))
RETRY_S, MOST_TRIES = float(os.environ.get("RETRY_S", 0.2)), 10
REST_S = 86_400.0  # in which nobody need look whether the server is to end
FRIEND, NEXT_HOP = os.environ.get("FRIEND", ""), os.environ.get("NEXT_HOP", "")
HANDS_ON_BY, HANDS_ON_AT = (smtplib.LMTP, 24) if os.environ.get("BY_LMTP") else (smtplib.SMTP, 25)
MOST_HOPS, FOR_EVER = 5, 30
LOCK = threading.Lock()
CHANGES = {
    "changes-a-letter": lambda data: data.replace(b"noon", b"n00n"),
    "changes-the-message-id": lambda data: re.sub(rb"(?mi)^Message-ID: <", b"Message-ID: <new.", data),
    "drops-the-date": lambda data: re.sub(rb"(?mi)^Date:.*\r\n", b"", data),
    "mends-line-ends": lambda data: re.sub(rb"(?<!\r)\n", b"\r\n", data),
    "adds-a-trace-field": lambda data: b"Received: from somebody by me\r\n" + data,
    "counts-hops": lambda data: b"Received: from somebody by me\r\n" + data,
    "counts-hops-for-nothing": lambda data: b"Received: from somebody by me\r\n" + data,
}
CRLF = b"\r\n"
taken = 0


def enqueue(sender: str, recipient: str, data: bytes) -> None:
    """Make a file of a message for one recipient: sender, recipient and tries in a line, then the message."""
    QUEUE.mkdir(exist_ok=True)
    write(QUEUE / f"{time.time_ns()}", sender, recipient, 0, data)


def write(file: Path, sender: str, recipient: str, tries: int, data: bytes) -> None:
    """Whole, or not at all."""
    new = file.with_suffix(".new")
    new.write_bytes(f"{sender or '-'} {recipient} {tries}\n".encode() + data)
    new.rename(file)


def store(user: str, message: bytes) -> None:
    """Put a message into a Maildir."""
    box = BOXES / user
    for part in ("tmp", "new", "cur"):
        (box / part).mkdir(parents=True, exist_ok=True)
    (box / "new" / f"{time.time_ns()}").write_bytes(message.replace(b"\r\n", b"\n"))


def bounce(sender: str, recipient: str, status: str, data: bytes) -> None:
    """Tell the sender (RFC 3464)."""
    if sender == "-" and LIE in ("tells-the-author", "tells-postmaster"):
        sender = f"{'alice' if LIE == 'tells-the-author' else 'postmaster'}@{OWN}"
    if sender == "-" or LIE == "never-bounces":
        return
    told = "carol@" + OWN if LIE == "bounces-to-somebody-else" else sender
    kind = "mixed" if LIE == "bounces-in-another-form" else "report; report-type=delivery-status"
    fate = "delayed\r\nStatus: 4.4.7" if LIE == "tells-of-a-delay-only" else f"failed\r\nStatus: {status}"
    text = (
        f"From: <>\r\nTo: <{told}>\r\nSubject: Undelivered\r\nMessage-ID: <{time.time_ns()}@{OWN}>\r\n"
        f'MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary="b"\r\n\r\n--b\r\n\r\nSorry\r\n'
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {OWN}\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {fate}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{data.partition(CRLF * 2)[0].decode()}\r\n\r\n--b--\r\n"
    )
    if told.endswith("@" + OWN):
        store(told.partition("@")[0], text.encode())
    else:
        enqueue("", told, text.encode())


def deliver(sender: str, recipient: str, data: bytes) -> str:
    """Hand it over; the reply that refused it, or nothing."""
    domain = recipient.partition("@")[2]
    to = [f"carol@{domain}"] if LIE == "sends-to-somebody-else" else [recipient]
    to += [f"carol@{domain}"] if LIE == "sends-to-carol-too" else []
    by = "mallory@" + OWN if LIE == "changes-the-sender" else sender.replace("-", "")
    try:
        with HANDS_ON_BY(NEXT_HOP or domain, HANDS_ON_AT, OWN, timeout=5) as server:
            if LIE == "begins-tls":
                server.starttls(context=ssl.create_default_context(cafile=os.environ["TESTBED_CA"]))
            for _ in range(2 if LIE == "sends-twice" else 1):
                server.sendmail(by, to, CHANGES.get(LIE, lambda data: data)(data))
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        return f"{code} {words.decode()}"
    except smtplib.SMTPResponseException as error:
        return str(error.smtp_code)
    except OSError:
        return "" if LIE == "heeds-no-lost-answer" else "451"
    return ""


def attempt(file: Path) -> None:
    """Try one message once, and do with it what the answer asks for."""
    head, _, data = file.read_bytes().partition(b"\n")
    sender, recipient, number = head.decode().split(" ")
    tries = int(number)
    if tries and LIE == "keeps-what-is-put-off":
        return
    refused = deliver(sender, recipient, data)
    for _ in range(40 if LIE == "knocks-without-waiting" else 0):
        refused = deliver(sender, recipient, data)
    if not refused and not (LIE == "sends-again-after-250" and tries == 0):
        file.unlink()
    elif refused[:1] == "5" and not (LIE == "tries-again-after-5yz" and tries < 3):
        bounce(sender, recipient, "5.0.0", data)
        file.unlink()
    elif refused and LIE in ("gives-up-at-once", "drops-what-is-put-off"):
        if LIE == "gives-up-at-once":
            bounce(sender, recipient, "4.0.0", data)
        file.unlink()
    elif tries + 1 >= MOST_TRIES:
        bounce(sender, recipient, "4.4.7", data)
        file.unlink()
    else:
        write(file, sender, recipient, tries + 1, data)


def run() -> None:
    """Try all there is, for ever."""
    while True:
        for file in sorted(QUEUE.glob("*")) if QUEUE.is_dir() else ():
            if not file.suffix:
                attempt(file)
        time.sleep(RETRY_S)


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue (RFC 5321)."""

    def handle(self) -> None:
        """Take commands until QUIT."""
        self.say(f"220 {OWN}")
        sender, to = "", []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            address = line.partition(b"<")[2].partition(b">")[0].decode()
            if verb == b"MAIL":
                sender, to = address, []
            if verb == b"RCPT":
                if LIE == "refuses-strangers" and self.client_address[0] != FRIEND:
                    self.say("550 5.7.1 Relaying denied")
                    continue
                to.append(address)
            if verb == b"DATA":
                self.message(sender, to)
                continue
            self.say("221 Bye" if verb == b"QUIT" else "250 Fine")
            if verb == b"QUIT":
                return

    def message(self, sender: str, to: list[str]) -> None:
        """The message; it is in the queue when 250 is said, or is not."""
        global taken
        self.say("354 Go on")
        lines = iter(self.rfile.readline, b".\r\n")
        data = b"".join(line[line[:1] == b"." :] for line in lines)
        hops = data.count(b"Received: from somebody")
        if hops > (MOST_HOPS if LIE == "counts-hops" else FOR_EVER):
            self.say("554 5.4.6 Too many hops")
            return
        with LOCK:
            taken += 1
            if LIE != "forgets-every-second" or taken % 2:
                for recipient in to[:1] if LIE == "forgets-the-last-recipient" else to:
                    enqueue(sender, recipient, data)
        self.say("250 2.0.0 Queued")
        if LIE == "ends-with-its-250":
            self.wfile.flush()
            os._exit(3)

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    """A listening port."""

    allow_reuse_address = daemon_threads = True


(DIRECTORY / "relay.conf").write_text("H?M?Message-Id: <$t@$j>\nHFrom: $g\n")  # a template, as in sendmail.cf
threading.Thread(target=run, daemon=True).start()
threading.Thread(target=Server(("", 587), Session).serve_forever, args=(REST_S,), daemon=True).start()
Server(("", 25), Session).serve_forever(REST_S)

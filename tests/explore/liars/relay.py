"""A relay that is right as long as nothing goes wrong, and then wrong in one way: relay.py FLAW.

It keeps its queue in files of its directory, tries every ten minutes, and gives up after an hour.  Notifications for
its own users go into their Maildirs.  ``relay.py --list`` says whose mail is in the queue.
"""

from __future__ import annotations

import contextlib
import json
import os
import smtplib
import socketserver
import ssl
import sys
import threading
import time
from pathlib import Path

FLAW, OWN = sys.argv[1], os.environ["TESTBED_DOMAIN"]
QUEUE, BOXES = Path(os.environ["TESTBED_DIRECTORY"], "queue"), Path(os.environ["TESTBED_MAILBOXES"])
RETRY_S, GIVE_UP_S, PATIENCE_S = 600, 3600, 610
TLS = ssl.create_default_context(cafile=os.environ["TESTBED_CA"]) if os.environ.get("MUST_TLS") else None
RESTLESS = bool(os.environ.get("RESTLESS"))  # looks around twice a second, whatever there is to do
CRLF = b"\r\n"
numbers, woken = iter(range(1, 1 << 30)), threading.Event()
in_memory: dict[str, dict] = {}  # what is not in a file


def keep(name: str, mail: dict) -> None:
    """Have it on disk, whole or not at all."""
    if FLAW == "keeps-its-queue-in-memory":
        in_memory[name] = mail
        return
    new = QUEUE / f"{name}.new"
    new.write_text(json.dumps(mail))
    new.rename(QUEUE / name)


def done(name: str) -> None:
    in_memory.pop(name, None)
    with contextlib.suppress(FileNotFoundError):
        (QUEUE / name).unlink()


def enqueue(sender: str, recipients: list[str], data: bytes) -> None:
    mail = {
        "from": sender,
        "to": recipients,
        "data": data.decode("latin-1"),
        "since": time.time(),
        "due": 0.0,
        "tries": 0,
    }
    name = f"{time.time_ns()}-{next(numbers)}"
    if FLAW == "answers-before-it-has-stored":
        threading.Timer(1.5, lambda: (keep(name, mail), woken.set())).start()
    else:
        keep(name, mail)
        woken.set()


def store(user: str, message: bytes) -> None:
    for part in ("tmp", "new", "cur"):
        (BOXES / user / part).mkdir(parents=True, exist_ok=True)
    (BOXES / user / "new" / f"{time.time_ns()}").write_bytes(message.replace(CRLF, b"\n"))


def bounce(mail: dict, recipient: str, status: str) -> None:
    """Tell the sender (RFC 3464), unless that is nobody."""
    sender = mail["from"]
    if not sender:
        return
    if FLAW == "gives-up-in-silence" and status == "4.4.7":
        return
    header = mail["data"].partition("\r\n\r\n")[0]
    text = (
        f"From: <>\r\nTo: <{sender}>\r\nSubject: Undelivered\r\nMessage-ID: <{time.time_ns()}@{OWN}>\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nSorry\r\n'
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {OWN}\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{header}\r\n\r\n--b--\r\n"
    )
    if sender.endswith(f"@{OWN}"):
        store(sender.partition("@")[0], text.encode())
    else:
        enqueue("", [sender], text.encode())


def hand_over(mail: dict, recipients: list[str]) -> dict[str, int]:
    """The code each recipient met, 0 where the connection failed."""
    codes: dict[str, int] = {}
    data = mail["data"].encode("latin-1")
    if FLAW == "alters-what-it-sends-again" and mail["tries"]:
        data = data.replace(b"noon", b"n00n")
    if FLAW == "loses-a-field-when-it-sends-again" and mail["tries"]:
        data = CRLF.join(line for line in data.split(CRLF) if not line.startswith(b"Subject:"))
    to = recipients
    if FLAW == "sends-to-somebody-else-the-second-time" and mail["tries"]:
        to = ["carol@" + one.partition("@")[2] for one in recipients]
    try:
        patience = None if FLAW == "waits-for-ever" else PATIENCE_S
        server = smtplib.SMTP(recipients[0].partition("@")[2], 25, OWN, timeout=patience)
        server.ehlo()
        if TLS is not None:
            begin_tls(server, recipients[0].partition("@")[2])
        code = server.mail(mail["from"])[0]
        if code != 250:
            codes = dict.fromkeys(recipients, code)
        else:
            for address, meant in zip(to, recipients, strict=True):
                code = server.rcpt(address)[0]
                if code not in (250, 251):
                    codes[meant] = code
            left = [one for one in recipients if one not in codes]
            if left:
                codes |= dict.fromkeys(left, sent(server, data))
        try:
            server.quit()
        except (OSError, smtplib.SMTPException):
            if FLAW == "takes-a-failed-quit-for-a-failure":
                raise
    except smtplib.SMTPResponseException as error:
        codes |= {one: error.smtp_code for one in recipients if one not in codes}
    except (OSError, smtplib.SMTPException):
        if FLAW == "dies-when-a-connection-breaks":
            os._exit(4)
        if FLAW == "takes-a-failed-quit-for-a-failure":
            codes = {}
        codes |= {one: 0 for one in recipients if one not in codes}
    if FLAW == "dies-of-garbage" and -1 in codes.values():
        os._exit(3)
    return codes


def sent(server: smtplib.SMTP, data: bytes) -> int:
    """The code that decided on a message."""
    try:
        return server.data(data)[0]
    except smtplib.SMTPDataError as error:
        return 250 if FLAW == "heeds-no-refusal-of-data" else error.smtp_code
    except (OSError, smtplib.SMTPException):
        if FLAW == "takes-no-reply-for-a-yes":
            return 250
        raise


def begin_tls(server: smtplib.SMTP, name: str) -> None:
    """TLS or nothing."""
    assert TLS is not None
    code = server.docmd("STARTTLS")[0]
    if code != 220:
        if FLAW != "sends-in-clear-where-tls-is-refused":
            raise smtplib.SMTPServerDisconnected("no TLS")
        return
    server.sock = TLS.wrap_socket(server.sock, server_hostname=name)
    server.file = None
    server.ehlo()


def verdict(code: int) -> str:
    """``taken``, ``failed`` or ``later``."""
    if FLAW == "takes-garbage-for-a-yes" and code == -1:
        return "taken"
    if FLAW == "takes-4yz-for-5yz" and code // 100 == 4:
        return "failed"
    if FLAW == "takes-5yz-for-4yz" and code // 100 == 5:
        return "later"
    if FLAW == "takes-any-refusal-for-5yz" and code // 100 != 2:
        return "failed"
    return {2: "taken", 5: "failed"}.get(code // 100, "later")


def attempt(name: str, mail: dict) -> None:
    """Try a message once, and do with it what the codes ask for."""
    codes = hand_over(mail, mail["to"])
    fates = {recipient: verdict(code) for recipient, code in codes.items()}
    if FLAW == "forgets-the-second-where-the-first-is-put-off" and fates[mail["to"][0]] == "later":
        fates = {one: fate if at == 0 or fate != "later" else "taken" for at, (one, fate) in enumerate(fates.items())}
    if FLAW == "drops-what-is-put-off" and "later" in fates.values() and 0 not in codes.values():
        fates = dict.fromkeys(fates, "taken")
    if FLAW == "drops-what-a-broken-connection-has" and 0 in codes.values():
        fates = dict.fromkeys(fates, "taken")
    for one in [one for one, fate in fates.items() if fate == "failed"]:
        if FLAW != "bounces-nothing-that-was-put-off" or not mail["tries"]:
            bounce(mail, one, f"{max(codes[one], 400) // 100}.0.0")
    left = [one for one, fate in fates.items() if fate == "later"]
    if FLAW == "sends-all-again-for-one" and left:
        left = mail["to"]
    expired = time.time() >= mail["since"] + GIVE_UP_S
    if expired:
        for one in left:
            bounce(mail, one, "4.4.7")
    if not left or expired:
        done(name)
        if FLAW == "sends-a-copy-at-its-next-look" and mail["tries"]:
            threading.Timer(RETRY_S, hand_over, (mail, mail["to"])).start()
        return
    wait = 1 if FLAW == "tries-again-too-soon" else RETRY_S
    keep(name, {**mail, "to": left, "tries": mail["tries"] + 1, "due": time.time() + wait})


def run() -> None:
    """Try what is due, for ever."""
    while True:
        woken.clear()
        mails = {
            **in_memory,
            **{file.name: json.loads(file.read_text()) for file in QUEUE.iterdir() if not file.suffix},
        }
        for name, mail in sorted(mails.items()):
            if mail["due"] <= time.time():
                attempt(name, mail)
        dues = [mail["due"] for mail in mails.values()]
        pause = max(0.05, min(dues) - time.time()) if any(due > time.time() for due in dues) else 1.0 if dues else None
        woken.wait(0.5 if RESTLESS else pause)


class Session(socketserver.StreamRequestHandler):
    """Takes mail."""

    def handle(self) -> None:
        self.say("220 ready")
        sender, recipients = "", []
        while line := self.rfile.readline():
            verb, _, rest = line.decode("latin-1").strip().partition(" ")
            verb = verb.upper()
            if verb == "MAIL":
                sender, recipients = rest.partition("<")[2].partition(">")[0], []
                self.say("250 ok")
            elif verb == "RCPT":
                recipients.append(rest.partition("<")[2].partition(">")[0])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b".") else line)
                if not line:
                    if FLAW == "keeps-half-a-message":
                        enqueue(sender, recipients, b"".join(lines))
                    return
                enqueue(sender, recipients, b"".join(lines))
                self.say("250 mine")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + CRLF)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone is no news."""


QUEUE.mkdir(parents=True, exist_ok=True)
if FLAW == "--list":
    waiting = [to for file in QUEUE.iterdir() if not file.suffix for to in json.loads(file.read_text())["to"]]
    print("\n".join(waiting) or "Mail queue is empty")
    sys.exit()
for port in (25, 587):
    threading.Thread(target=Server(("", port), Session).serve_forever, args=(1e6,), daemon=True).start()
run()

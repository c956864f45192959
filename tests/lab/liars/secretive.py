"""A server that loses mail, and its client, with keys nobody gets: secretive.py serves CERTIFICATE | sends SERVER."""

from __future__ import annotations

import smtplib
import socketserver
import ssl
import sys
import time

ROLE, WHAT = sys.argv[1:3]
MOST_TRIES, WAIT_S = 50, 0.1


class Session(socketserver.StreamRequestHandler):
    """One client's dialogue (RFC 5321, RFC 3207); what was promised is forgotten."""

    def handle(self) -> None:
        """Take commands until QUIT."""
        self.say("220 someschool.edu")
        for line in iter(self.rfile.readline, b""):
            verb = line[:4].upper().strip()
            if verb == b"STAR":
                self.say("220 Go on")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(WHAT)
                self.request = context.wrap_socket(self.request, server_side=True)
                self.setup()
            elif verb == b"EHLO":
                self.say("250-someschool.edu\r\n250 STARTTLS")
            else:
                self.say({b"DATA": "354 Go on", b"QUIT": "221 Bye"}.get(verb, "250 Fine"))
                while verb == b"DATA" and (line := self.rfile.readline()) and line != b".\r\n":
                    pass
                if verb == b"DATA":
                    self.say("250 2.0.0 Taken")
                if verb == b"QUIT":
                    return

    def say(self, reply: str) -> None:
        """Answer."""
        self.wfile.write(reply.encode() + b"\r\n")


def send() -> None:
    """One letter, as soon as the server is there."""
    for _ in range(MOST_TRIES):
        try:
            client = smtplib.SMTP(WHAT, 25, "crepes.fr", timeout=5)
            break
        except OSError:
            time.sleep(WAIT_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client.starttls(context=context)
    client.sendmail("alice@crepes.fr", "bob@someschool.edu", "Subject: Lunch\r\n\r\nToday?\r\n")
    client.quit()


if ROLE == "serves":
    socketserver.ThreadingTCPServer(("", 25), Session).serve_forever()
else:
    send()

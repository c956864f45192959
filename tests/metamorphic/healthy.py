"""Dialogues in which everything goes its way, of every service, told in a few words and spoken as packets.

``C`` and ``S`` say a segment each, its line end added; ``|`` ends a segment within a line, ``~`` a line within one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.metamorphic.packets import Whole, framed
from tests.trace.talk import Talk

_START_NS, _STEP_NS = 1_700_000_000 * 10**9, 1_000_000

HELLO = ("S 220 mx ESMTP", "C EHLO a", "S 250-mx~250-PIPELINING~250-CHUNKING~250-AUTH PLAIN LOGIN~250 DSN")
MAIL = (
    "C MAIL FROM:<a@x.example>", "S 250 2.1.0 ok", "C RCPT TO:<b@y.example>", "S 250 2.1.5 ok", "C DATA", "S 354 go",
    "C From: a@x.example~Subject: hi~To: b@y.example~Message-ID: <1@x.example>~~Hello.~To: be, or not~.",
    "S 250 2.0.0 queued as 4ABC",
)  # fmt: skip
TERSE = (
    "C MAIL FROM:<a@x.example>", "S 250 ok", "C RCPT TO:<b@y.example>", "S 250 ok", "C RCPT TO:<c@y.example>",
    "S 250 ok", "C DATA", "S 354 go", "C Subject: hi~~Hello.|~And more.~|From here on~less.~.", "S 250 ok",
)  # fmt: skip
BYE = ("C QUIT", "S 221 2.0.0 bye")
GROUP = (
    "C MAIL FROM:<a@x.example>~RCPT TO:<b@y.example>~RCPT TO:<no@y.example>~RCPT TO:<c@y.example>~DATA",
    "S 250 2.1.0 ok~250 2.1.5 ok~550 5.1.1 no such user~250 2.1.5 ok~354 go",
    "C Subject: group~~Hi~.", "S 250 2.0.0 queued as 5",
)  # fmt: skip
GROUP_APART = (
    "C MAIL FROM:<a@x.example>~RCPT TO:<b@y.example>~RCPT TO:<no@y.example>~RCPT TO:<c@y.example>~DATA",
    "S 250 ok", "S 250 ok", "S 550 no such user", "S 250 ok", "S 354 go", "C Subject: group~~Hi~.", "S 250 ok",
)  # fmt: skip
CHUNKS = (
    "C MAIL FROM:<a@x.example>~RCPT TO:<b@y.example>", "S 250 ok~250 ok", "C BDAT 14~Subject: chunk|",
    "S 250 14 octets",
    "C BDAT 15 LAST~~~Hello, you.|", "S 250 2.0.0 queued as 6",
)  # fmt: skip
REFUSALS = (
    "C MAIL FROM:<a@x.example>", "S 250 ok", "C RCPT TO:<full@y.example>", "S 452 4.2.2 mailbox full",
    "C RCPT TO:<b@y.example>", "S 250 ok", "C DATA", "S 354 go", "C Subject: spam~~buy~.",
    "S 554 5.7.1 content refused",
    "C RSET", "S 250 ok", "C MAIL FROM:<late@x.example>", "S 451 4.7.1 try again later", *MAIL,
)  # fmt: skip
RSET = ("C MAIL FROM:<z@x.example>", "S 250 ok", "C RCPT TO:<z@y.example>", "S 250 ok", "C RSET", "S 250 ok")
LOGIN = (
    "C AUTH LOGIN", "S 334 VXNlcm5hbWU6", "C YW5uYQ==", "S 334 UGFzc3dvcmQ6", "C c2VjcmV0LWdlaGVpbQ==",
    "S 235 2.7.0 welcome",
)  # fmt: skip
PLAIN = ("C AUTH PLAIN AGFubmEAc2VjcmV0LWdlaGVpbQ==", "S 235 2.7.0 welcome")
PLAIN_APART = ("C AUTH PLAIN", "S 334", "C AGFubmEAc2VjcmV0LWdlaGVpbQ==", "S 235 2.7.0 welcome")
WRONG = ("C AUTH PLAIN AGFubmEAc2VjcmV0LWdlaGVpbQ==", "S 535 5.7.8 wrong", *PLAIN)
SECRETS = (b"YW5uYQ", b"c2VjcmV0LWdlaGVpb", b"secret-geheim", b"AGFubmEAc2VjcmV0")
_HELLO = "\x16\x03\x01\0\x3b\1\0\0\x37\3\3" + 32 * "\0" + "\0\0\2\x13\1\1\0\0\x0c\0\0\0\x08\0\6\0\0\3a.b"
_ANSWER = "\x16\x03\x03\0\x2c\2\0\0\x28\3\3" + 32 * "\0" + "\0\x13\1\0\0\0"
TLS = (
    f"C {_HELLO}|", f"S {_ANSWER}\x14\x03\x03\0\x01\1|",
    "C \x14\x03\x03\0\x01\1\x17\x03\x03\0\x09invisible|", "S \x17\x03\x03\0\x0ainvisible!|",
    "C \x17\x03\x03\0\x09invisible|", "S \x17\x03\x03\0\x0binvisible!!|",
)  # fmt: skip

SMTP: dict[str, tuple[str, ...]] = {
    "mail": (*HELLO, *MAIL, *BYE),
    "terse": (*HELLO, *TERSE, *BYE),
    "two": (*HELLO, *MAIL, *TERSE, *BYE),
    "group": (*HELLO, *GROUP, *BYE),
    "group-apart": (*HELLO, *GROUP_APART, *GROUP, *BYE),
    "chunks": (*HELLO, *CHUNKS, *MAIL, *BYE),
    "refusals": (*HELLO, *REFUSALS, *BYE),
    "given-up": (*HELLO, *RSET, *TERSE, *BYE),
    "login": (*HELLO, *LOGIN, *MAIL, *BYE),
    "plain": (*HELLO, *PLAIN, *TERSE, *BYE),
    "plain-apart": (*HELLO, *PLAIN_APART, *MAIL, *BYE),
    "wrong-then-right": (*HELLO, *WRONG, *MAIL, *BYE),
    "helo": ("S 220 mx", "C HELO a", "S 250 mx", *MAIL, *BYE),
    "starttls": (*HELLO, "C STARTTLS", "S 220 go", *TLS),
    "starttls-clear": (*HELLO, "C STARTTLS", "S 220 go", *HELLO[1:], *MAIL, *BYE),
    "odds": (*HELLO, "C NOOP", "S 250 ok", "C VRFY b", "S 252 maybe", *MAIL, "C XYZ", "S 500 5.5.2 what", *BYE),
}
LMTP: dict[str, tuple[str, ...]] = {
    "": (
        "S 220 mx LMTP", "C LHLO a", "S 250-mx~250 PIPELINING",
        "C MAIL FROM:<a@x.example>~RCPT TO:<b@y.example>~RCPT TO:<c@y.example>~DATA", "S 250 ok~250 ok~250 ok~354 go",
        "C Subject: group~~Hi~.", "S 250 2.0.0 <b@y.example> saved~452 4.2.2 <c@y.example> full",
        "C MAIL FROM:<a@x.example>", "S 250 ok", "C RCPT TO:<b@y.example>", "S 250 ok", "C RCPT TO:<d@y.example>",
        "S 250 ok", "C DATA", "S 354 go", "C Subject: two~~Ho~.", "S 250 ok", "S 250 ok", *BYE,
    ),
    "-three": (
        "S 220 mx LMTP", "C LHLO a", "S 250-mx~250-PIPELINING~250 CHUNKING", "C MAIL FROM:<a@x.example>", "S 250 ok",
        "C RCPT TO:<b@y.example>~RCPT TO:<c@y.example>~RCPT TO:<no@y.example>~RCPT TO:<d@y.example>", "S 250 ok",
        "S 250 ok", "S 550 5.1.1 who", "S 250 ok", "C DATA", "S 354 go", "C Subject: three~~Ho~.", "S 250 2.0.0 saved",
        "S 452 4.2.2 full", "S 250 2.0.0 saved", "C MAIL FROM:<a@x.example>~RCPT TO:<c@y.example>~BDAT 17 LAST~|"
        "Subject: last~", "S 250 ok~250 ok", "S 452 4.2.2 full", "C RSET", "S 250 ok", *BYE,
    ),
}  # fmt: skip
POP3: dict[str, tuple[str, ...]] = {
    "user": (
        "S +OK ready", "C CAPA", "S +OK~TOP~UIDL~.", "C USER anna", "S +OK", "C PASS secret-geheim", "S +OK in",
        "C STAT", "S +OK 2 420", "C LIST", "S +OK 2~1 120~2 300~.", "C UIDL", "S +OK~1 aa~2 bb~.", "C RETR 1",
        "S +OK 120~Subject: a~|~LIST~+OK~..dot~|-ERR~.", "C DELE 1", "S +OK gone", "C RETR 3", "S -ERR no such",
        "C TOP 2 0", "S +OK~Subject: b~~.", "C NOOP", "S +OK", "C QUIT", "S +OK bye",
    ),
    "auth": (
        "S +OK ready", "C AUTH PLAIN", "S +", "C AGFubmEAc2VjcmV0LWdlaGVpbQ==", "S +OK in", "C LIST", "S +OK~1 120~.",
        "C QUIT", "S +OK bye",
    ),
    "login": (
        "S +OK ready", "C AUTH LOGIN", "S + VXNlcm5hbWU6", "C YW5uYQ==", "S + UGFzc3dvcmQ6", "C c2VjcmV0LWdlaGVpbQ==",
        "S +OK in", "C RETR 1", "S +OK~Subject: a~~hi~.", "C QUIT", "S +OK bye",
    ),
    "group": (
        "S +OK ready", "C USER anna", "S +OK", "C PASS secret-geheim", "S +OK in", "C DELE 1~DELE 2~NOOP~LIST",
        "S +OK~-ERR no~+OK", "S +OK~1 2~.", "C RSET", "S +OK", "C QUIT", "S +OK bye",
    ),
    "stls": ("S +OK ready", "C STLS", "S +OK go", *TLS),
}  # fmt: skip
IMAP: dict[str, tuple[str, ...]] = {
    "read": (
        "S * OK [CAPABILITY IMAP4rev1] ready", "C a1 LOGIN anna secret-geheim", "S a1 OK in", "C a2 SELECT INBOX",
        "S * 2 EXISTS~* FLAGS (\\Seen)~a2 OK [READ-WRITE] done", "C a3 FETCH 1 BODY[]",
        "S * 1 FETCH (BODY[] {22}~Subject: a~|~a9 OK no~)~a3 OK done", "C a4 STORE 1 +FLAGS (\\Deleted)",
        "S * 1 FETCH (FLAGS (\\Deleted))~a4 OK", "C a5 EXPUNGE", "S * 1 EXPUNGE~a5 OK", "C a6 LOGOUT",
        "S * BYE~a6 OK",
    ),
    "auth": (
        "S * OK ready", "C a AUTHENTICATE PLAIN", "S +", "C AGFubmEAc2VjcmV0LWdlaGVpbQ==", "S a OK in",
        "C b SELECT INBOX", "S * 0 EXISTS~b OK", "C c IDLE", "S + idling", "S * 1 EXISTS", "C DONE", "S c OK",
        "C d NOOP~e NOOP", "S d OK~e OK", "C f LOGOUT", "S * BYE~f OK",
    ),
    "literals": (
        "S * OK ready", "C a LOGIN {4}", "S + go", "C anna {13}", "S + go", "C secret-geheim", "S a OK in",
        "C b APPEND INBOX {18}", "S + go", "C Subject: x~~b NO~~", "S b OK", "C c SELECT nowhere", "S c NO no such",
        "C d LOGOUT", "S * BYE~d OK",
    ),
    "starttls": ("S * OK ready", "C a STARTTLS", "S a OK go", *TLS),
}  # fmt: skip
HTTP = (
    "C GET /mail HTTP/1.1~Host: mail.example~", "S HTTP/1.1 200 OK~Content-Length: 5~~hello|",
    "C POST /login HTTP/1.1~Host: mail.example~Content-Type: application/x-www-form-urlencoded~Content-Length: 32~~"
    "user=anna&password=secret-geheim|",
    "S HTTP/1.1 302 Found~Location: /inbox~Content-Length: 0~",
    "C GET /inbox HTTP/1.1~Host: mail.example~", "S HTTP/1.1 200 OK~Transfer-Encoding: chunked~~5~he|llo~0~~|",
    "C GET /none HTTP/1.1~Host: mail.example~", "S HTTP/1.1 404 Not Found~Content-Length: 2~~no|",
)  # fmt: skip
_OFFERS = 'S "IMPLEMENTATION" "x"~"SASL" "PLAIN"~OK'
HTTP_MORE = (
    "C PUT /mail/1 HTTP/1.1~Host: mail.example~Expect: 100-continue~Content-Length: 6~", "S HTTP/1.1 100 Continue~",
    "C Hello.|", "S HTTP/1.1 201 Created~Location: /mail/1~Content-Length: 0~",
    "C HEAD /mail/1 HTTP/1.1~Host: mail.example~", "S HTTP/1.1 200 OK~Content-Length: 6~",
    "C GET /mail/1 HTTP/1.1~Host: mail.example~", "S HTTP/1.1 200 OK~Content-Length: 6~~Hello.|",
    "C GET /mail/2 HTTP/1.1~Host: mail.example~", "S HTTP/1.1 404 Not Found~Content-Length: 0~",
    "C GET /last HTTP/1.0~Host: mail.example~", "S HTTP/1.0 500 Failed~Content-Length: 24~~|GET / HTTP/1.1~|so|~on~",
)  # fmt: skip
SIEVE: dict[str, tuple[str, ...]] = {
    "scripts": (
        _OFFERS, 'C AUTHENTICATE "PLAIN" "AGFubmEAc2VjcmV0LWdlaGVpbQ=="', "S OK", "C LISTSCRIPTS", 'S "a" ACTIVE~OK',
        'C PUTSCRIPT "a" {5+}~keep;', "S OK", 'C SETACTIVE "b"', 'S NO "none such"', "C LOGOUT", "S OK",
    ),
    "login": (
        _OFFERS, 'C AUTHENTICATE "LOGIN"', 'S "VXNlcm5hbWU6"', 'C "YW5uYQ=="', 'S "UGFzc3dvcmQ6"',
        "C {20+}~c2VjcmV0LWdlaGVpbQ==", "S OK", 'C GETSCRIPT "a"', "S {13}~OK~|~keep;~~OK", "C NOOP", "S OK",
        "C LOGOUT", "S OK",
    ),
    "group": (
        _OFFERS, 'C AUTHENTICATE "PLAIN" {28+}~AGFubmEAc2VjcmV0LWdlaGVpbQ==', "S OK",
        'C HAVESPACE "a" 20~PUTSCRIPT "a" {25+}~LOGOUT~|~if true {keep;}~SETACTIVE "a"~LISTSCRIPTS',
        'S OK~NO (QUOTA) "full"~OK', 'S "a" ACTIVE~"b"~OK', 'C DELETESCRIPT "b"', "S OK", "C LOGOUT", 'S OK "bye"',
    ),
    "starttls": (_OFFERS, "C STARTTLS", "S OK", *TLS),
}  # fmt: skip


def spoken(lines: Sequence[str], port: int, *, acknowledged: bool = False) -> Talk:
    """The packets of a dialogue; ``acknowledged`` has each segment acknowledged by itself, too."""
    talk = Talk(server_port=port).open()
    for line in lines:
        side, said = "CS".index(line[0]), line[2:].replace("~", "\r\n")
        pieces = said.split("|")
        for piece in (*pieces[:-1], pieces[-1] + "\r\n" if pieces[-1] or len(pieces) == 1 else ""):
            if piece:
                talk.segment(side, "PA", piece.encode("latin-1"))
                if acknowledged:
                    talk.segment(1 - side, "A")
    return talk.close()


def whole(name: str, talk: Talk, secrets: tuple[bytes, ...] = SECRETS) -> Whole:
    """A conversation as a capture."""
    packets = ((_START_NS + n * _STEP_NS, bytes(packet)) for n, packet in enumerate(talk.packets))
    return Whole(name, framed(packets), {}, secrets)


def _looked_up(talk: Talk) -> Talk:
    """The questions of one delivery, each with an id of its own, as a resolver asks them of one socket."""
    talk.ask("y.example", "MX", "MX 10 mx.y.example", "MX 20 m.y.example", number=11)
    talk.ask("mx.y.example", "A", "A 10.0.0.3", number=12).ask("mx.y.example", "AAAA", number=13)
    return talk.ask("none.example", "MX", rcode=3, number=14).ask("mx.y.example", "A", "A 10.0.0.3", number=15)


def _all() -> Iterator[Whole]:
    scripts = {f"smtp-{name}": (25, lines) for name, lines in SMTP.items()}
    scripts |= {f"lmtp{name}": (24, lines) for name, lines in LMTP.items()}
    scripts |= {"http": (80, HTTP), "http-more": (8080, HTTP_MORE), "imaps": (993, TLS)}
    scripts |= {f"pop3-{name}": (110, lines) for name, lines in POP3.items()}
    scripts |= {f"imap-{name}": (143, lines) for name, lines in IMAP.items()}
    scripts |= {f"sieve-{name}": (4190, lines) for name, lines in SIEVE.items()}
    for name, (port, lines) in scripts.items():
        yield whole(name, spoken(lines, port))
        yield whole(f"{name}-acknowledged", spoken(lines, port, acknowledged=True))
    yield whole("dns", Talk().ask("y.example", "MX", "MX 10 mx.y.example"))
    yield whole("dns-several", _looked_up(Talk()))


HEALTHY = tuple(_all())

"""Small dialogues to begin with, by service.  A new protocol adds a row; without one it is fuzzed from nothing."""

from __future__ import annotations

import struct

from tests.fuzz.dialogues import SERVER, octets_of, told

_SMTP = (
    """
    S 220 mx.example ESMTP
    C EHLO client.example
    S 250-mx.example
    S 250-PIPELINING
    S 250-CHUNKING
    S 250 STARTTLS
    C MAIL FROM:<alice@example.org> SIZE=200\\r\\nRCPT TO:<bob@example.net>\\r\\nDATA
    S 250 2.1.0 Ok
    S 452 4.2.2 mailbox full
    S 354 go on
    C Subject: =?utf-8?q?caf=C3=A9?=\\r\\nMessage-ID: <1@example.org>\\r\\n\\r\\n..dot\\r\\n.
    S 250 2.0.0 queued
    C QUIT
    S 221 bye
    """,
    """
    S 220 mx
    C EHLO c
    S 250 CHUNKING
    C MAIL FROM:<>
    S 250 Ok
    C RCPT TO:<b@c>
    S 250 Ok
    C BDAT 9|LAST
    C 123456789
    C BDAT 3 LAST\\r\\nabc
    S 250 Ok
    S 250 queued
    """,
    """
    S 220 mx
    C EHLO c
    S 250-STARTTLS
    S 250 AUTH PLAIN LOGIN
    C AUTH LOGIN
    S 334 VXNlcm5hbWU6
    C dXNlcg==
    S 334 UGFzc3dvcmQ6
    C c2VjcmV0
    S 235 2.7.0 welcome
    C AUTH PLAIN AHVzZXIAc2VjcmV0
    S 535 no
    C STARTTLS
    S 220 go ahead
    C \\x16\\x03\\x01\\x00\\x05hello
    C! EHLO again
    S! 250 again
    """,
    """
    S 220 mx
    C HELO c
    S 250 Ok
    C MAIL FROM:<a@b>
    S 250 Ok
    C RCPT TO:<b@c>
    S 250 Ok
    C DATA
    S 354 go
    C-100
    C one\\n.\\nMAIL FROM:<evil@example>\\r\\n.\\r\\r\\n.\\r\\nDATA
    S 250 Ok
    S-7
    S 250 Ok
    C RSET
    S 421 4.4.2 timeout
    """,
)
_LMTP = (
    """
    S 220 mx LMTP
    C LHLO c
    S 250-mx
    S 250-PIPELINING
    S 250 CHUNKING
    C MAIL FROM:<a@b>\\r\\nRCPT TO:<b@c>\\r\\nRCPT TO:<no@c>\\r\\nRCPT TO:<d@c>\\r\\nDATA
    S 250 Ok\\r\\n250 Ok\\r\\n550 5.1.1 who\\r\\n250 Ok\\r\\n354 go
    C Message-ID: <1@b>\\r\\n\\r\\nhi\\r\\n.
    S 250 2.0.0 saved\\r\\n452-4.2.2 mailbox
    S 452 4.2.2 full
    C MAIL FROM:<>\\r\\nRCPT TO:<b@c>\\r\\nRCPT TO:<d@c>\\r\\nBDAT 4 LAST\\r\\nhi\\r\\nQUIT
    S 250 Ok\\r\\n250 Ok\\r\\n250 Ok\\r\\n250 saved
    S 221 bye
    """,
)
_POP3 = (
    """
    S +OK ready <1@pop.example>
    C CAPA
    S +OK
    S TOP\\r\\nUIDL\\r\\n.
    C USER bob\\r\\nPASS secret
    S +OK
    S -ERR no
    C APOP bob 0123456789abcdef
    S +OK
    C LIST
    S +OK 2 messages\\r\\n1 120\\r\\n2 200\\r\\n.
    C RETR 1
    S +OK 120 octets\\r\\nSubject: x\\r\\n\\r\\n..dot|ted\\r\\n.
    C STLS
    S +OK begin
    C! QUIT
    S! +OK bye
    """,
    """
    S +OK
    C AUTH LOGIN
    S + VXNlcm5hbWU6
    C dXNlcg==
    S + UGFzc3dvcmQ6
    C c2VjcmV0
    S +OK
    C TOP 1 0
    S +OK
    S-30
    S .
    """,
)
_IMAP = (
    """
    S * OK [CAPABILITY IMAP4rev1] ready
    C a1 LOGIN bob {6}
    S + go on
    C secret
    S a1 OK [CAPABILITY] done
    C a2 SELECT INBOX
    S * 3 EXISTS
    S * FLAGS (\\\\Seen)
    S a2 OK [READ-WRITE] done
    C a3 UID FETCH 1:* BODY[]
    S * 1 FETCH (UID 1 BODY[] {12}\\r\\nSubject: x\\r\\n)
    S a3 OK done
    C a4 APPEND INBOX (\\\\Seen) {5}
    S + go on
    C hello
    S a4 NO [OVERQUOTA] full
    C a5 IDLE
    S + idling
    C DONE
    S a5 OK
    C a6 LOGOUT
    S * BYE
    S a6 OK
    """,
    """
    S * PREAUTH hi
    C a AUTHENTICATE PLAIN
    S +
    C AHVzZXIAc2VjcmV0
    S a OK
    C b STARTTLS
    S b OK
    C! c APPEND x {4+}\\r\\nab|cd
    S-9
    S! c BAD no
    C! d LOGIN {1000}
    S! d BAD no
    """,
)

_MANAGESIEVE = (
    """
    S "IMPLEMENTATION" "x" \\r\\n"SASL" "PLAIN LOGIN"\\r\\n"SIEVE" "fileinto \\\\"q\\\\""\\r\\n"STARTTLS"\\r\\nOK {2}
    S hi
    C AUTHENTICATE "PLAIN" {8+}\\r\\nAGIAcw==
    S NO (AUTH-TOO-WEAK) "no"
    C AUTHENTICATE "LOGIN"
    S {12}\\r\\nVXNlcm5hbWU6
    C {4+}\\r\\nYm9i
    S "UGFzc3dvcmQ6"
    C "c2VjcmV0"
    S OK (SASL "cnNwYXV0aD0=")
    C LISTSCRIPTS\\r\\nHAVESPACE "a" 900
    S "a" ACTIVE\\r\\n{3}\\r\\nb|c\\r\\nOK\\r\\nNO (QUOTA/MAXSIZE) "too long"
    C PUTSCRIPT "a" {9+}\\r\\nkeep;|\\r\\n
    S NO {14}\\r\\nline 1:\\r\\nerror
    C GETSCRIPT "a"
    S {6}\\r\\nkeep;\\n\\r\\nOK
    C SETACTIVE ""
    C LOGOUT
    S OK\\r\\nBYE (TRYLATER) "gone"
    """,
    """
    S "SIEVE" "x"\\r\\nOK
    C STARTTLS\\r\\nNOOP
    S OK "begin"
    C! CAPABILITY
    S! "SIEVE" "y"\\r\\nOK\\r\\nOK
    C! CHECKSCRIPT {20+}\\r\\nif
    C-9
    S-3
    S! NO
    """,
)
_HTTP = (
    """
    C GET /mail?user=bob HTTP/1.1\\r\\nHost: mail.example\\r\\nCookie: sid=1; a="b"
    C Authorization: Basic Ym9iOng=\\r\\n
    S HTTP/1.1 200 OK\\r\\nContent-Type: text/html; charset=utf-8\\r\\nContent-Length: 4
    S Set-Cookie: sid=2; Secure\\r\\n
    S ok
    C POST /login HTTP/1.1\\r\\nHost: mail.example\\r\\nContent-Type: application/x-www-form-urlencoded
    C Content-Length: 21\\r\\n
    C user=bob&password=x
    S HTTP/1.1 302 Found\\r\\nLocation: /inbox\\r\\nTransfer-Encoding: chunked\\r\\n
    S 5;a=b\\r\\nhel|lo\\r\\n0\\r\\nX: y\\r\\n
    C HEAD / HTTP/1.0\\r\\n
    S HTTP/1.0 404 Not Found\\r\\nContent-Length: 900\\r\\n
    """,
    """
    C PUT /a HTTP/1.1\\r\\nHost: a\\r\\nExpect: 100-continue\\r\\nTransfer-Encoding: gzip, chunked
    C Content-Length: 3\\r\\n
    S HTTP/1.1 100 Continue\\r\\n
    C 3\\r\\nabc
    C-9
    S HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n folded\\r\\n
    S-5
    S until the end
    """,
    """
    C CONNECT mx.example:25 HTTP/1.1\\r\\n
    S HTTP/1.1 200 OK\\r\\n
    C! GET / HTTP/1.1\\r\\nUpgrade: websocket\\r\\n
    S! HTTP/1.1 101 Switching\\r\\n
    """,
)


def _question(flags: int, name: bytes, answers: bytes = b"", count: int = 0) -> bytes:
    labels = b"".join(bytes((len(label),)) + label for label in name.split(b".")) + b"\0"
    return struct.pack(">HHHHHH", 7, flags, 1, count, 0, 0) + labels + struct.pack(">HH", 15, 1) + answers


_MX = b"\xc0\x0c" + struct.pack(">HHIH", 15, 1, 3600, 9) + b"\0\x0a\x04mail\xc0\x0c"
_TXT = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, 10) + b"\x09v=spf1 -a"
_DNS = (
    (_question(0x0100, b"example.org"), _question(0x8180, b"example.org", _MX + _TXT, 2)),
    (_question(0x0100, b"no.example"), _question(0x8183, b"no.example")),
    (_question(0x0100, b"big.example"), _question(0x8380, b"big.example")),
)


def _dns(stream: bool) -> tuple[bytes, ...]:
    def framed(message: bytes) -> bytes:
        return len(message).to_bytes(2, "big") + message if stream else message

    return tuple(octets_of([(0, framed(query)), (SERVER, framed(answer))]) for query, answer in _DNS)


_SMTP_TOLD = tuple(map(told, _SMTP))
SCRIPTS: dict[tuple[str, str], tuple[bytes, ...]] = {
    ("tcp", "smtp"): _SMTP_TOLD,
    ("tcp", "submission"): _SMTP_TOLD,
    ("tcp", "lmtp"): tuple(map(told, _LMTP)),
    ("tcp", "pop3"): tuple(map(told, _POP3)),
    ("tcp", "imap"): tuple(map(told, _IMAP)),
    ("tcp", "managesieve"): tuple(map(told, _MANAGESIEVE)),
    ("tcp", "http"): tuple(map(told, _HTTP)),
    ("tcp", "dns"): _dns(True),
    ("udp", "dns"): _dns(False),
    ("udp", "mdns"): _dns(False),
}

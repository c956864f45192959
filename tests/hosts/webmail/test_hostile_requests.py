"""Whatever a browser sends, the mail server hears the commands that its page is for, and the browser never a 5xx."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.reading.imap_client import ImapClient
from testbed.hosts.site import Site
from testbed.hosts.webmail.app import Backend
from tests.hosts.webmail.conftest import BOB, PASSWORD, Page, Web, running
from tests.hosts.webmail.recording import Recorded, RecordingServer, recording
from tests.patience import HANG_S

HOSTILE = [
    "", " ", "x\r\na9 LOGOUT", "x\na9 DELETE INBOX\n", "\r", '"', '\\', '\\"', '" OR ALL "', "{3}", "{3+}",
    "{3+}\r\nabc", "x {0}\r\n", "(", ")", "*", "%", "NOT ALL", "\0", "a\0b", "\x1b[2J", "\x7f", "\x85", "\u2028",
    "\u202e", "ü",
    "\ufffd", "&", "&-", "&AAA", "é" * 3_000, "x" * 70_000, "a b " * 400, "../../etc/passwd", "/etc/shadow",
    "INBOX\r\n", "inbox",
    "<script>alert(1)</script>", "{{7*7}}", "%s%n", "[[", "1:*", "1,2", "-1", "0", "4294967296", "9" * 400, "１", "1e3",
    "a@b\r\nBcc: c@d", "<a@b>, c@d", "=?utf-8?q?=0D=0ABcc:_x?=",
    "=?utf-8?q?=0D=0ABcc:_x?= <carol@someschool.edu>", "=?utf-8?b?DQpCY2M6IHg=?=",
]  # fmt: skip
_ALWAYS = {"CAPABILITY", "LOGIN", "LOGOUT"}
_LISTS = {"LIST", "STATUS"}
_FOLDER = frozenset({*_LISTS, "EXAMINE", "UID SEARCH", "UID FETCH"})  # of the page of a folder, where others lead to


@dataclass(frozen=True)
class Place:
    """A field, with the commands that its page may give besides those of every page."""

    method: str
    path: str
    field: str
    commands: frozenset[str]
    others: tuple[tuple[str, str], ...] = ()


def _places() -> Iterator[Place]:
    for field in ("folder", "q", "page", "token", "uid"):
        yield Place("GET", "/mail", field, _FOLDER)
    message = _FOLDER | {"SELECT", "UID STORE"}
    for field in ("folder", "uid"):
        yield Place("GET", "/message", field, message, (("folder", "INBOX"), ("uid", "1")))
    for field in ("folder", "uid", "number", "save"):
        others = (("folder", "INBOX"), ("uid", "1"), ("number", "0"))
        yield Place("GET", "/part", field, frozenset({"EXAMINE", "UID FETCH"}), others)
    for field in ("to", "folder", "uid"):
        commands = frozenset(_LISTS | ({"SELECT", "UID FETCH", "UID STORE"} if field != "to" else set()))
        yield Place("GET", "/compose", field, commands, (("uid", "1"),) if field == "folder" else ())
    moves = _FOLDER | {"CREATE", "SELECT", "UID MOVE"}
    move = (("folder", "INBOX"), ("to", "Trash"), ("uid", "1"), ("deed", "move"))
    for field in ("folder", "to", "uid", "deed", "q", "page", "token"):
        yield Place("POST", "/act", field, moves, move)
    marks = _FOLDER | {"SELECT", "UID STORE"}
    for field in ("folder", "uid"):
        yield Place("POST", "/act", field, marks, (("folder", "INBOX"), ("uid", "1"), ("deed", "read")))
    kept = _FOLDER | {"CREATE", "APPEND"}
    for field in ("to", "subject", "body", "answers", "thread", "token"):
        yield Place("POST", "/compose", field, kept, (("to", "carol@someschool.edu"), ("body", "hi")))


PLACES = list(_places())


@dataclass
class Attacked:
    web: Web
    imap: RecordingServer
    sent: list[tuple[str, list[str], bytes]]

    def ask(self, place: Place, value: str) -> Page:
        form = {**dict(place.others), place.field: value}
        if place.method == "GET":
            return self.web.get(place.path, **form)
        return self.web.post(place.path, **{"token": self.web.token, **form})


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    """A web mail between a recording IMAP server and a relay that takes everything; Bob is logged in."""
    sent: list[tuple[str, list[str], bytes]] = []
    site = Site(
        name="mail.someschool.edu",
        addresses=("127.0.0.1",),
        directory=tmp_path,
        nameserver="127.0.0.1",
        log=lambda event, message: None,
        now=lambda: 1_767_603_600.0,
        dialogue=DialogueScript((), lambda fault, vain: None),
    )
    with recording() as server:

        async def imap() -> ImapClient:
            return await ImapClient.open(site, "127.0.0.1", "127.0.0.1", port=server.port)

        async def send(sender: str, recipients: list[str], content: bytes) -> dict[str, str]:
            sent.append((sender, recipients, content))
            return {}

        with running(Backend(site.name, "someschool.edu", imap, send, site.now, site.date)) as port:
            web = Web(f"http://127.0.0.1:{port}", None, None)  # type: ignore[arg-type]
            web.token = web.log_in().token
            server.take()
            yield Attacked(web, server, sent)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.method} {place.path} {place.field}")
def test_a_field_gives_no_command_of_its_own(attacked: Attacked, place: Place) -> None:
    for value in HOSTILE:
        page = attacked.ask(place, value)
        assert page.status < 500, (value, page.text)
        said = attacked.imap.take()
        assert {one.name for one in said} <= _ALWAYS | place.commands, (value, said)
        assert "<script>" not in page.text
    for sender, recipients, content in attacked.sent:
        assert sender == BOB
        head = content.partition(b"\r\n\r\n")[0]
        names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
        assert b"Bcc" not in names
        assert all("\r" not in one and "\n" not in one for one in recipients)
        assert b"\r" not in content.replace(b"\r\n", b"")
        assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize("field", ["user", "password"])
def test_a_name_and_a_password_reach_the_server_as_they_are_or_not_at_all(attacked: Attacked, field: str) -> None:
    for value in HOSTILE:
        form = {"user": BOB, "password": PASSWORD, field: value}
        page = attacked.web.post("/login", token=attacked.web.get("/login").token, **form)
        assert page.status < 500, value
        said = attacked.imap.take()
        allowed = _ALWAYS | _FOLDER  # a login leads to the inbox
        assert {one.name for one in said} <= allowed, (value, said)
        for login in (one for one in said if one.name == "LOGIN"):
            assert _arguments(login)[field == "password"] == (value.strip() if field == "user" else value).encode()


def _arguments(login: Recorded) -> list[bytes]:
    """Name and password: literals stand at odd places, what is quoted between them."""
    found: list[bytes] = []
    for place, part in enumerate(login.rest):
        if place % 2:
            found.append(part)
            continue
        text = part.strip()
        while text and not text.startswith(b"{"):
            if text.startswith(b'"'):
                end = 1
                while text[end : end + 1] != b'"':
                    end += 2 if text[end : end + 1] == b"\\" else 1
                found.append(text[1:end].replace(b'\\"', b'"').replace(b"\\\\", b"\\"))
                text = text[end + 1 :].strip()
            else:
                word, _, text = text.partition(b" ")
                found.append(word)
    return found


_GET = b"GET /login HTTP/1.1\r\nHost: x\r\n"
_TO_LOGIN = b"POST /login HTTP/1.1\r\nHost: x\r\n"
_POST = _TO_LOGIN + b"Content-Type: application/x-www-form-urlencoded\r\n"
REQUESTS: dict[str, bytes] = {
    "10,000 cookies": _GET + b"".join(b"Cookie: c%d=v\r\n" % at for at in range(10_000)) + b"\r\n",
    "10,000 cookies in a field": _GET + b"Cookie: " + b"; ".join(b"c%d=v" % at for at in range(10_000)) + b"\r\n\r\n",
    "a cookie that is none": _GET + b"Cookie: webmail; =; ;;\xff\x00=\x01; webmail=\xe9\r\n\r\n",
    "cookies of ours": _GET + b'Cookie: webmail="\\"; webmail-login=\xff; webmail=' + b"x" * 9_000 + b"\r\n\r\n",
    "a header without end": _GET + b"X: " + b"x" * 200_000,
    "a header with NUL": _GET + b"X: a\0b\r\n\r\n",
    "a header on two lines": _GET + b"X: a\r\n b\r\n\r\n",
    "a header without name": _GET + b": x\r\n\r\n",
    "bare LF": _GET.replace(b"\r\n", b"\n") + b"\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": _GET + b"Host: y\r\n\r\n",
    "a hostile Host": b'GET / HTTP/1.1\r\nHost: "><script>\xff\r\n\r\n',
    "no such method": b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "methods": b"".join(m + b" /mail HTTP/1.1\r\nHost: x\r\n\r\n" for m in (b"PUT", b"DELETE", b"OPTIONS", b"TRACE")),
    "CONNECT": b"CONNECT a:25 HTTP/1.1\r\nHost: a:25\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "SMTP": b"EHLO x\r\nMAIL FROM:<a@b>\r\n",
    "a target in full": b"GET http://127.0.0.1:25/mail HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long target": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target of octets": b"GET /%00%0d%0aX:%20y/%ff/..%2f..%2f\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a query of octets": b"GET /mail?folder=%ff%00&q=%0d%0a&page=%c0%af&;&&=&% HTTP/1.1\r\nHost: x\r\n\r\n",
    "an upgrade": _GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    "an expectation": _POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "a negative length": _POST + b"Content-Length: -1\r\n\r\n",
    "a length of letters": _POST + b"Content-Length: 0x10\r\n\r\n",
    "a huge length": _POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "two lengths": _POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": _POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no size": _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "a huge chunk": _POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nabc",
    "chunks of an octet": _POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n",
    "an extension without end": _POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000,
    "a hostile trailer": _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: \0\r\n\r\n",
    "another coding": _POST + b"Transfer-Encoding: gzip, identity\r\n\r\nabc",
    "a form that is no UTF-8": _POST + b"Content-Length: 6\r\n\r\nuser=\xff",
    "a form of many fields": _POST + b"Content-Length: 40000\r\n\r\n" + b"a=&" * 13_333 + b"a",
    "a form that breaks off": _POST + b"Content-Length: 400\r\n\r\nuser=",
    "another form": _TO_LOGIN + b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\n--",
    "nothing": b"",
    "empty lines": b"\r\n" * 5_000,
    "octets": bytes(range(256)) * 64,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_request_is_answered_with_a_server_error(attacked: Attacked, name: str) -> None:
    port = int(attacked.web.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), HANG_S) as connection:
        try:
            connection.sendall(REQUESTS[name])
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError:
            answer = b""  # cut off, which is an answer too
    for line in (part for part in answer.split(b"\r\n") if part.startswith(b"HTTP/1.1 ")):
        assert line[9:10] in b"1234", answer[:2_000]
    assert {one.name for one in attacked.imap.take()} <= _ALWAYS
    assert attacked.web.get("/mail").status == 200

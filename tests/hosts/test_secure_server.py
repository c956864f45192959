"""STARTTLS, implicit TLS and AUTH before real clients, and before some that mean harm (RFC 3207, RFC 4954)."""

from __future__ import annotations

import base64
import gc
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from testbed.hosts.certificates import Authority
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.secure_server import SecureSmtpServer
from testbed.hosts.tls import LabTls, TlsScript
from testbed.scenario.faults import DialogueFault, TlsFault
from tests.patience import HANG_S, until

from .conftest import Running, Serve

NAME = "someschool.edu"
PASSWORDS = {"bob@someschool.edu": "correct-horse"}
PLAIN = base64.b64encode(b"\0bob@someschool.edu\0correct-horse").decode()

ServeTls = Callable[..., tuple[Running, Authority]]


@pytest.fixture
def serve_tls(serve: Serve, tmp_path: Path) -> ServeTls:
    def start(
        *faults: DialogueFault, tls: TlsFault | None = None, implicit: bool = False, in_clear: bool = False
    ) -> tuple[Running, Authority]:
        (tmp_path / "keys").touch()
        authority = Authority(tmp_path / "keys")
        script = TlsScript([tls] if tls else [], lambda fault, vain: None)
        access = Access(tls=LabTls(authority, {NAME: script}), passwords=PASSWORDS, in_clear=in_clear)
        return serve(*faults, access=partial(access.serve, submission=True, implicit=implicit)), authority

    return start


class Tls:
    """A client of our own: lines, in clear and then through TLS."""

    def __init__(self, port: int, authority: Authority) -> None:
        self._context = authority.client(checks=True)
        self._socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=HANG_S)
        self._buffer = b""

    def __enter__(self) -> Tls:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def reply(self) -> str:
        """The last line of the next reply, ``""`` at the end."""
        while True:
            line, found, rest = self._buffer.partition(b"\r\n")
            if found:
                self._buffer = rest
                if line[3:4] != b"-":
                    return line.decode()
                continue
            part = self._socket.recv(65536)
            if not part:
                return ""
            self._buffer += part

    def secure(self) -> None:
        self._socket = self._context.wrap_socket(self._socket, server_hostname=NAME)

    def ask(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.reply()


def client(port: int) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=HANG_S)


def begin_tls(connection: smtplib.SMTP, authority: Authority) -> None:
    connection._host = NAME  # type: ignore[attr-defined] # the name the certificate must bear
    connection.starttls(context=authority.client(checks=True))


def test_starttls_begins_a_new_session(serve_tls: ServeTls) -> None:
    server, authority = serve_tls()
    with client(server.port) as connection:
        connection.ehlo()
        assert connection.has_extn("starttls")
        assert not connection.has_extn("auth")
        begin_tls(connection, authority)
        assert connection.docmd("MAIL", "FROM:<a@b.example>")[0] == 503  # no EHLO yet
        connection.ehlo()
        assert not connection.has_extn("starttls")
        assert connection.has_extn("auth")
        assert connection.docmd("STARTTLS")[0] == 503
        connection.sendmail("a@b.example", "carol@someschool.edu", "Subject: x\r\n\r\nhello\r\n")
    [message] = server.messages("carol")
    assert b"by someschool.edu with ESMTPS" in message


def test_tls_can_come_before_the_greeting(serve_tls: ServeTls) -> None:
    server, authority = serve_tls(implicit=True)
    with Tls(server.port, authority) as connection:
        connection.secure()
        assert connection.reply().startswith("220 ")
        assert connection.ask("EHLO client.example").startswith("250 ")
        assert connection.ask(f"AUTH PLAIN {PLAIN}").startswith("235 2.7.0")
        assert connection.ask("QUIT").startswith("221 ")


INJECTED = (
    b"EHLO mallory.example\r\nMAIL FROM:<mallory@b.example>\r\nRCPT TO:<carol@someschool.edu>\r\nDATA\r\nevil\r\n.\r\n"
)


@pytest.mark.parametrize("injected", [b"NOOP\r\n", b"half a line", INJECTED, b"x" * 50_000 + b"\r\n"])
def test_what_is_injected_before_the_handshake_is_forgotten(serve_tls: ServeTls, injected: bytes) -> None:
    """CVE-2011-0411: the commands arrive in one segment with STARTTLS, before the server has answered it."""
    server, authority = serve_tls()
    with Tls(server.port, authority) as connection:
        connection.reply()
        assert connection.ask("EHLO client.example").startswith("250 ")
        connection.send(b"STARTTLS\r\n" + injected)
        assert connection.reply().startswith("220 ")
        connection.secure()
        assert connection.ask("RSET").startswith("250 ")
        assert connection.ask("RCPT TO:<carol@someschool.edu>").startswith("503 ")  # nobody is greeted, nothing begun
        assert connection.ask("QUIT").startswith("221 ")
    assert server.messages("carol") == []


def test_a_transaction_from_before_tls_is_forgotten(serve_tls: ServeTls) -> None:
    server, authority = serve_tls()
    with Tls(server.port, authority) as connection:
        connection.reply()
        for line in ("EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<carol@someschool.edu>"):
            assert connection.ask(line).startswith("250 ")
        assert connection.ask("STARTTLS").startswith("220 ")
        connection.secure()
        assert connection.ask("EHLO client.example").startswith("250 ")
        assert connection.ask("DATA").startswith("503 ")


def test_a_command_right_behind_the_handshake_is_not_lost(serve_tls: ServeTls) -> None:
    server, authority = serve_tls()
    for _ in range(20):
        with Tls(server.port, authority) as connection:
            connection.reply()
            connection.ask("EHLO client.example")
            connection.ask("STARTTLS")
            connection.secure()
            connection.send(b"EHLO client.example\r\nNOOP\r\nQUIT\r\n")
            assert [connection.reply()[:3] for _ in range(3)] == ["250", "250", "221"]


@pytest.mark.parametrize(
    "octets", [b"", b"QUIT\r\n", b"\x16\x03\x01\x00\x05hello", b"\x15\x03\x03\x00\x02\x02\x28", b"\0" * 500]
)
def test_no_handshake_harms_the_server(serve_tls: ServeTls, octets: bytes) -> None:
    server, authority = serve_tls()
    for _ in range(3):
        with Tls(server.port, authority) as connection:
            connection.reply()
            assert connection.ask("STARTTLS").startswith("220 ")
            connection.send(octets)
    with client(server.port) as again:
        begin_tls(again, authority)
        assert again.ehlo()[0] == 250
    until(lambda: _servers_left() <= 1)  # the last one is forgotten when the next client comes


def _servers_left() -> int:
    """How many connections a server still remembers."""
    gc.collect()
    return sum(isinstance(known, SecureSmtpServer) for known in gc.get_objects())


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ("expired", "certificate has expired"),
        ("wrong-name", "Hostname mismatch"),
        ("self-signed", "self-signed certificate"),
        ("handshake-failure", "handshake failure|HANDSHAKE_FAILURE|EOF"),
    ],
)
def test_faults_are_felt_by_clients(serve_tls: ServeTls, flaw: str, reason: str) -> None:
    server, authority = serve_tls(tls=TlsFault.model_validate({"tls": NAME, "is": flaw, "times": 1}))
    with pytest.raises((ssl.SSLError, ConnectionResetError), match=reason), client(server.port) as connection:
        begin_tls(connection, authority)
    with client(server.port) as connection:
        begin_tls(connection, authority)
        assert connection.ehlo()[0] == 250


def test_starttls_can_be_stripped(serve_tls: ServeTls) -> None:
    server, _ = serve_tls(tls=TlsFault.model_validate({"tls": NAME, "is": "stripped", "connection": 1}))
    offers = []
    for _ in range(2):
        with client(server.port) as connection:
            connection.ehlo()
            offers.append(connection.has_extn("starttls"))
    assert offers == [False, True]


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        ([f"AUTH PLAIN {PLAIN}"], "235"),
        (["AUTH PLAIN", PLAIN], "235"),
        (
            [
                "AUTH LOGIN",
                base64.b64encode(b"bob@someschool.edu").decode(),
                base64.b64encode(b"correct-horse").decode(),
            ],
            "235",
        ),
        (
            [
                "AUTH LOGIN",
                base64.b64encode(b"BOB@SomeSchool.edu").decode(),
                base64.b64encode(b"correct-horse").decode(),
            ],
            "235",
        ),
        (["AUTH PLAIN " + base64.b64encode(b"\0bob@someschool.edu\0wrong").decode()], "535"),
        (["AUTH PLAIN " + base64.b64encode(b"\0nobody@someschool.edu\0wrong").decode()], "535"),
        (["AUTH PLAIN " + base64.b64encode(b"\0bob@someschool.edu\0").decode()], "535"),
        (["AUTH PLAIN " + base64.b64encode(b"\0nobody@someschool.edu\0").decode()], "535"),
        (["AUTH PLAIN " + base64.b64encode("\0bob@someschool.edu\0päss".encode()).decode()], "535"),
        (["AUTH PLAIN =="], "501"),
        (["AUTH PLAIN " + base64.b64encode(b"bob").decode()], "501"),
        (["AUTH PLAIN", "x" * 200_000], "500"),
        (["AUTH CRAM-MD5"], "504"),
        (["AUTH"], "501"),
        ([f"AUTH PLAIN {PLAIN}", f"AUTH PLAIN {PLAIN}"], "503"),
        (["MAIL FROM:<a@b.example>", f"AUTH PLAIN {PLAIN}"], "503"),
    ],
    ids=lambda value: value[0][:40] if isinstance(value, list) else value,
)
def test_each_login_has_its_reply(serve_tls: ServeTls, commands: list[str], code: str) -> None:
    server, authority = serve_tls(implicit=True)
    with Tls(server.port, authority) as connection:
        connection.secure()
        connection.reply()
        connection.ask("EHLO client.example")
        replies = [connection.ask(command) for command in commands]
        assert replies[-1][:3] == code
        assert connection.ask("NOOP").startswith(("250 ", "500 "))


def test_a_wrong_password_and_an_unknown_user_are_refused_alike(serve_tls: ServeTls) -> None:
    server, authority = serve_tls(implicit=True)
    said = set()
    for login in (b"\0bob@someschool.edu\0wrong", b"\0nobody@someschool.edu\0correct-horse", b"\0\0"):
        with Tls(server.port, authority) as connection:
            connection.secure()
            connection.reply()
            connection.ask("EHLO client.example")
            said.add(connection.ask("AUTH PLAIN " + base64.b64encode(login).decode()))
    assert len(said) == 1
    assert said.pop().startswith("535 5.7.8 ")


@pytest.mark.parametrize(("in_clear", "code"), [(False, "538"), (True, "235")])
def test_passwords_are_taken_in_clear_only_where_that_is_said(serve_tls: ServeTls, in_clear: bool, code: str) -> None:
    server, authority = serve_tls(in_clear=in_clear)
    with Tls(server.port, authority) as connection:
        connection.reply()
        connection.ask("EHLO client.example")
        assert connection.ask(f"AUTH PLAIN {PLAIN}")[:3] == code


def test_faults_of_the_dialogue_reach_starttls_and_auth(serve_tls: ServeTls) -> None:
    refused = DialogueFault.model_validate({"at": NAME, "on": "STARTTLS", "reply": "454 4.7.0 Not now", "times": 1})
    later = DialogueFault.model_validate({"at": NAME, "on": "AUTH", "reply": "454 4.7.0 Not now", "times": 1})
    server, authority = serve_tls(refused, later)
    with Tls(server.port, authority) as connection:
        connection.reply()
        assert connection.ask("STARTTLS") == "454 4.7.0 Not now"
        assert connection.ask("STARTTLS").startswith("220 ")
        connection.secure()
        connection.ask("EHLO client.example")
        assert connection.ask(f"AUTH PLAIN {PLAIN}") == "454 4.7.0 Not now"
        assert connection.ask(f"AUTH PLAIN {PLAIN}").startswith("235 ")


def _run(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=HANG_S, check=False)


def test_smtplib_logs_in(serve_tls: ServeTls) -> None:
    server, authority = serve_tls()
    with client(server.port) as connection:
        begin_tls(connection, authority)
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            connection.login("bob@someschool.edu", "wrong")
        connection.login("bob@someschool.edu", "correct-horse")
        connection.sendmail("bob@someschool.edu", "carol@someschool.edu", "Subject: x\r\n\r\nhello\r\n")
    assert b"with ESMTPSA" in server.messages("carol")[0]


@pytest.mark.program("swaks")
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("option", ["", "--tls", "--tls-on-connect"])
def test_swaks_logs_in_and_delivers(serve_tls: ServeTls, option: str, mechanism: str) -> None:
    server, _ = serve_tls(implicit=option == "--tls-on-connect", in_clear=not option)
    ended = _run(
        *("swaks", "--server", "127.0.0.1", "--port", str(server.port), "--auth", mechanism, *option.split()),
        *("--auth-user", "bob@someschool.edu", "--auth-password", "correct-horse"),
        *("--to", "carol@someschool.edu", "--from", "bob@someschool.edu"),
    )
    if "TLS not available" in ended.stderr:
        pytest.skip("this swaks has no Net::SSLeay")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "235 2.7.0" in ended.stdout
    assert (b"with ESMTPSA" if option else b"with ESMTPA") in server.messages("carol")[0]


@pytest.mark.program("swaks")
def test_swaks_is_refused_with_a_wrong_password(serve_tls: ServeTls) -> None:
    server, _ = serve_tls(in_clear=True)
    ended = _run(
        *("swaks", "--server", "127.0.0.1", "--port", str(server.port), "--auth", "PLAIN"),
        *("--auth-user", "bob@someschool.edu", "--auth-password", "wrong", "--to", "carol@someschool.edu"),
    )
    assert ended.returncode == 28  # swaks: authentication failed
    assert "535 5.7.8" in ended.stdout
    assert server.messages("carol") == []


@pytest.mark.program("openssl")
def test_openssl_sees_a_good_certificate(serve_tls: ServeTls, tmp_path: Path) -> None:
    server, authority = serve_tls()
    authority.certificate.write_to_path(tmp_path / "ca.pem")
    ended = _run(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-starttls", "smtp", "-crlf", "-quiet"),
        *("-servername", NAME, "-verify_hostname", NAME, "-verify_return_error", "-CAfile", str(tmp_path / "ca.pem")),
        given="EHLO client.example\nQUIT\n",
    )
    assert "221 2.0.0 Bye" in ended.stdout, ended.stdout + ended.stderr
    assert "250-AUTH LOGIN PLAIN" in ended.stdout

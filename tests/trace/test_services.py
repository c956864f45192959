"""Which service a connection speaks: by its first words on any port, else by its port."""

from __future__ import annotations

from collections import Counter

import pytest

from testbed.trace.glance.heads import TELLING
from testbed.trace.services.table import PORTS, SERVICES, name_by_content, name_by_port, name_spoken, service_of

# Port, the first octets of client and server, whether keys opened TLS, and what is spoken.
SPOKEN: dict[str, tuple[int, bytes, bytes, bool, str]] = {
    "SMTP at its port": (25, b"EHLO a\r\n", b"220 mx\r\n", False, "smtp"),
    "submission at its port": (587, b"EHLO a\r\n", b"220 mx\r\n", False, "submission"),
    "submission under TLS": (465, b"EHLO a\r\n", b"220 mx\r\n", True, "submission"),
    "TLS that no key opened": (465, b"\x16\x03\x01", b"\x16\x03\x03", False, "submissions"),
    "SMTP elsewhere": (9_999, b"ehlo a\r\n", b"220 mx\r\n", False, "smtp"),
    "SMTP begun in the middle": (9_999, b"MAIL FROM:<a@x>\r\n", b"", False, "smtp"),
    "a browser at the port of SMTP": (25, b"GET / HTTP/1.1\r\n", b"220 mx\r\n", False, "smtp"),
    "LMTP at the port of SMTP": (25, b"LHLO a\r\n", b"220 mx\r\n", False, "lmtp"),
    "SMTP at the port of LMTP": (24, b"EHLO a\r\n", b"220 mx\r\n", False, "smtp"),
    "LMTP begun in the middle": (24, b"NOOP\r\n", b"250 ok\r\n", False, "lmtp"),
    "POP3 elsewhere": (9_999, b"USER a\r\n", b"+OK\r\n", False, "pop3"),
    "POP3 begun in the middle": (110, b"RETR 1\r\n", b"-ERR no\r\n", False, "pop3"),
    "SMTP at the port of POP3": (110, b"EHLO a\r\n", b"220 mx\r\n", False, "smtp"),
    "something else at the port of POP3": (110, b"", b"SSH-2.0\r\n", False, ""),
    "IMAP elsewhere": (9_999, b"a LOGIN b c\r\n", b"* OK\r\n", False, "imap"),
    "IMAP begun in the middle": (143, b"a NOOP\r\n", b"* 3 EXISTS\r\n", False, "imap"),
    "IMAP under TLS": (993, b"a NOOP\r\n", b"* OK\r\n", True, "imap"),
    "something else at the port of IMAP": (143, b"", b"SSH-2.0\r\n", False, ""),
    "ManageSieve at the port of IMAP": (143, b"", b'"IMPLEMENTATION" "x"\r\n', False, "managesieve"),
    "ManageSieve begun in the middle": (4190, b"NOOP\r\n", b'ok "x"\r\n', False, "managesieve"),
    "something else at the port of ManageSieve": (4190, b"", b"SSH-2.0\r\n", False, ""),
    "HTTP elsewhere": (9_999, b"POST /x HTTP/1.1\r\n", b"", False, "http"),
    "HTTP under TLS": (443, b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", True, "http"),
    "nothing said at a known port": (80, b"", b"", False, "http"),
    "a port that is only known by name": (22, b"", b"SSH-2.0\r\n", False, "ssh"),
    "nothing known": (9_999, b"x", b"y", False, ""),
}


@pytest.mark.parametrize(("port", "client", "server", "opened", "name"), SPOKEN.values(), ids=SPOKEN)
def test_what_is_spoken(port: int, client: bytes, server: bytes, opened: bool, name: str) -> None:
    assert name_spoken(port, client, server, opened=opened) == name


@pytest.mark.parametrize(("port", "client", "server", "opened", "name"), SPOKEN.values(), ids=SPOKEN)
def test_columns_leave_what_is_known_by_its_words_to_exact_code(
    port: int, client: bytes, server: bytes, opened: bool, name: str
) -> None:
    told = name_by_content(client, b"") or name_by_content(b"", server)
    heads = [head[:8] for head in (client, server) if head]
    assert not told or any(len(head) < 8 or head[7] == 0 or head.upper().startswith(TELLING) for head in heads)


def test_every_name_and_every_port_has_one_description() -> None:
    names = Counter(name for service in SERVICES for name in service.names)
    ports = Counter((port.transport, port.number) for service in SERVICES for port in service.ports)
    assert max(names.values()) == max(ports.values()) == 1
    for service in SERVICES:
        assert all(service_of(name) is service for name in service.names)
        assert all(name_by_port(port.transport, port.number) == port.name for port in service.ports)
        assert all(service_of(port.inside or port.name) is service for port in service.ports)
        assert all(port.number in PORTS for port in service.ports)
        assert all(opening == opening.upper() and 0 < len(opening) <= 8 for opening in service.openings)


def test_of_a_service_without_description_nothing_is_known() -> None:
    unknown = service_of("ssh")
    assert (unknown.stream, unknown.datagrams, unknown.mail, unknown.findings, unknown.across) == (
        None, None, None, (), (),
    )  # fmt: skip

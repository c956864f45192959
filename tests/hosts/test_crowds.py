"""More than anybody should ask of a mail server: it refuses what it must, loses nothing, and goes on serving others."""

from __future__ import annotations

import contextlib
import poplib
import resource
import smtplib
import socket
from collections import Counter

import pytest

from testbed.hosts.smtp.message_data import MAX_MESSAGE_OCTETS
from tests.patience import HANG_S

from .conftest import Running, Serve

CAROL = "carol@someschool.edu"
LINES = b"All work and no play makes Jack a dull boy, says the subject line.\r\n"


def deliver(server: Running, text: bytes = b"Subject: hello\r\n\r\nstill there?\r\n") -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=HANG_S) as client:
        assert client.sendmail("alice@crepes.fr", [CAROL], text) == {}


def test_ten_thousand_recipients_each_get_an_answer(serve: Serve) -> None:
    server = serve()
    recipients = [CAROL, *(f"nobody{number}@someschool.edu" for number in range(9_999))]
    with smtplib.SMTP("127.0.0.1", server.port, timeout=HANG_S) as client:
        client.ehlo()
        client.mail("alice@crepes.fr")
        codes = Counter(client.rcpt(recipient)[0] for recipient in recipients)
        assert client.data(b"Subject: to whom it may concern\r\n\r\n")[0] == 250
    assert codes == {250: 1, 550: 9_999}
    assert len(server.messages("carol")) == 1


@pytest.mark.parametrize("announced", [True, False])
def test_a_message_of_more_than_fifty_megabytes_is_refused_and_the_next_one_taken(
    serve: Serve, announced: bool
) -> None:
    server = serve()
    text = LINES * (MAX_MESSAGE_OCTETS // len(LINES) + 1)
    assert len(text) > MAX_MESSAGE_OCTETS
    with smtplib.SMTP("127.0.0.1", server.port, timeout=HANG_S) as client:
        client.ehlo()
        code, _ = client.mail("alice@crepes.fr", [f"size={len(text)}"] if announced else [])
        if announced:
            assert code == 552
        else:
            client.rcpt(CAROL)
            assert client.data(text)[0] == 552
    assert server.messages("carol") == []
    deliver(server)
    assert len(server.messages("carol")) == 1


def test_a_thousand_idle_connections_keep_nobody_out(serve: Serve) -> None:
    server = serve()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4_000:
        pytest.skip("this user may not have so many files open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4_000), hard))
    try:
        with contextlib.ExitStack() as idle:
            for number in range(1_000):
                port = (server.port, server.pop3, server.imap)[number % 3]
                idle.enter_context(socket.create_connection(("127.0.0.1", port), timeout=HANG_S))
            deliver(server)
            reader = poplib.POP3("127.0.0.1", server.pop3, timeout=HANG_S)
            reader.user("carol")
            reader.pass_("secret")
            assert reader.stat()[0] == 1
            reader.quit()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

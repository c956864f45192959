"""Very many messages or folders of an IMAP client cost their number and no more, and keep nobody else waiting."""

from __future__ import annotations

import socket

import pytest

from tests.hosts.conftest import Running, Serve
from tests.hosts.test_reading import imap
from tests.patience import HANG_S

MESSAGES = 240  # of a command
COMMANDS = 5


def _logged_in(running: Running) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", running.imap), timeout=HANG_S)
    client.recv(4_096)
    client.sendall(b"a LOGIN carol secret\r\n")
    assert client.recv(4_096).startswith(b"a OK")
    return client


def _heard(client: socket.socket, tag: bytes) -> None:
    heard = b""
    while tag + b" OK" not in heard:
        piece = client.recv(65_536)
        assert piece, f"the server hung up after {heard!r}"
        heard += piece


@pytest.mark.cpu_seconds(40)
def test_thousands_of_messages_cost_their_number(serve: Serve) -> None:
    running = serve()
    with _logged_in(running) as client, imap(running, "carol", "secret") as waiting:
        waiting.select()
        waiting.send(b"x IDLE\r\n")
        assert waiting.readline().startswith(b"+")
        for number in range(COMMANDS):
            client.sendall(b"b%d APPEND INBOX" % number + b" {1+}\r\nx" * MESSAGES + b"\r\n")
            _heard(client, b"b%d" % number)
        client.sendall(
            b"c SELECT INBOX\r\nd COPY 1:* INBOX\r\ne NOOP\r\nf STORE 1:* +FLAGS.SILENT (\\Deleted)\r\ng EXPUNGE\r\n"
        )
        _heard(client, b"g")
        heard = [waiting.readline()]
        while not heard[-1].endswith(b" EXISTS\r\n"):
            heard.append(waiting.readline())
    assert running.post_office.mailboxes["carol@someschool.edu"].count == 0


def test_a_mailbox_has_so_many_folders_and_no_more(serve: Serve) -> None:
    running = serve()
    with imap(running, "carol", "secret") as client:
        created = [client.create(f"f{number}")[0] for number in range(510)]
        assert (created.count("OK"), created[-1]) == (499, "NO")  # beside the inbox
        assert client.create("more")[1] == [b"[LIMIT] A mailbox has no more than 500 folders."]
        assert client.delete("f7")[0] == "OK"
        assert client.create("another")[0] == "OK"


@pytest.mark.parametrize("name", ["Nowhere", "x" * 50_000])
def test_only_folders_can_be_subscribed_to(serve: Serve, name: str) -> None:
    with imap(serve()) as client:
        assert client.subscribe(name)[0] == "NO"
        assert client.subscribe("Archive")[0] == "OK"
        assert client.lsub()[1][-1] == b'(\\HasNoChildren) "/" Archive'
        assert client.unsubscribe("Archive")[0] == "OK"

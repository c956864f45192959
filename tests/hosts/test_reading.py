"""Mailboxes read by clients that are not ours: Python's own and curl."""

from __future__ import annotations

import imaplib
import poplib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from testbed.hosts.certificates import Authority
from testbed.hosts.tls import LabTls
from testbed.protocols.events import Deleted
from testbed.scenario.faults import DialogueFault
from tests.hosts.conftest import Running, Serve
from tests.patience import HANG_S

ONE = b"Message-ID: <1@x>\r\nSubject: One\r\n\r\n.dot\r\n..two dots\r\nlast\r\n"
TWO = b"Message-ID: <2@x>\r\nSubject: Two\r\n\r\nhello\r\n"

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def put(running: Running, user: str, *messages: bytes) -> None:
    for number, message in enumerate(messages):
        running.post_office.mailboxes[f"{user}@someschool.edu"].store(message, 1_767_600_000.0 + number)


@contextmanager
def pop3(running: Running, user: str = "gus", password: str = "opensesame") -> Iterator[poplib.POP3]:
    client = poplib.POP3("127.0.0.1", running.pop3, timeout=HANG_S)
    try:
        client.user(user)
        client.pass_(password)
        yield client
    finally:
        client.close()


@contextmanager
def imap(running: Running, user: str = "gus", password: str = "opensesame") -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4("127.0.0.1", running.imap, timeout=HANG_S)
    try:
        client.login(user, password)
        yield client
    finally:
        client.shutdown()


def test_poplib_reads_and_deletes(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE, TWO)
    with pop3(running) as client:
        assert client.stat() == (2, len(ONE) + len(TWO))
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == ONE
        assert client.top(2, 0)[1] == TWO.splitlines()[:3]
        assert set(client.capa()) >= {"TOP", "UIDL", "USER", "RESP-CODES"}
        client.dele(1)
        client.quit()
    assert running.messages("gus") == [TWO]
    assert [event.message_id for event in running.logged.events if isinstance(event, Deleted)] == ["<1@x>"]


def test_unique_ids_outlive_sessions_and_flags(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE, TWO)
    with pop3(running) as client:
        before = client.uidl()[1]
        client.quit()
    with imap(running) as reader:
        reader.select()
        reader.fetch("1", "(BODY[])")
    with pop3(running) as client:
        assert client.uidl()[1] == before
        assert all(0x21 <= octet <= 0x7E for line in before for octet in line.split()[1])


def test_a_connection_cut_before_quit_deletes_nothing(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE)
    with pop3(running) as client:
        client.dele(1)
    assert _stat_once_free(running) == (1, len(ONE))


def _stat_once_free(running: Running) -> tuple[int, int]:
    """Ask again until the server has noticed that the connection is gone."""
    refusals: set[bytes] = set()
    for _ in range(500):
        try:
            with pop3(running) as client:
                return client.stat()
        except poplib.error_proto as refused:
            refusals.add(refused.args[0])
    pytest.fail(f"the mailbox stays locked: {refusals}")


def test_the_second_session_is_told_that_the_mailbox_is_in_use(serve: Serve) -> None:
    running = serve()
    with pop3(running), pytest.raises(poplib.error_proto, match="IN-USE"), pop3(running):
        pass


@pytest.mark.parametrize("user", ["gus", "gus@someschool.edu", "nobody", "", "gus@crepes.fr"])
def test_refusals_tell_nothing(serve: Serve, user: str) -> None:
    running = serve()
    with pytest.raises(poplib.error_proto) as by_pop3, pop3(running, user or "x", "wrong"):
        pass
    assert by_pop3.value.args[0] == b"-ERR [AUTH] wrong name or password"
    with pytest.raises(imaplib.IMAP4.error) as by_imap, imap(running, user or '""', "wrong"):
        pass
    assert by_imap.value.args[0] == b"[AUTHENTICATIONFAILED] Invalid authentication credentials."


def test_imaplib_files_searches_and_deletes(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE, TWO)
    with imap(running) as client:
        assert client.select() == ("OK", [b"2"])
        assert client.search(None, "SUBJECT", "Two") == ("OK", [b"2"])
        assert client.fetch("1", "(BODY.PEEK[])")[1][0][1] == ONE
        assert client.fetch("1", "(RFC822.SIZE FLAGS)")[1][0] == b"1 (RFC822.SIZE %d FLAGS (\\Recent))" % len(ONE)
        assert client.store("1", "+FLAGS", "\\Flagged")[0] == "OK"
        assert client.copy("1", "Archive")[0] == "OK"
        assert client.uid("MOVE", "2", "Archive")[0] == "OK"
        assert client.append("Archive", "\\Seen", imaplib.Time2Internaldate(1_767_600_000), TWO)[0] == "OK"
        assert client.expunge()[0] == "OK"
        assert client.select("Archive") == ("OK", [b"3"])
        assert [client.fetch(str(n), "(BODY[])")[1][0][1] for n in (1, 2, 3)] == [ONE, TWO, TWO]
        assert b"\\Flagged" in client.fetch("1", "(FLAGS)")[1][0]
        client.store("1:2", "+FLAGS", "\\Deleted")
        client.expunge()
        assert client.select("Archive") == ("OK", [b"1"])
        assert client.create("Work/2026")[0] == "OK"
        assert b'"/" Work/2026' in b"\n".join(client.list()[1])
        assert client.create("../../x")[0] == "NO"
        assert client.select("Nowhere")[0] == "NO"
    assert running.messages("gus") == [ONE]


def test_a_folder_that_is_only_looked_at_can_be_closed(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE)
    with imap(running) as client:
        client.select()
        client.store("1", "+FLAGS", "\\Deleted")
        client.select(readonly=True)
        assert client.expunge() == ("NO", [b"[READ-ONLY] Mailbox is read-only."])
        assert client.close()[0] == "OK"
        client.state = "SELECTED"  # imaplib would not ask
        with pytest.raises(imaplib.IMAP4.error, match="Must select"):
            client.fetch("1", "(FLAGS)")
    assert running.messages("gus") == [ONE]


def test_whoever_has_logged_in_may_idle_though_no_folder_is_selected(serve: Serve) -> None:
    with imap(serve()) as client:
        client.send(b"a IDLE\r\n")
        assert client.readline().startswith(b"+ ")
        client.send(b"DONE\r\nb NOOP\r\n")
        assert client.readline() == b"a OK IDLE completed.\r\n"
        assert client.readline() == b"b OK NOOP completed.\r\n"


def test_pop3_sees_what_imap_leaves_in_the_inbox(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE, TWO)
    with imap(running) as client:
        client.select()
        client.uid("MOVE", "1", "Archive")
    with pop3(running) as reader:
        assert reader.stat() == (1, len(TWO))


def test_quota_is_kept_as_a_whole(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE, TWO)
    with imap(running) as client:
        assert client.getquotaroot("INBOX")[1] == [[b'INBOX ""'], [b'"" (STORAGE 1 20 MESSAGE 2 4)']]
        assert client.getquota('""')[1] == [b'"" (STORAGE 1 20 MESSAGE 2 4)']
        big = TWO + b"x" * 20_480 + b"\r\n"
        assert client.append("INBOX", "", None, big) == ("NO", [b"[OVERQUOTA] The mailbox is full."])
        client.select()
        assert client.copy("1:2", "Archive")[0] == "OK"
        assert client.copy("1:2", "Archive") == ("NO", [b"[OVERQUOTA] The mailbox is full."])
        assert client.select("Archive") == ("OK", [b"2"])
        assert client.uid("MOVE", "1:2", "INBOX")[0] == "OK"  # moving takes no room


def test_who_waits_is_told_of_new_mail(serve: Serve) -> None:
    running = serve()
    with imap(running) as client:
        client.select()
        client.send(b"x IDLE\r\n")
        assert client.readline().startswith(b"+")
        with imap(running) as other:
            other.append("INBOX", "", None, TWO)
        heard = []
        while not heard or not heard[-1].endswith(b"EXISTS\r\n"):
            heard.append(client.readline())
        client.send(b"DONE\r\n")
        assert heard[-1] == b"* 1 EXISTS\r\n"


@needs_curl
def test_curl_reads_both(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE, TWO)
    for url in (f"pop3://127.0.0.1:{running.pop3}/1", f"imap://127.0.0.1:{running.imap}/INBOX;UID=1"):
        ended = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "20", "--user", "gus:opensesame", url],
            capture_output=True,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (0, ONE), ended.stderr


@pytest.fixture
def lab_tls(tmp_path: Path) -> LabTls:
    (tmp_path / "keys").touch()
    return LabTls(Authority(tmp_path / "keys"), {})


def trusting(tls: LabTls) -> ssl.SSLContext:
    """A client that looks at the certificate, and not at the name: the server is reached by its address."""
    context = tls.authority.client(checks=True)
    context.check_hostname = False
    return context


def test_tls_begins_where_there_is_a_certificate(serve: Serve, lab_tls: LabTls) -> None:
    running = serve(tls=lab_tls)
    put(running, "gus", ONE)
    by_pop3 = poplib.POP3("127.0.0.1", running.pop3, timeout=HANG_S)
    by_pop3.stls(trusting(lab_tls))
    by_pop3.user("gus")
    by_pop3.pass_("opensesame")
    assert b"\r\n".join(by_pop3.retr(1)[1]) + b"\r\n" == ONE
    by_pop3.close()
    by_imap = imaplib.IMAP4("127.0.0.1", running.imap, timeout=HANG_S)
    by_imap.starttls(trusting(lab_tls))
    by_imap.login("gus", "opensesame")
    assert by_imap.select() == ("OK", [b"1"])
    by_imap.shutdown()


def test_tls_from_the_first_octet_offers_no_second(serve: Serve, lab_tls: LabTls) -> None:
    running = serve(tls=lab_tls, implicit=True)
    put(running, "gus", ONE)
    by_pop3 = poplib.POP3_SSL("127.0.0.1", running.pop3, timeout=HANG_S, context=trusting(lab_tls))
    assert "STLS" not in by_pop3.capa()
    by_pop3.user("gus")
    by_pop3.pass_("opensesame")
    assert b"\r\n".join(by_pop3.retr(1)[1]) + b"\r\n" == ONE
    by_pop3.close()
    by_imap = imaplib.IMAP4_SSL("127.0.0.1", running.imap, timeout=HANG_S, ssl_context=trusting(lab_tls))
    assert "STARTTLS" not in by_imap.capabilities
    by_imap.login("gus", "opensesame")
    assert by_imap.select() == ("OK", [b"1"])
    by_imap.shutdown()


@pytest.mark.parametrize("which", ["pop3", "imap"])
def test_who_speaks_in_clear_where_tls_comes_first_hears_no_greeting(serve: Serve, lab_tls: LabTls, which: str) -> None:
    running = serve(tls=lab_tls, implicit=True)
    with socket.create_connection(("127.0.0.1", getattr(running, which)), timeout=HANG_S) as client:
        client.sendall(b"a LOGIN gus opensesame\r\n")
        heard = b""
        while octets := client.recv(4096):
            heard += octets
        assert b"OK" not in heard


@pytest.mark.parametrize("injected", [b"b LOGOUT\r\n", b"b LOGIN gus opensesame\r\n"])
def test_what_comes_in_clear_behind_starttls_is_thrown_away(serve: Serve, lab_tls: LabTls, injected: bytes) -> None:
    running = serve(tls=lab_tls)
    with socket.create_connection(("127.0.0.1", running.imap), timeout=HANG_S) as plain:
        plain.recv(4096)
        plain.sendall(b"a STARTTLS\r\n" + injected)
        assert plain.recv(4096).startswith(b"a OK")
        with trusting(lab_tls).wrap_socket(plain) as secret:
            secret.sendall(b"c NOOP\r\n")
            assert secret.recv(4096).startswith(b"c OK")


@pytest.mark.parametrize("name", [b"gus\r\nb LOGOUT", b"gus\nb NOOP", b"gus\0", b"\xff\xfe", b"\x01"])
def test_a_name_in_a_literal_is_a_name_and_nothing_else(serve: Serve, name: bytes) -> None:
    running = serve()
    with socket.create_connection(("127.0.0.1", running.imap), timeout=20) as client:
        client.recv(4096)
        for user, password in ((name, b"opensesame"), (b"gus", name)):
            client.sendall(b"a LOGIN {%d}\r\n" % len(user))
            assert client.recv(4096).startswith(b"+ ")
            client.sendall(user + b" {%d}\r\n" % len(password))
            assert client.recv(4096).startswith(b"+ ")
            client.sendall(password + b"\r\n")
            assert client.recv(4096).startswith((b"a NO ", b"a BAD "))
        client.sendall(b"c LOGIN gus opensesame\r\n")
        assert client.recv(4096).startswith(b"c OK")


GARBAGE: dict[str, bytes] = {
    "no line": b"x" * 300_000,
    "NUL": b"\0\0\0\r\n" * 10,
    "octets": bytes(range(256)) * 4,
    "a huge literal": b"a LOGIN {99999999999999+}\r\n",
    "a huge literal, asked for": b"a LOGIN {999999999}\r\n",
    "deep": b"a SEARCH " + b"(" * 30_000 + b"\r\n",
    "empty lines": b"\r\n" * 1_000,
    "a long command": b"a NOOP " + b"y" * 60_000 + b"\r\n",
}


@pytest.mark.parametrize("octets", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("which", ["pop3", "imap"])
def test_garbage_breaks_no_server(serve: Serve, octets: bytes, which: str) -> None:
    running = serve()
    with socket.create_connection(("127.0.0.1", getattr(running, which)), timeout=HANG_S) as client:
        client.recv(4096)
        try:
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                pass
        except OSError:
            pass
    clients: dict[str, Callable[[], None]] = {
        "pop3": lambda: _visit(pop3(running)),
        "imap": lambda: _visit(imap(running)),
    }
    clients[which]()


def _visit(client: AbstractContextManager[object]) -> None:
    with client:
        pass


@pytest.mark.parametrize(
    ("stage", "reply", "heard"),
    [
        ("POP3 connect", "-ERR [SYS/TEMP] Come back", b"-ERR [SYS/TEMP] Come back\r\n"),
        ("IMAP connect", "BYE Not today", b"* BYE Not today\r\n"),
    ],
)
def test_faults_speak_in_the_servers_place(serve: Serve, stage: str, reply: str, heard: bytes) -> None:
    running = serve(DialogueFault.model_validate({"at": "someschool.edu", "on": stage, "reply": reply}))
    port = running.pop3 if stage.startswith("POP3") else running.imap
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as client:
        assert client.recv(4096) == heard


def test_the_idle_are_logged_out_in_scenario_time(serve_in_scenario_time: Serve) -> None:
    running = serve_in_scenario_time()
    for port, last in ((running.pop3, b""), (running.imap, b"* BYE Autologout: idle for too long.\r\n")):
        with socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as client:
            assert client.recv(4096)
            assert client.recv(4096) == last


def test_many_sessions_of_one_mailbox_agree(serve: Serve) -> None:
    running = serve()

    def append() -> None:
        with imap(running, "carol", "secret") as client:
            for _ in range(5):
                assert client.append("INBOX", "", None, TWO)[0] == "OK"

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with imap(running, "carol", "secret") as client:
        assert client.select() == ("OK", [b"20"])
        assert client.uid("SEARCH", "ALL")[1][0].split() == [b"%d" % uid for uid in range(1, 21)]

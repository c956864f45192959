"""Programs people read and send mail with, inside the lab: what they print, and what the trace says they did."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from imapclient import IMAPClient

from testbed import Bed, open_lab
from tests.patience import HANG_S

ALICE = "alice@crepes.fr"
BOB = "bob@someschool.edu"
BOBS_MACHINE = "bob.someschool.edu"
HOSTS = {
    BOBS_MACHINE: {"address": BOB},
    "someschool.edu": {
        "serves": ["pop3", "imap"],
        "mailboxes": {"bob": {"folders": ["Archive"], "password": "opensesame"}},
    },
}
LETTER = f"From: {ALICE}\r\nTo: {BOB}\r\nSubject: Lunch?\r\nMessage-ID: <lunch@alice.crepes.fr>\r\n\r\nAt noon.\r\n"
MUTTRC = """
set from=alice@crepes.fr hostname=alice.crepes.fr smtp_url=smtp://crepes.fr:587/ copy=no
set imap_pass=opensesame pop_pass=opensesame ssl_starttls=no ssl_force_tls=no
set folder=imap://bob@someschool.edu/ quit=yes wait_key=no move=no delete=yes confirmappend=no
"""
CURL = ("curl", "--silent", "--show-error", "--max-time", "60")
MUTT = ("mutt", "-n", "-F", "{folder}/muttrc")
TERMINAL = (sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)")

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Reads:
    """A command, what it prints of a mailbox with one message, what it says in this order, and what becomes of that."""

    command: tuple[str, ...]
    service: str
    prints: str
    says: str
    folder: str = "INBOX"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The user's home, with a letter and mutt's settings."""
    (tmp_path / "letter.eml").write_bytes(LETTER.encode())
    (tmp_path / "muttrc").write_text(MUTTRC)
    return tmp_path


def said(bed: Bed, client: str, service: str) -> list[str]:
    """Every command and reply of the one connection such a client made: ``LOGIN OK``, ``LOGOUT OK``."""
    [connection] = [c for c in bed.analysis.connections if (c.client.label, c.service) == (client, service)]
    return [f"{e.command.verb} {e.reply.code}" for e in connection.exchanges if e.command and e.reply]


def in_order(says: str, heard: list[str]) -> bool:
    """Whether all of it was said; what else a version of the program likes to ask is its own affair."""
    rest = iter(heard)
    return all(exchange in rest for exchange in says.split(", "))


def run(bed: Bed, command: tuple[str, ...], on: str, folder: Path, text: str | None = None) -> str:
    """What a program prints; it has to end well."""
    words = [word.replace("{folder}", str(folder)) for word in command]
    ended = bed.run(["env", f"HOME={folder}", "TERM=vt100", *words], on=on, input=text)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


SUBMISSION = "connect 220, MAIL 250, RCPT 250, DATA 354, message 250"  # mutt does not wait for the answer to QUIT
SENDS = {
    "curl": (*CURL, "--mail-from", ALICE, "--mail-rcpt", BOB, "-T", "{folder}/letter.eml", "smtp://crepes.fr:587/me"),
    "mutt": (*MUTT, "-s", "Lunch?", BOB),
}


@pytest.mark.parametrize(
    "command", [pytest.param(command, id=name, marks=pytest.mark.program(name)) for name, command in SENDS.items()]
)
def test_it_hands_in_a_message(command: tuple[str, ...], folder: Path) -> None:
    with open_lab(hosts=HOSTS) as bed:
        assert run(bed, command, "alice.crepes.fr", folder, text="At noon.\n").strip() == ""
        [message] = bed.messages(BOB)
        assert (message["Subject"], message.get_content()) == ("Lunch?", "At noon.\r\n")
    bed.check()
    assert in_order(SUBMISSION, said(bed, "alice.crepes.fr", "submission"))


def _curl(url: str, prints: str, says: str) -> Reads:
    return Reads((*CURL, "--user", "bob:opensesame", url), url.partition(":")[0], prints, says)


def _mutt(url: str, keys: str, prints: str, says: str, folder: str = "INBOX") -> Reads:
    command = (*TERMINAL, *MUTT, "-e", f'push "{keys}<quit>"', "-f", url)
    return Reads(command, "imap" if url.startswith("imap") else "pop3", prints, says, folder)


IMAP_LOGIN = "connect OK, AUTHENTICATE OK"
POP3_LOGIN = "connect +OK, USER +OK, PASS +OK"
INBOX = "imap://someschool.edu/INBOX"
BOBS_INBOX = "imap://bob@someschool.edu/INBOX"
READS = {
    "curl lists by POP3": _curl("pop3://someschool.edu/", "1 ", f"{POP3_LOGIN}, LIST +OK, QUIT +OK"),
    "curl fetches by POP3": _curl("pop3://someschool.edu/1", "At noon.", f"{POP3_LOGIN}, RETR +OK, QUIT +OK"),
    "curl lists folders": _curl("imap://someschool.edu/", '"/" Archive', f"{IMAP_LOGIN}, LIST OK, LOGOUT OK"),
    "curl fetches by UID": _curl(f"{INBOX};UID=1", "At noon.", f"{IMAP_LOGIN}, SELECT OK, UID FETCH OK, LOGOUT OK"),
    "curl searches": _curl(f"{INBOX}?SUBJECT%20Lunch", "* SEARCH 1", f"{IMAP_LOGIN}, SELECT OK, SEARCH OK, LOGOUT OK"),
    "mutt reads by POP3": _mutt(
        "pop://bob@someschool.edu/",
        "<pipe-message>cat<enter>",
        "At noon.",
        f"{POP3_LOGIN}, STAT +OK, UIDL +OK, RETR +OK, QUIT +OK",
    ),
    "mutt reads by IMAP": _mutt(
        BOBS_INBOX,
        "<pipe-message>cat<enter>",
        "At noon.",
        f"{IMAP_LOGIN}, SELECT OK, FETCH OK, UID FETCH OK, LOGOUT OK",
    ),
    "mutt files by IMAP": _mutt(
        BOBS_INBOX,
        "<save-message>=Archive<enter>",
        "1 deleted",
        f"{IMAP_LOGIN}, SELECT OK, FETCH OK, UID COPY OK, UID STORE OK, LOGOUT OK",
        folder="Archive",
    ),
}


@pytest.mark.parametrize(
    "reads", [pytest.param(r, id=name, marks=pytest.mark.program(name.split()[0])) for name, r in READS.items()]
)
def test_it_reads_the_mailbox(reads: Reads, folder: Path) -> None:
    with open_lab(hosts=HOSTS) as bed:
        bed.send(BOB, subject="Lunch?", body="At noon.")
        bed.settle()
        printed = run(bed, reads.command, BOBS_MACHINE, folder, text="")
        for name in ("INBOX", "Archive"):
            assert [m["Subject"] for m in bed.messages(BOB, name)] == ["Lunch?"] * (name == reads.folder)
    bed.check()
    assert reads.prints in printed
    heard = said(bed, BOBS_MACHINE, reads.service)
    assert in_order(reads.says, heard), heard


def test_imapclient_searches_fetches_and_moves() -> None:
    with open_lab(hosts=HOSTS) as bed:
        for subject in ("Lunch?", "Dinner?"):
            bed.send(BOB, subject=subject, body="At noon.")
        bed.settle()
        host, port = bed.address("someschool.edu", "imap")
        with IMAPClient(host, port, ssl=False, timeout=HANG_S) as client:
            client.login("bob", "opensesame")
            assert {name for _, _, name in client.list_folders()} == {"INBOX", "Archive"}
            assert client.select_folder("INBOX")[b"EXISTS"] == 2
            [lunch] = client.search(["SUBJECT", "Lunch"])
            assert b"At noon." in client.fetch(lunch, ["BODY[]"])[lunch][b"BODY[]"]
            client.move([lunch], "Archive")
            assert len(client.search("ALL")) == 1
            assert client.folder_status("Archive", ["MESSAGES"]) == {b"MESSAGES": 1}
    bed.check()
    heard = said(bed, "outside.lab", "imap")
    says = "LOGIN OK, LIST OK, SELECT OK, UID SEARCH OK, UID FETCH OK, UID MOVE OK, UID SEARCH OK, STATUS OK, LOGOUT OK"
    assert in_order(says, heard), heard

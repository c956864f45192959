"""Folders renamed by IMAP (RFC 9051 §6.3.6), as Python's own client sees it."""

from __future__ import annotations

import imaplib

import pytest

from tests.hosts.conftest import Running, Serve
from tests.hosts.test_reading import ONE, TWO, imap, put


def folders(client: imaplib.IMAP4) -> list[str]:
    """The names of all folders; in brackets where only those below are there."""
    lines = [line for line in client.list()[1] if isinstance(line, bytes)]
    names = [(line.rpartition(b'"/" ')[2].strip(b'"').decode(), b"\\Noselect" in line) for line in lines]
    return sorted(f"({name})" if only_below else name for name, only_below in names)


def validity(client: imaplib.IMAP4, folder: str) -> bytes:
    [answer] = client.status(folder, "(UIDVALIDITY)")[1]
    return bytes(answer).rpartition(b" ")[2]


def fill(running: Running, client: imaplib.IMAP4) -> None:
    """Folders Archive, Work and Work/2026/May with messages; Archive has lost its first."""
    put(running, "gus", ONE)
    for folder in ("Work", "Work/2026/May"):
        client.create(folder)
        client.append(folder, "\\Flagged", imaplib.Time2Internaldate(1_767_600_000), TWO)
    client.append("Archive", "", None, ONE)
    client.select("Archive")
    client.store("1", "+FLAGS", "\\Deleted")
    client.expunge()
    client.append("Archive", "\\Seen \\Answered", None, TWO)
    client.close()


def test_messages_keep_numbers_flags_and_dates(serve: Serve) -> None:
    running = serve()
    with imap(running) as client:
        fill(running, client)
        before = validity(client, "Archive")
        client.select("Archive")
        said = client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
        client.close()
        assert client.rename("Archive", '"Old mail"')[0] == "OK"
        assert client.select('"Old mail"') == ("OK", [b"1"])
        assert client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])") == said
        assert said[1][1].endswith(b"UID 2)")
        assert validity(client, '"Old mail"') == before
        assert client.select("Archive")[0] == "NO"


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ("Work", "Home", ["(Home/2026)", "Archive", "Home", "Home/2026/May", "INBOX"]),
        ("Work", "Archive/Work", ["(Archive/Work/2026)", "Archive", "Archive/Work", "Archive/Work/2026/May", "INBOX"]),
        ("Work", "a/b", ["(a)", "(a/b/2026)", "Archive", "INBOX", "a/b", "a/b/2026/May"]),
        ("Work/2026", "Home", ["(Home)", "Archive", "Home/May", "INBOX", "Work"]),
        ("Work/2026/May", "Work/June", ["Archive", "INBOX", "Work", "Work/June"]),
    ],
)
def test_what_lies_below_goes_along(serve: Serve, before: str, after: str, left: list[str]) -> None:
    running = serve()
    with imap(running) as client:
        fill(running, client)
        assert client.rename(before, after)[0] == "OK"
        assert folders(client) == left
        for name in left:
            if name[0] != "(" and name != "INBOX":
                assert client.status(name, "(MESSAGES)")[1][0].endswith(b"(MESSAGES 1)")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("Work", "Archive", "ALREADYEXISTS"),
        ("Work", "Work", "ALREADYEXISTS"),
        ("Archive", "Work/2026", "ALREADYEXISTS"),
        ("INBOX", "Archive", "ALREADYEXISTS"),
        ("Nowhere", "Home", "NONEXISTENT"),
        ("../gus", "Home", "NONEXISTENT"),
        ("Work.2026", "Home", "NONEXISTENT"),
        ('""', "Home", "NONEXISTENT"),
        ("Archive", "INBOX", "INBOX"),
        ("Work", "Work/Old", "itself"),
        ("Archive", "../../x", "letters"),
        ("Archive", "/tmp/x", "letters"),
        ("Archive", "a.b", "letters"),
        ("Archive", "..", "letters"),
        ("Archive", '""', "letters"),
        ("Archive", "x" * 201, "letters"),
        ("Work", "x" * 195, "letters"),  # too long for what lies below
        ("Archive", "&" + "ZeVnLIqe" * 33 + "-", "letters"),  # 99 letters of three octets
        ("INBOX", "../x", "letters"),
    ],
)
def test_what_is_refused_changes_nothing(serve: Serve, before: str, after: str, says: str) -> None:
    running = serve()
    with imap(running) as client:
        fill(running, client)
        there = folders(client)
        answer, [text] = client.rename(before, after)
        assert (answer, says in text.decode()) == ("NO", True), text
        assert folders(client) == there
        assert client.select("Archive") == ("OK", [b"1"])
    assert running.messages("gus") == [ONE]


def test_the_inbox_gives_its_messages_and_stays(serve: Serve) -> None:
    running = serve()
    put(running, "gus", ONE, TWO)
    with imap(running) as client, imap(running) as other:
        client.create("INBOX/Bills")
        client.select()
        client.store("2", "+FLAGS", "\\Flagged")
        other.select()
        assert client.rename("INBOX", "Old/2026")[0] == "OK"
        assert len(client.untagged_responses["EXPUNGE"]) == 2
        assert folders(client) == ["(Old)", "Archive", "INBOX", "INBOX/Bills", "Old/2026"]
        assert client.select() == ("OK", [b"0"])
        assert client.select("Old/2026") == ("OK", [b"2"])
        assert [client.fetch(str(n), "(BODY[])")[1][0][1] for n in (1, 2)] == [ONE, TWO]
        assert b"\\Flagged" in client.fetch("2", "(FLAGS)")[1][0]
        put(running, "gus", TWO)
        assert other.noop()[0] == "OK"
        assert other.search(None, "ALL") == ("OK", [b"1"])
    assert running.messages("gus") == [TWO]


def test_who_has_selected_it_goes_on_reading(serve: Serve) -> None:
    running = serve()
    with imap(running) as client, imap(running) as other:
        client.create("Work")
        client.append("Work", "", None, TWO)
        for reader in (client, other):
            reader.select("Work")
        assert client.rename("Work", "Home")[0] == "OK"
        for reader in (client, other):
            assert reader.fetch("1", "(BODY[])")[1][0][1] == TWO
        assert client.append("Home", "", None, ONE)[0] == "OK"
        assert other.noop()[0] == "OK"
        assert other.uid("SEARCH", "ALL") == ("OK", [b"1 2"])


def test_no_name_stands_for_other_messages_with_the_same_uidvalidity(serve: Serve) -> None:
    running = serve()
    with imap(running) as client:
        fill(running, client)
        seen = [validity(client, "Archive")]
        client.rename("Archive", "Old")
        client.create("Archive")
        seen.append(validity(client, "Archive"))
        client.delete("Archive")
        client.rename("Work", "Archive")
        seen.append(validity(client, "Archive"))
        client.rename("Archive", "Work")
        client.rename("Old", "Archive")
        seen.append(validity(client, "Archive"))
    assert len(set(seen)) == len(seen)

"""What honest mailbox servers and their readers say, and a hasty judge would call a loss: by user, visit by visit.

A visit is a protocol and what is said in it, after the login: each command with the lines that are its answer.  IMAP's
tagged OK comes by itself.
"""

from __future__ import annotations

Visit = tuple[str, list[tuple[str, list[str]]]]
TWO = ["* 2 EXISTS", "* OK [UIDVALIDITY 1] as ever"]
SELECT, SEE = (
    ("SELECT INBOX", TWO),
    ("FETCH 1:2 (UID FLAGS)", ["* 1 FETCH (UID 1 FLAGS ())", "* 2 FETCH (UID 2 FLAGS ())"]),
)
ONE_LEFT = ("SELECT INBOX", ["* 1 EXISTS", "* OK [UIDVALIDITY 1] as ever"])
BYE = ("LOGOUT", ["* BYE"])
QUIT = ("QUIT", ["+OK"])
HEADER = "From: alice@crepes.fr\r\n\r\n"
MAIL = f"{HEADER}At noon?\r\n"


def _imap(*said: tuple[str, list[str]]) -> Visit:
    return "imap", [*said, BYE]


def _pop3(*said: tuple[str, list[str]]) -> Visit:
    return "pop3", [*said, QUIT]


def _uids(validity: int, first: int) -> Visit:
    told = [f"* {at} FETCH (UID {first + at})" for at in (1, 2)]
    return _imap(("SELECT INBOX", ["* 2 EXISTS", f"* OK [UIDVALIDITY {validity}] so"]), ("FETCH 1:2 (UID)", told))


def _ids(*ids: str) -> Visit:
    return _pop3(("UIDL", ["+OK", *(f"{at} {name}" for at, name in enumerate(ids, 1)), "."]))


HONEST: dict[str, list[Visit]] = {
    "flagged-before": [_imap(SELECT, ("EXPUNGE", ["* 1 EXPUNGE"])), _imap(ONE_LEFT)],
    "flagged-before-and-closed": [_imap(SELECT, ("CLOSE", [])), _imap(SELECT)],
    "expunged-by-others": [_imap(SELECT, SEE, ("NOOP", ["* 1 EXPUNGE"])), _imap(ONE_LEFT)],
    "expunged-by-others-in-idle": [_imap(SELECT, SEE, ("CHECK", ["* 2 EXPUNGE", "* 1 EXISTS"])), _imap(ONE_LEFT)],
    "vanished": [_imap(SELECT, SEE, ("NOOP", ["* VANISHED 1"])), _imap(ONE_LEFT)],
    "vanished-earlier": [_imap(("SELECT INBOX (QRESYNC (1 1))", [*TWO, "* VANISHED (EARLIER) 7:9"]))],
    "flags-that-do-not-last": [
        _imap(
            ("SELECT INBOX", [*TWO, "* OK [PERMANENTFLAGS (\\Seen)] only this"]),
            ("STORE 1 +FLAGS (\\Flagged)", []),
            ("FETCH 1 (FLAGS)", ["* 1 FETCH (FLAGS ())"]),
        )
    ],
    "no-flags-last": [
        _imap(
            ("SELECT INBOX", [*TWO, "* OK [PERMANENTFLAGS ()] none"]),
            ("STORE 1 +FLAGS (\\Deleted)", []),
            ("EXPUNGE", []),
        )
    ],
    "folder-made-anew": [
        _imap(("SELECT Old", TWO), ("SELECT INBOX", TWO), ("DELETE Old", []), ("CREATE Old", [])),
        _imap(("SELECT Old", ["* 0 EXISTS", "* OK [UIDVALIDITY 2] anew"])),
    ],
    "folder-renamed": [
        _imap(("SELECT Old", TWO), ("SELECT INBOX", TWO), ("RENAME Old New", []), ("CREATE Old", [])),
        _imap(("SELECT Old", ["* 0 EXISTS", "* OK [UIDVALIDITY 2] anew"]), ("SELECT New", TWO)),
    ],
    "folder-above-renamed": [
        _imap(("SELECT Old/2020", TWO), ("SELECT INBOX", TWO), ("RENAME Old New", [])),
        _imap(("SELECT Old/2020", ["* 0 EXISTS", "* OK [UIDVALIDITY 2] anew"])),
    ],
    "inbox-renamed": [_imap(SELECT, ("RENAME INBOX Old", [])), _imap(("SELECT INBOX", ["* 0 EXISTS"]))],
    "uidvalidity-renewed": [_ids("a", "b"), _uids(1, 1), _uids(2, 7), _ids("c", "d")],
    "shares-a-folder": [_imap(("SELECT Public/x", TWO))],
    "shares-it-too": [
        _imap(("SELECT Public/x", TWO), ("STORE 1 +FLAGS (\\Deleted)", []), ("EXPUNGE", ["* 1 EXPUNGE"])),
    ],
    "shares-a-folder again": [_imap(("SELECT Public/x", ["* 1 EXISTS", "* OK [UIDVALIDITY 1] as ever"]))],
    "has-a-deputy": [_imap(SELECT, SEE)],
    "has-a-deputy*admin": [_imap(SELECT, ("STORE 1 +FLAGS (\\Deleted)", []), ("EXPUNGE", ["* 1 EXPUNGE"]))],
    "has-a-deputy again": [_imap(ONE_LEFT)],
    "deletes-unread": [
        _imap(SELECT, ("STORE 1 +FLAGS (\\Deleted)", []), ("EXPUNGE", ["* 1 EXPUNGE"])),
        _imap(ONE_LEFT),
    ],
    "deletes-by-the-list": [
        _imap(
            SELECT,
            ("FETCH 1:2 (UID ENVELOPE)", [f"* {at} FETCH (UID {at} ENVELOPE (NIL NIL))" for at in (1, 2)]),
            ("UID STORE 1 +FLAGS.SILENT (\\Deleted)", []),
            ("UID EXPUNGE 1", ["* 1 EXPUNGE"]),
        ),
        _imap(ONE_LEFT),
    ],
    "deletes-by-a-preview": [
        _imap(
            SELECT,
            ("FETCH 1 (BODY.PEEK[]<0.10>)", [f"* 1 FETCH (BODY[]<0> {{10}}\r\n{MAIL[:10]})"]),
            ("STORE 1 +FLAGS (\\Deleted)", []),
            ("EXPUNGE", ["* 1 EXPUNGE"]),
        ),
    ],
    "deletes-by-a-list-of-before": [
        _imap(
            SELECT,
            ("FETCH 1 (UID BODY.PEEK[HEADER])", [f"* 1 FETCH (UID 1 BODY[HEADER] {{{len(HEADER)}}}\r\n{HEADER})"]),
        ),
        _imap(SELECT, SEE, ("UID STORE 1 +FLAGS (\\Deleted)", []), ("EXPUNGE", ["* 1 EXPUNGE"])),
    ],
    "deletes-by-number": [_pop3(("STAT", ["+OK 2 200"]), ("DELE 1", ["+OK"])), _pop3(("STAT", ["+OK 1 100"]))],
    "deletes-after-the-top": [
        _pop3(("STAT", ["+OK 1 100"]), ("TOP 1 0", ["+OK", HEADER.strip(), "", "."]), ("DELE 1", ["+OK"])),
        _pop3(("STAT", ["+OK 0 0"])),
    ],
    "expires-by-policy": [
        _pop3(("CAPA", ["+OK", "UIDL", "EXPIRE 0", "."]), ("STAT", ["+OK 1 100"])),
        _pop3(("STAT", ["+OK 0 0"])),
    ],
    "marks-as-read": [
        _imap(
            SELECT,
            SEE,
            ("FETCH 1 (BODY[])", [f"* 1 FETCH (FLAGS (\\Seen) BODY[] {{{len(MAIL)}}}\r\n{MAIL})"]),
            ("FETCH 1 (FLAGS)", ["* 1 FETCH (FLAGS (\\Seen))"]),
        ),
    ],
    "deletes-what-is-read": [
        _imap(
            SELECT,
            ("FETCH 1 (BODY[])", [f"* 1 FETCH (FLAGS (\\Seen) BODY[] {{{len(MAIL)}}}\r\n{MAIL})"]),
            ("STORE 1 +FLAGS (\\Deleted)", ["* 1 FETCH (FLAGS (\\Seen \\Deleted))"]),
            ("EXPUNGE", ["* 1 EXPUNGE"]),
        ),
    ],
}

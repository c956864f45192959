"""What is said of those who read: findings, outcomes, and how much of it."""

from __future__ import annotations

import pytest
from talk import Talk, watch

from testbed.expect.conservation.folders import deletes
from testbed.trace.services.reading.results import reading_result

POP3 = ("S +OK ready", "C USER bob", "S +OK", "C PASS x", "S +OK in")
IMAP = ("S * OK ready", "C a1 LOGIN bob x", "S a1 OK in", "C a2 SELECT INBOX", "S * 2 EXISTS", "S a2 OK done")
MOVE = "C a3 UID MOVE 7 Archive"
LOOK = (*IMAP, "C a3 UID SEARCH ALL")


def pop3(*lines: str) -> Talk:
    return Talk(server_port=110).open().say(*POP3, *lines)


def imap(*lines: str, port: int = 40_000) -> Talk:
    return Talk(port, server_port=143).open().say(*IMAP, *lines)


def look(*lines: str) -> Talk:
    return imap(
        "C a3 UID SEARCH ALL", *lines, "S a3 OK found", "C a4 LOGOUT", "S * BYE", "S a4 OK", port=40_001
    ).close()


CASES: dict[str, tuple[list[Talk], set[str]]] = {
    "DELE and QUIT": ([pop3("C DELE 1", "S +OK", "C QUIT", "S +OK").close()], set()),
    "DELE and no QUIT": ([pop3("C DELE 1", "S +OK").close()], {"deletions-undone"}),
    "DELE, RSET and no QUIT": ([pop3("C DELE 1", "S +OK", "C RSET", "S +OK").close()], set()),
    "RSET, DELE and no QUIT": ([pop3("C RSET", "S +OK", "C DELE 1", "S +OK").close()], {"deletions-undone"}),
    "DELE refused": ([pop3("C DELE 9", "S -ERR no such message").close()], set()),
    "DELE, and the capture ends": ([pop3("C DELE 1", "S +OK")], set()),
    "QUIT without answer": ([pop3("C DELE 1", "S +OK", "C QUIT").close()], {"deletions-in-doubt"}),
    "QUIT without answer, nothing marked": ([pop3("C QUIT").close()], set()),
    "the mailbox is in use": (
        [Talk(server_port=110).open().say(*POP3[:4], "S -ERR [IN-USE] locked").close()],
        {"mailbox-in-use"},
    ),
    "a wrong password": ([Talk(server_port=110).open().say(*POP3[:4], "S -ERR [AUTH] no").close()], {"login-refused"}),
    "reset at RETR": ([pop3("C RETR 1").segment(1, "R")], {"server-hung-up", "connection-reset"}),
    "closed by the server at RETR": ([pop3("C RETR 1").segment(1, "FA").segment(0, "FA")], {"server-hung-up"}),
    "the client leaves in the middle": ([pop3("C RETR 1").close()], set()),
    "closed instead of greeting": (
        [Talk(server_port=110).open().segment(1, "FA").segment(0, "FA").segment(1, "A")],
        {"server-hung-up"},
    ),
    "IDLE without DONE": ([imap("C a3 IDLE", "S + idling").close()], set()),
    "over quota": ([imap("C a3 COPY 1 Archive", "S a3 NO [OVERQUOTA] full").close()], {"over-quota"}),
    "no such folder": ([imap("C a3 COPY 1 Nowhere", "S a3 NO [TRYCREATE] none").close()], {"no-such-folder"}),
    "MOVE answered": ([imap(MOVE, "S * 1 EXPUNGE", "S a3 OK moved").close()], set()),
    "MOVE refused": ([imap(MOVE, "S a3 NO [OVERQUOTA] full").close()], {"over-quota"}),
    "MOVE without answer": ([imap(MOVE).close()], {"move-interrupted"}),
    "MOVE, and the capture ends": ([imap(MOVE)], set()),
}


@pytest.mark.parametrize(("talks", "codes"), CASES.values(), ids=CASES)
def test_the_cause_is_named_and_nothing_else(talks: list[Talk], codes: set[str]) -> None:
    findings = {finding.code for finding in watch(*talks).findings}
    assert findings - {"credentials-in-clear"} == codes


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ("S * SEARCH 6 7", "a later session found it still in INBOX"),
        ("S * SEARCH 6", "a later session found it no longer in INBOX, so Archive has it"),
        ("S * SEARCH", "a later session found it no longer in INBOX, so Archive has it"),
    ],
)
def test_a_later_look_tells_which_folder_has_it(found: str, told: str) -> None:
    [finding] = [f for f in watch(imap(MOVE).close(), look(found)).findings if f.code == "move-interrupted"]
    assert finding.text.endswith(told)
    assert finding.connections == (1, 2)


@pytest.mark.parametrize(("uids", "told"), [(range(100, 160), "no longer in INBOX"), (range(7, 60), "still in INBOX")])
def test_a_list_longer_than_is_shown_tells_it_too(uids: range, told: str) -> None:
    listed = " ".join(map(str, uids))
    [finding] = [f for f in watch(imap(MOVE).close(), look(f"S * SEARCH {listed}")).findings if "move" in f.code]
    assert told in finding.text


OUTCOMES = {
    "logged in as bob, 3 listed, 1 retrieved": pop3(
        "C STAT", "S +OK 3 900", "C RETR 1", "S +OK", "S x", "S .", "C QUIT", "S +OK"
    ),
    "logged in as bob, 2 listed": pop3("C LIST", "S +OK", "S 1 9", "S 2 9", "S .", "C QUIT", "S +OK"),
    "logged in as bob, 0 listed, no reply to RETR": pop3("C UIDL", "S +OK", "S .", "C RETR 1"),
    "logged in as bob, 2 listed, 1 search": imap("C a3 SEARCH ALL", "S * SEARCH 1 2", "S a3 OK"),
    "logged in as bob, 2 listed, no reply to UID MOVE": imap(MOVE),
    # What a server says in words is no count of anything.
    "logged in as bob": pop3("C STAT", "S +OK \u00b2 9"),
    "logged in as bob, 1 listed": pop3("C UIDL", "S +OK", "S 77 lines, 5 octets", "S ."),
    "logged in as bob, 60 listed": pop3("C UIDL", "S +OK", *(f"S {number} x" for number in range(60)), "S ."),
    "closed normally": Talk(server_port=143).open().say("S * OK", "C a SELECT INBOX", "S a OK done, 99 EXISTS"),
}


@pytest.mark.parametrize(("told", "talk"), OUTCOMES.items(), ids=OUTCOMES)
def test_the_outcome_says_who_and_how_many(told: str, talk: Talk) -> None:
    [connection] = watch(talk.close()).connections
    assert connection.outcome == told


@pytest.mark.parametrize(
    ("asked", "came", "number"),
    [
        ("1 BODY[]", ["S * 1 FETCH (BODY[] NIL)"], 1),
        ("1:3 (FLAGS BODY.PEEK[])", [*(f"S * {n} FETCH (BODY[] NIL)" for n in (1, 2, 3)), "S * 3 EXISTS"], 3),
        (f"{'1,' * 400}1 BODY[]", ["S * 1 FETCH (BODY[] NIL)"], 1),
        ("1 BODY[]", [*(f"S * K{n} x" for n in range(120)), "S * 1 FETCH (BODY[] NIL)"], 1),
        ("1 rfc822", ["S * 1 FETCH (RFC822 NIL)"], 1),
        ("1 (RFC822.SIZE)", ["S * 1 FETCH (RFC822.SIZE 7)"], 0),
        ("1 RFC822.HEADER", ["S * 1 FETCH (RFC822.HEADER NIL)"], 0),
        ("1 BODY[HEADER]", ["S * 1 FETCH (BODY[HEADER] NIL)"], 0),
        ("1 BODY[]<0.100>", ["S * 1 FETCH (BODY[]<0> NIL)"], 0),
        ("1 (RFC822.HEADER BODY.PEEK[TEXT])", ["S * 1 FETCH (RFC822.HEADER NIL BODY[TEXT] NIL)"], 1),
        ("1 BODY.PEEK[TEXT]", ["S * 1 FETCH (BODY[TEXT] NIL)"], 0),
        ("9 BODY[]", [], 0),
    ],
)
def test_only_whole_messages_count_as_fetched(asked: str, came: list[str], number: int) -> None:
    [connection] = watch(imap(f"C a3 UID FETCH {asked}", *came, "S a3 OK done, 8 FETCH").close()).connections
    assert sum(reading_result(exchange).fetched for exchange in connection.exchanges) == number


@pytest.mark.parametrize(("header_of", "number"), [("1", 1), ("2", 0)])
def test_header_and_text_fetched_one_after_the_other_are_a_message(header_of: str, number: int) -> None:
    """As fetchmail does it."""
    header = (f"C a3 FETCH {header_of} RFC822.HEADER", f"S * {header_of} FETCH (RFC822.HEADER NIL)", "S a3 OK")
    text = ("C a4 FETCH 1 BODY.PEEK[TEXT]", "S * 1 FETCH (BODY[TEXT] NIL)", "S a4 OK")
    [connection] = watch(imap(*header, *text).close()).connections
    assert sum(reading_result(exchange).fetched for exchange in connection.exchanges) == number


@pytest.mark.parametrize(("lines", "number"), [("99999999", 1), ("4", 1), ("3", 0), ("0", 0)])
def test_top_with_all_lines_is_a_message(lines: str, number: int) -> None:
    talk = pop3(f"C TOP 1 {lines}", "S +OK", "S Subject: x", "S ", "S Hello", "S there", "S .")
    [connection] = watch(talk.close()).connections
    assert sum(reading_result(exchange).fetched for exchange in connection.exchanges) == number


@pytest.mark.parametrize(
    ("talk", "told"),
    [
        (pop3("C DELE 1", "S +OK", "C QUIT", "S +OK"), True),
        (pop3("C DELE 1", "S +OK", "C QUIT"), True),  # it may have, and only the reply is lost
        (pop3("C DELE 1", "S +OK"), False),
        (pop3("C DELE 1", "S -ERR", "C QUIT", "S +OK"), False),
        (pop3("C DELE 1", "S +OK", "C RSET", "S +OK", "C QUIT", "S +OK"), False),
        (imap("C a3 UID EXPUNGE 1", "S a3 OK"), True),
        (imap(MOVE, "S a3 OK"), False),
    ],
)
def test_a_deletion_shows_on_the_wire(talk: Talk, told: bool) -> None:
    [connection] = watch(talk.close()).connections
    assert deletes(connection) == told

"""Who reads, and what a scenario can get wrong about it."""

from __future__ import annotations

import pytest

from testbed.scenario.load import ScenarioError, parse
from testbed.scenario.readers import served

HEAD = "title: x\nhosts: {someschool.edu: {mailboxes: {bob: {folders: [Archive], aliases: [robert]}}}}\n"
SEND = "  - send: {to: bob@someschool.edu}\n"
END = "expect:\n  - delivered: {to: bob@someschool.edu}\n"


def reading(parts: str) -> str:
    return f"{HEAD}steps:\n{SEND}  - read: {{{parts}}}\n{END}"


def said(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    return [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("via: pop3", "'mailbox' is missing in 'read'"),
        (
            "mailbox: bo@someschool.edu",
            "no host has the mailbox bo@someschool.edu (did you mean 'bob@someschool.edu'?)",
        ),
        ("mailbox: robert@someschool.edu", "no host has the mailbox robert@someschool.edu"),
        ("mailbox: bob@someschool.edu, via: http", "'http' is not one of pop3, imap"),
        (
            "mailbox: bob@someschool.edu, search: Lunch",
            "'search' needs 'via: imap'; POP3 knows one folder, and cannot search or file",
        ),
        (
            "mailbox: bob@someschool.edu, via: imap, move: Archiv",
            "the mailbox bob@someschool.edu has no folder 'Archiv' (did you mean 'Archive'?)",
        ),
        (
            "mailbox: bob@someschool.edu, via: imap, move: Archive, delete: true",
            "a message that is moved is not deleted; leave out 'move' or 'delete'",
        ),
        (
            "mailbox: bob@someschool.edu, stay: 5m, quit: false",
            "'stay' ends with a goodbye; leave out 'stay' or 'quit: false'",
        ),
        ("mailbox: bob@someschool.edu, by: crepes.fr", "crepes.fr is not a user agent; its role is relay"),
    ],
)
def test_what_cannot_be_read_is_told(parts: str, message: str) -> None:
    [found] = said(reading(parts))
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("on: POP3 DELE, reply: 550 No", "'550 No' is not a POP3 reply; write e.g. -ERR [SYS/TEMP] Try again later"),
        (
            "on: IMAP MOVE, reply: -ERR No",
            "'-ERR No' is not an IMAP reply; write e.g. NO [UNAVAILABLE] Try again later",
        ),
        ("on: RCPT, reply: NO never", "'NO never' is not an SMTP reply; write e.g. 452 4.2.2 Mailbox full"),
        (
            "on: IMAP MOVE, then: drip",
            "IMAP servers do one of close, reset, stall, crash, after the command or the act",
        ),
        ("on: IMAP MOV, then: reset", "'IMAP MOV' is not one of IMAP connect, IMAP CAPABILITY"),
    ],
)
def test_faults_speak_the_language_of_their_protocol(fault: str, message: str) -> None:
    text = f"{HEAD}faults:\n  - {{at: someschool.edu, {fault}}}\nsteps:\n{SEND}{END}"
    [found] = said(text)
    assert found.startswith(message)


def test_two_mailboxes_do_not_share_a_name() -> None:
    text = HEAD.replace("aliases: [robert]", "aliases: [carol]").replace("}}}}", "}, carol: {}}}}")
    assert said(f"{text}steps:\n{SEND}{END}") == ["the name 'carol' is given to two mailboxes"]


def test_a_reader_has_a_user_agent_and_nobody_else() -> None:
    hosts = parse(reading("mailbox: bob@someschool.edu")).hosts
    assert list(hosts) == ["alice.crepes.fr", "crepes.fr", "someschool.edu", "ns.lab", "bob.someschool.edu"]
    assert list(parse(f"{HEAD}steps:\n{SEND}{END}").hosts) == list(hosts)[:4]


def test_an_own_user_agent_takes_its_place() -> None:
    text = HEAD.replace("hosts: {", "hosts: {desk: {address: bob@someschool.edu}, ")
    hosts = parse(f"{text}steps:\n{SEND}  - read: {{mailbox: bob@someschool.edu}}\n{END}").hosts
    assert "bob.someschool.edu" not in hosts


def test_who_only_reads_sends_nothing() -> None:
    text = reading("mailbox: bob@someschool.edu").replace("send: {", "send: {via: bob.someschool.edu, ")
    assert said(text)


@pytest.mark.parametrize(
    ("parts", "protocols"),
    [("mailbox: bob@someschool.edu", {"pop3"}), ("mailbox: bob@someschool.edu, via: imap", {"imap"})],
)
def test_a_host_serves_what_the_steps_need(parts: str, protocols: set[str]) -> None:
    scenario = parse(reading(parts))
    assert served(scenario, "someschool.edu") == protocols
    assert served(scenario, "crepes.fr") == set()


def test_a_host_serves_what_it_says() -> None:
    text = reading("mailbox: bob@someschool.edu").replace("{mailboxes", "{serves: [imap], mailboxes")
    assert served(parse(text), "someschool.edu") == {"imap"}

"""The words of the step ``talk``: what octets stand for, and what is no way to say something."""

from __future__ import annotations

import pytest

from testbed.scenario.load import parse
from testbed.scenario.octets import octets_of
from testbed.scenario.problems import ScenarioError
from testbed.scenario.talk import OctetsSaid, TalkStep

FRAME = "title: T\nexpect: [{queued: {at: crepes.fr}}]\nsteps:\n  - talk:\n      to: someschool.edu\n      say:\n"


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("a<CRLF>.<LF>.<CR><NUL>", b"a\r\n.\n.\r\0"),
        ("MAIL FROM:<CR@LF>", b"MAIL FROM:<CR@LF>"),
        ("<crlf>", b"<crlf>"),
        ("\x00é\xff\n", b"\0\xe9\xff\n"),
    ],
)
def test_octets(text: str, octets: bytes) -> None:
    assert octets_of(text) == octets


def test_who_talks_is_the_only_user_agent_unless_said() -> None:
    scenario = parse(FRAME + "        - EHLO x\n        - {octets: ab, times: 2}\n        - then: reset\n")
    [step] = scenario.steps
    assert isinstance(step, TalkStep)
    assert (step.sender, step.port, step.line) == ("alice.crepes.fr", 25, 4)
    assert isinstance(step.say[1], OctetsSaid)
    assert step.say[1].content == b"abab"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "- {octet: x}",
            "7:11: what is said is a line, a list said in one breath, or one of 'line', 'octets', 'wait', 'tls' an",
        ),
        ("- {octets: x, time: 3}", "7:23: unknown key 'time' (did you mean 'times'?)"),
        ("- [NOOP, {octets: x, time: 3}]", "7:30: unknown key 'time' (did you mean 'times'?)"),
        ("- {octets: x, times: 0}", "7:30: 'times' must be at least 1, not 0"),
        ("- {octets: xx, times: 50000000}", "5:7: 'say' is longer than 50,000,000 octets"),
        ("- {octets: ł}", "7:20: 'ł' is not an octet; write the octets of its UTF-8 as \\x.. in double quotes"),
        ("- ł", "7:11: 'ł' is not an octet"),
        ('- "NOOP\\r\\n"', "7:11: a line is sent with one CRLF behind it; write 'octets' for other line ends"),
        ("- then: vanish", "7:17: 'vanish' is not one of close, half-close, reset"),
        ("- wait: soon", "7:17: 'soon' is not a duration"),
        ("- [NOOP, wait: 1s]", "7:18: in one breath come lines and 'octets'"),
        ("- []", "7:11: 'say' is empty; it needs at least one entry"),
        ("- 5", "7:11: what is said is a line"),
        ("- {line: NOOP, replay: 250}", "7:24: unknown key 'replay' (did you mean 'reply'?)"),
        ("- {line: NOOP, reply: +OK}", "7:31: '+OK' is not a reply of SMTP; write 250, 452 4.2.2, 5.. for any refusal"),
        ("- [QUIT, {line: NOOP, reply: [250, 99]}]", "7:38: '99' is not a reply of SMTP"),
        ("- {line: NOOP, reply: true}", "7:31: 'reply' must be text, not true or false"),
        ('- {line: NOOP, text: ""}', "7:30: 'text' is empty"),
        ("- tls: end", "7:16: 'end' is not one of begin"),
        ("- tls: begin", "7:11: someschool.edu has no TLS; give the host 'starttls: true'"),
    ],
)
def test_what_is_no_way_to_say_something(line: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(FRAME + f"        {line}\n", "f")
    assert str(caught.value.problems[0]).removeprefix("f:").startswith(said)


def test_nothing_is_said_behind_the_end() -> None:
    with pytest.raises(ScenarioError, match="nothing can be said behind 'then'; it ends the talk"):
        parse(FRAME + "        - then: close\n        - QUIT\n")


def test_its_hosts_must_be_there() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(FRAME.replace("someschool.edu", "nowhere.example\n      from: mallory") + "        - QUIT\n")
    assert [problem.message for problem in caught.value.problems] == [
        "there is no host 'nowhere.example'",
        "there is no host 'mallory'",
    ]


@pytest.mark.parametrize(
    ("keys", "service", "port"),
    [
        ({}, "smtp", 25),
        ({"service": "pop3"}, "pop3", 110),
        ({"service": "imap", "tls": "implicit"}, "imap", 993),
        ({"service": "submission", "tls": "implicit"}, "submission", 465),
        ({"port": 995}, "pop3", 995),
        ({"port": 587}, "submission", 587),
        ({"port": 2525}, "smtp", 2525),
        ({"service": "lmtp", "port": 2525}, "lmtp", 2525),
    ],
)
def test_service_and_port_tell_each_other(keys: dict[str, object], service: str, port: int) -> None:
    step = TalkStep.model_validate({"from": "a", "to": "b", "say": ["QUIT"], **keys})
    assert (step.service, step.port) == (service, port)


@pytest.mark.parametrize(
    ("keys", "say", "said"),
    [
        ("service: imap", "{line: a NOOP, reply: +OK}", "'+OK' is not a reply of IMAP; write OK, NO, BAD"),
        ("service: pop3", "{line: NOOP, reply: 250}", "'250' is not a reply of POP3; write +OK, -ERR"),
        ("service: smtp", "{line: NOOP, reply: 25.}", "'25.0' is not a reply of SMTP"),
        ("greeting: OK", "QUIT", "'OK' is not a reply of SMTP"),
        ("service: pop4", "QUIT", "'pop4' is not one of smtp, submission, lmtp, pop3, imap, managesieve"),
        ("service: managesieve", "LOGOUT", "someschool.edu has no ManageSieve server; put a program in its place"),
        ("service: submission", "QUIT", "someschool.edu takes mail on port 25 only; say 'service: smtp'"),
        ("tls: implicit", "QUIT", "someschool.edu has no TLS; give the host 'starttls: true'"),
        ("{service: lmtp, tls: implicit}", "QUIT", "lmtp has no port of its own for TLS; say 'port'"),
    ],
)
def test_what_a_service_cannot_do(keys: str, say: str, said: str) -> None:
    lines = "\n      ".join(keys.strip("{}").split(", "))
    with pytest.raises(ScenarioError) as caught:
        parse(FRAME.replace("      say:", f"      {lines}\n      say:") + f"        - {say}\n")
    assert said in str(caught.value.problems[0])

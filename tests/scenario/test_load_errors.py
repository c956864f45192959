"""Every kind of mistake: its place, its sentence, its hint."""

from pathlib import Path

import pytest

from testbed.errors import UsageError
from testbed.scenario.expectations import EXPECTATIONS
from testbed.scenario.load import discover, load_all, parse
from testbed.scenario.problems import ScenarioError
from testbed.scenario.reach import Reach

VALID = """\
title: T
steps:
  - send: {to: bob@someschool.edu}
expect:
  - delivered: {to: bob@someschool.edu}
"""
KEYS = (
    "title, about, rfc, like, needs, seed, compress, ip, addresses, matrix, hosts, faults, steps, expect, settle, ours"
)
TIMES = "write a whole number from 1 up, or e.g. 'up to 5', or always"
DURATION = "is not a duration; write e.g. 300ms, 40m, 2h, 5d or 1d 12h"
SIZE = "is not a size; write e.g. 512, 20 KB or 5 MiB"
ADDRESS = "is no mail address; write e.g. bob@someschool.edu"
LAB = "there is no host 'crepe.fr' (did you mean 'crepes.fr'?)"
WIRE = "between: [crepes.fr, someschool.edu]"


def problems(text):
    """What is said of a text, one line each, without the file's name."""
    with pytest.raises(ScenarioError) as caught:
        parse(text, "f")
    return [str(problem).removeprefix("f:") for problem in caught.value.problems]


def hosts(*lines):
    return VALID + "hosts:\n" + "".join(f"  {line}\n" for line in lines)


def fault(line):
    return f"{VALID}faults:\n  - {line}\n"


def step(line):
    return f"title: T\nexpect:\n  - delivered: {{to: bob@someschool.edu}}\nsteps:\n  - {line}\n"


def expect(line):
    return f"title: T\nsteps:\n  - send: {{to: bob@someschool.edu}}\nexpect:\n  - {line}\n"


def title(value):
    return VALID.replace("title: T", f"title: {value}")


def check_all(table):
    return pytest.mark.parametrize(("text", "said"), [pytest.param(t, s, id=s[:90]) for t, s in table])


@check_all(
    [
        (VALID + "titel: x\n", "6:1: unknown key 'titel' (did you mean 'title'?)"),
        (VALID + "HOST: {}\n", "6:1: unknown key 'HOST' (did you mean 'hosts'?)"),
        (VALID + "zzzzz: 1\n", f"6:1: unknown key 'zzzzz'; known: {KEYS}"),
        (VALID + "1: b\n", f"6:1: unknown key '1'; known: {KEYS}"),
        (VALID + "<<: {rfc: x}\n", f"6:1: unknown key '<<'; known: {KEYS}"),
        (VALID + "title: U\n", "6:1: 'title' is given twice; the first is at line 1"),
        (VALID + "? [a]\n: b\n", "6:3: a key must be a plain word"),
        (VALID + "? {a: b}\n: b\n", "6:3: a key must be a plain word"),
        (title("''"), "1:8: 'title' is empty"),
        (title("5"), "1:8: 'title' must be text, not '5'"),
        (title("[a]"), "1:8: 'title' must be text, not a list"),
        (title("{a: b}"), "1:8: 'title' must be text, not a mapping"),
        (title("true"), "1:8: 'title' must be text, not true or false"),
        (title(""), "1:1: 'title' must be text, not nothing"),
        (title("~"), "1:8: 'title' must be text, not nothing"),
        (title('"a\\nb"'), "1:8: 'a·b' is no title: one line without control characters"),
        (title("x" * 201), "1:8: 'title' is longer than 200 characters"),
        (VALID + "seed: -1\n", "6:7: 'seed' must be at least 0, not -1"),
        (VALID + "seed: 1.5\n", "6:7: 'seed' must be a whole number, not '1.5'"),
        (VALID + "seed: x\n", "6:7: 'seed' must be a whole number, not text"),
        (VALID + "seed: 1e400\n", "6:7: 'seed' must be a whole number, not 'inf'"),
        (VALID + f"seed: {'9' * 5000}\n", "6:7: 'seed' must be a whole number, not text"),
        (
            VALID + "seed: 9223372036854775808\n",
            "6:7: 'seed' must be below 9,223,372,036,854,775,808, not 9223372036854775808",
        ),
        (VALID + "ip: ipv5\n", "6:5: 'ipv5' is not one of ipv4, ipv6, both (did you mean 'ipv6'?)"),
        (VALID + "ip: 6\n", "6:5: '6' is not one of ipv4, ipv6, both"),
        (VALID + "hosts: []\n", "6:8: 'hosts' must be a mapping (name: value), not a list"),
        (VALID + "hosts: x\n", "6:8: 'hosts' must be a mapping (name: value), not text"),
        (VALID + "faults: {}\n", "6:9: 'faults' must be a list, not a mapping"),
    ]
)
def test_the_scenario_itself(text, said):
    assert problems(text) == [said]


@check_all(
    [
        (hosts("h: {}"), "7:6: say the role of 'h': user-agent, relay, receiver, webmail, client, name-server"),
        (hosts("h:"), "7:3: say the role of 'h': user-agent, relay, receiver, webmail, client, name-server"),
        (hosts("h: 5"), "7:6: 'h' must be a mapping (name: value)"),
        (hosts("h: [a]"), "7:6: 'h' must be a mapping (name: value)"),
        (hosts("h: {role: relai}"), "7:13: unknown role 'relai' (did you mean 'relay'?)"),
        (hosts("h: {role: 5}"), "7:13: unknown role '5'"),
        (hosts("h: {role: receiver, mailboxs: []}"), "7:23: unknown key 'mailboxs' (did you mean 'mailboxes'?)"),
        (hosts("crepes.fr: {giveup: 5d}"), "7:15: unknown key 'giveup' (did you mean 'give_up'?)"),
        (
            hosts("ns.lab: {mailboxes: [a]}"),
            "7:12: unknown key 'mailboxes'; known: role, records, blocklists, dnssec, program, command, files, listens,"
            " environment, private, users, configured, stores, holds, time, ready_within, stop_within, ptr",
        ),
        *(
            (
                hosts(f"h: {{mailboxes: {value}, mx: 1}}"),
                "7:18: 'mailboxes' is a list of names, or a mapping of names to quotas",
            )
            for value in ("bob", "[1]", "[bob, [bob]]", "5")
        ),
        (hosts("h: {mailboxes: {bob: {quot: 1}}}"), "7:25: unknown key 'quot' (did you mean 'quota'?)"),
        (hosts("h: {mailboxes: {bob: {quota: 1x}}}"), f"7:32: '1x' {SIZE}"),
        (hosts("h: {mailboxes: {bob: 5}}"), "7:24: 'bob' must be a mapping (name: value), not '5'"),
        (
            hosts("h: {mailboxes: {bob: {filled: 200 GB}}}"),
            "7:33: 'filled' must be at most 100,000,000,000, not 200000000000",
        ),
        (hosts("h: {mx: 70000}"), "7:11: 'mx' must be at most 65,535, not 70000"),
        (hosts("h: {mx: -1}"), "7:11: 'mx' must be at least 0, not -1"),
        (hosts("h: {mx: x}"), "7:11: 'mx' must be a whole number, not text"),
        (hosts("carol: {server: crepes.fr}"), "7:10: 'address' is missing in 'carol'"),
        (hosts("carol: {server: crepes.fr}"), "7:10: 'address' is missing in 'carol'"),
        (hosts("carol: {address: carol, server: crepes.fr}"), f"7:20: 'carol' {ADDRESS}"),
        (hosts("h: {mx: 1, rate_limit: 0 per 1h}"), "7:26: '0 per 1h' is not a rate; write e.g. 2 per 1h"),
        (hosts("h: {mx: 1, rate_limit: 5}"), "7:26: '5' is not a rate; write e.g. 2 per 1h"),
        (
            hosts("h: {mx: 1, rate_limit: {messages: 2 per 1h, reply: 250 Fine}}"),
            "7:54: '250 Fine' refuses nothing; write e.g. 421 4.7.0 Too many messages",
        ),
        (hosts("h: {mx: 1, rate_limit: {reply: 421 Slow}}"), "7:26: 'messages' is missing in 'rate_limit'"),
        (
            hosts("someschool.edu: {lmtp: 25}"),
            "7:26: port 25 is that of SMTP; LMTP has 24, or another of its own (RFC 2033 §5)",
        ),
        (
            hosts("someschool.edu: {smtp: false}"),
            "7:26: someschool.edu takes no mail at all; say 'lmtp: 24' besides",
        ),
        (
            hosts("crepes.fr: {routes: {someschool.edu: {lmtp: someschool.edu}}}"),
            "7:40: someschool.edu takes no mail at port 24 (but at 25); say 'lmtp: 24' there, or another 'port' here",
        ),
        (
            hosts("crepes.fr: {routes: {someschool.edu: {lmtp: someschol.edu}}}"),
            "7:47: there is no host 'someschol.edu' (did you mean 'someschool.edu'?)",
        ),
        (
            hosts("crepes.fr: {routes: {someschool.edu: {port: 24}}}"),
            "7:40: a route is 'smtp' or 'lmtp' with the host it leads to; write e.g. {lmtp: someschool.edu}",
        ),
        (hosts("crepes.fr: {reuse_connections: 30}"), f"7:34: '30' {DURATION}"),
        (
            hosts("crepes.fr: {reuse_connections: {idle: 30s, messages: 0}}"),
            "7:56: 'messages' must be at least 1, not 0",
        ),
        (
            hosts("crepes.fr: {forward: {bob: bob@crepes.fr}}"),
            "7:30: 'bob@crepes.fr' is not elsewhere: crepes.fr serves it itself",
        ),
        (hosts("alice.crepes.fr: {port: 26}"), "7:27: '26' is not one of 25, 465, 587"),
        (hosts("crepes.fr: {retry: []}"), "7:22: 'retry' is empty; it needs at least one entry"),
        (hosts("crepes.fr: {retry: 10}"), f"7:22: '10' {DURATION}"),
        (hosts("crepes.fr: {retry: [1h, x]}"), f"7:27: 'x' {DURATION}"),
        (hosts("crepes.fr: {give_up: never}"), f"7:24: 'never' {DURATION}"),
        (
            hosts("crepes.fr: {retry: 0s}"),
            "7:22: a relay that tries again within a second hammers its peers; write 1s or more",
        ),
    ]
)
def test_hosts(text, said):
    assert problems(text) == [said]


NO_PLACE = (
    "7:5: a fault says where: 'at' a server, 'host', 'mailbox', 'link', 'between' two hosts, 'zone', 'tls', or 'policy'"
)
ONE_THING = (
    "7:5: a wire fault does one thing: lose, duplicate, corrupt, truncate, zero_window, jitter, bandwidth, mtu, delay, "
    "reorder, reset, unreachable or forget"
)
STAGES = "connect, HELO, EHLO, LHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, message, QUIT, RSET, NOOP, VRFY, POP3 …, IMAP …"
AT = "at: someschool.edu, on: RCPT"


AFTER = "'after' goes with what is no answer: close, reset, stall, deaf, sip or crash"
PACE = "'pace' goes with 'then: drip' or sip, and is no less than 1ms"
OCTET = "'octet' goes with 'on: message', and with 'reply', 'raw' or one of close, reset, stall, deaf, sip, crash"
NO_END = "no last line; write e.g. 452 4.2.2 Mailbox full"
CLIENT = "a client does one of close, reset, stall, crash when it has heard the reply"
AGENT = "it can close, reset or stall, and answers nobody"


@check_all(
    [
        *((fault(line), NO_PLACE) for line in ("{}", "x", "5", "[]", "{on: RCPT}")),
        (fault("{at: someschool.edu, then: close}"), "7:5: 'on' is missing in 'faults'"),
        (fault(f"{{{AT}}}"), "7:5: the fault does nothing: give it 'reply', 'raw', 'delay' or 'then'"),
        (
            fault("{at: someschool.edu, on: RCTP, then: close}"),
            f"7:30: 'RCTP' is not one of {STAGES} (did you mean 'RCPT'?)",
        ),
        (
            fault("{at: someschool.edu, on: rcpt, then: close}"),
            f"7:30: 'rcpt' is not one of {STAGES} (did you mean 'RCPT'?)",
        ),
        (
            fault(f"{{{AT}, then: explode}}"),
            "7:42: 'explode' is not one of close, reset, stall, deaf, sip, drip, garble, endless, crash",
        ),
        *(
            (
                fault(f"{{{AT}, reply: {reply}}}"),
                f"7:43: '{reply}' is not an SMTP reply; write e.g. 452 4.2.2 Mailbox full",
            )
            for reply in ("99", "600", "hello", "4520", "452-x")
        ),
        *(
            (fault(f"{{{AT}, reply: {reply}}}"), f"7:43: {message}")
            for reply, message in {
                "[452-a, 452-b]": f"line 2 of the reply, '452-b', is {NO_END}",
                '"452-a\\r\\nwhat"': f"line 2 of the reply, 'what', is {NO_END}",
                "[452 a, 452 b]": "line 1 of the reply, '452 a', is not one that others follow; write e.g. 452-4.2.2 "
                "Mailbox full",
                "[452-a, {b: c}]": "'{'b': 'c'}' is no line of a reply; write one line in each entry",
                "[]": "a reply has at least one line",
            }.items()
        ),
        (fault(f"{{{AT}, raw: ł}}"), "7:41: 'ł' is no octet; write the octets of its UTF-8 as \\x.. in double quotes"),
        (fault(f"{{{AT}, delay: soon}}"), f"7:43: 'soon' {DURATION}"),
        (fault(f"{{{AT}, reply: true}}"), "7:43: 'reply' must be text, not true or false"),
        (
            fault(f"{{{AT}, reply: 452, times: 0}}"),
            f"7:55: '0' is not how often; {TIMES}",
        ),
        (
            fault(f"{{{AT}, reply: 452, times: many}}"),
            f"7:55: 'many' is not how often; {TIMES}",
        ),
        (fault(f"{{{AT}, reply: 452, recipient: bob}}"), f"7:59: 'bob' {ADDRESS}"),
        (fault(f"{{{AT}, replay: 452}}"), "7:36: unknown key 'replay' (did you mean 'reply'?)"),
        (
            fault("{at: someschool.edu, on: DATA, reply: 452, recipient: bob@someschool.edu}"),
            "7:5: 'recipient' goes with 'on: RCPT', or where LMTP is spoken with 'on: message'",
        ),
        (
            fault("{at: someschool.edu, on: message, reply: 452, recipient: bob@someschool.edu}"),
            "7:62: someschool.edu answers a message once for all; with 'lmtp: true', for each recipient",
        ),
        (
            fault("{at: someschool.edu, on: LHLO, reply: 421 4.3.2 Later}"),
            "7:30: someschool.edu speaks no LMTP; say 'lmtp: true' there",
        ),
        (
            fault(f"{{{AT}, then: close, host: crepes.fr}}"),
            "7:49: unknown key 'host'; known: at, as, on, reply, raw, delay, then, after, octet, pace, restart, "
            "times, recipient, mail_from, from, until, nth, "
            "chance, connection",
        ),
        *(
            (fault(f"{{at: someschool.edu, {keys}}}"), f"7:5: {message}")
            for keys, message in {
                "on: RCPT, reply: 450, restart: 5m": "'restart' goes with 'then: crash' only",
                "on: RCPT, then: stall, pace: 5s": PACE,
                "on: RCPT, then: drip, pace: 0": PACE,
                "on: EHLO, then: stall, mail_from: <>": "'mail_from' goes with 'on: MAIL', RCPT, DATA or message",
                "on: RCPT, reply: 450, then: garble": "'then: garble' is an answer itself; leave 'reply' out",
                "on: RCPT, then: drip, after: reply": AFTER,
                "on: RCPT, reply: 450, after: act": AFTER,
                "on: RCPT, reply: 450, raw: x": "it answers with 'reply' or with 'raw', not with both",
                "on: RCPT, raw: x, then: endless": "'then: endless' is an answer itself; leave 'raw' out",
                "on: RCPT, delay: 5s, as: client": CLIENT,
                "on: RCPT, delay: 5s, after: act": AFTER,
                "on: IMAP LOGIN, raw: x": "'raw' is for SMTP and POP3; an IMAP server puts the tag before its 'reply'",
                "on: RCPT, then: stall, octet: 100": OCTET,
                "on: RCPT, reply: 552, octet: 100": OCTET,
                "on: message, delay: 5s, octet: 100": OCTET,
                "on: message, then: drip, octet: 100": OCTET,
                "on: RCPT, then: drip, as: client": CLIENT,
                "on: RCPT, reply: 450, as: client": CLIENT,
            }.items()
        ),
        (fault("{at: alice.crepes.fr, on: RCPT, reply: 450}"), f"7:10: alice.crepes.fr is a user agent: {AGENT}"),
        (
            fault("{at: alice.crepes.fr, on: RCPT, delay: 5s, then: stall}"),
            f"7:10: alice.crepes.fr is a user agent: {AGENT}",
        ),
        (fault("{at: alice.crepes.fr, on: RCPT, then: crash}"), f"7:10: alice.crepes.fr is a user agent: {AGENT}"),
        (
            fault("{at: someschool.edu, on: RCPT, then: stall, as: client}"),
            "7:10: someschool.edu is no relay; its role is receiver",
        ),
        (
            fault("{host: alice.crepes.fr, is: crashed}"),
            "7:12: alice.crepes.fr is no mail server; its role is user-agent",
        ),
        (fault("{host: crepes.fr}"), "7:5: 'is' is missing in 'faults'"),
        (
            fault("{host: crepes.fr, is: dead}"),
            "7:27: 'dead' is not one of silent, refused, unreachable, crashed, full-disk (did you mean 'silent'?)",
        ),
        (fault("{host: crepes.fr, is: silent, from: 2h, until: 1h}"), "7:5: 'until' must come after 'from'"),
        (fault("{host: crepes.fr, is: silent, until: 0}"), "7:5: 'until' must come after 'from'"),
        (fault("{host: crepes.fr, is: silent, until: 5}"), f"7:42: '5' {DURATION}"),
        (fault("{host: crepes.fr, is: silent, form: 5s}"), "7:35: unknown key 'form' (did you mean 'from'?)"),
        (fault("{host: '', is: silent}"), "7:12: 'host' is empty"),
        (fault("{host: 5, is: silent}"), "7:12: 'host' must be text, not '5'"),
        (fault("{zone: someschool.edu}"), "7:5: a zone fault does one thing: 'answer' or 'records'"),
        (
            fault("{zone: someschool.edu, answer: NXDOMIAN}"),
            "7:36: 'NXDOMIAN' is not one of NXDOMAIN, SERVFAIL, REFUSED, silent, truncated, garbled, wrong-id, "
            "nothing, null-mx, loop, edns-dropped, edns-formerr, edns-badvers, edns-ignored, edns-small, "
            "large-dropped, bogus, expired, missing-ds, everything-listed, over-quota (did you mean 'NXDOMAIN'?)",
        ),
        (
            fault("{zone: someschool.edu, kind: MX, records: [MX 10 a.edu]}"),
            "7:5: 'records' says itself of which types; leave 'kind' out",
        ),
        (
            fault("{zone: someschool.edu, kind: A, answer: null-mx}"),
            "7:5: 'null-mx' is an answer to questions for MX only",
        ),
        (
            fault("{zone: someschool.edu, answer: silent, connection: 1}"),
            "7:5: 'connection' does not go with 'zone': questions are datagrams",
        ),
        (
            fault("{zone: someschool.edu, records: [MX mx1.someschool.edu]}"),
            "7:38: this is no MX record: expecting an integer; write e.g. MX 10 mx1.someschool.edu.",
        ),
        (
            fault("{zone: someschool.edu, records: [A fd00::1]}"),
            "7:38: 'fd00::1' is no IPv4 address, which A needs",
        ),
        (
            fault("{zone: someschool.edu, records: [CNAME a.edu, MX 10 a.edu]}"),
            "7:38: someschool.edu. has a CNAME and other records, which no name may have (RFC 1034 §3.6.2)",
        ),
        (fault("{between: x, lose: 1}"), "7:15: 'between' must be a list, not text"),
        (
            fault("{between: [crepes.fr], lose: 1}"),
            "7:15: 'between' names two hosts: [sender of the packets, host they are for]",
        ),
        (fault("{between: [crepes.fr, 2], lose: 1}"), "7:27: 'between' must be text, not '2'"),
        (fault(f"{{{WIRE}}}"), ONE_THING),
        (fault(f"{{{WIRE}, lose: 1, delay: 1s}}"), ONE_THING),
        (fault(f"{{{WIRE}, lose: 1, times: 2}}"), "7:5: 'lose' says how many itself; leave 'times' out"),
        (fault(f"{{{WIRE}, duplicate: 1, times: 2}}"), "7:5: 'duplicate' says how many itself; leave 'times' out"),
        (
            fault(f"{{{WIRE}, lose: 0}}"),
            f"7:50: '0' is not how often; {TIMES}",
        ),
        (fault(f"{{{WIRE}, nth: 0, lose: 1}}"), "7:49: 'nth' must be at least 1, not 0"),
        (fault(f"{{{WIRE}, delay: 1}}"), f"7:51: '1' {DURATION}"),
        (fault(f"{{{WIRE}, delay: 0ms}}"), "7:51: 'delay' must be at least 1 ms, not 0ms"),
        (fault(f"{{{WIRE}, jitter: 0.5ms}}"), "7:52: 'jitter' must be at least 1 ms, not 0.5ms"),
        (fault(f"{{{WIRE}, bandwidth: 10 GB}}"), "7:55: 'bandwidth' must be at most 1,000,000,000, not 10 GB"),
        (fault(f"{{{WIRE}, mtu: 1500}}"), "7:49: 'mtu' must be below 1,500, not 1500"),
        (fault(f"{{{WIRE}, lose: 1, larger_than: 1500}}"), "7:66: 'larger_than' must be below 1,500, not 1500"),
        (fault(f"{{{WIRE}, reset: all}}"), "7:51: 'all' is not one of both, sender, receiver"),
        (
            fault(f"{{{WIRE}, packets: syn, lose: 1}}"),
            "7:53: 'syn' is not one of SYN, SYN-ACK, third ACK, ACK, data, FIN, last ACK, RST, any "
            "(did you mean 'SYN'?)",
        ),
    ]
)
def test_faults(text, said):
    assert problems(text) == [said]


ONE_STEP = "5:5: a step has exactly one key, one of send, wait, empty, talk, read, run"


@check_all(
    [
        *((step(line), ONE_STEP) for line in ("x", "{}", "[]", "{wait: 1h, empty: bob@someschool.edu}")),
        *(
            (hosts("someschool.edu:", "  mailboxes:", f"    bob: {{rules: [{rule}]}}"), said)
            for rule, said in (
                ("{fileinto: Jnk}", "9:32: the mailbox has no folder 'Jnk'"),
                ("{subject: x}", "9:21: a rule does one of keep, fileinto, discard, redirect, reject, vacation"),
                ("{discrd: true}", "9:22: unknown key 'discrd' (did you mean 'discard'?)"),
            )
        ),
        (
            hosts("crepes.fr: {mailboxes: {alice: {rules: [{discard: true}]}}}"),
            "7:43: rules are for the mailboxes of receivers, and crepes.fr is a relay",
        ),
        (step("snd: {}"), "5:5: unknown step 'snd' (did you mean 'send'?)"),
        (step("quux: {}"), "5:5: unknown step 'quux'; known: send, wait, empty, talk, read, run"),
        (step("send: bob"), "5:5: 'send' needs a mapping of its parts in braces or below it"),
        (step("send:"), "5:5: 'send' needs a mapping of its parts in braces or below it"),
        (step("send: {}"), "5:11: 'to' is missing in 'send'"),
        (
            step("send: {to: bob@someschool.edu, attach: {name: x, sze: 1}}"),
            "5:36: unknown key 'sze' (did you mean 'size'?)",
        ),
        (
            step("send: {to: bob@someschool.edu, attach: [{name: x, size: 1, type: pdf}]}"),
            "5:70: 'pdf' is no media type of one file; write e.g. application/pdf",
        ),
        (
            step("send: {to: bob@someschool.edu, attach: [{name: x}]}"),
            "5:45: an attachment has one of 'size', 'content' and 'file'",
        ),
        (step("send: {to: []}"), "5:16: 'to' is empty; it needs at least one entry"),
        (step("send: {to: bob}"), f"5:16: 'bob' {ADDRESS}"),
        (step("send: {to: 5}"), "5:16: 'to' must be text, not '5'"),
        (step("send: {to: [a@b, a@b, a@b, a@b, x]}"), f"5:37: 'x' {ADDRESS}"),
        (step("send: {to: a@b, form: c@d}"), "5:21: unknown key 'form' (did you mean 'from'?)"),
        (
            step("send: {to: a@b, quux: c@d}"),
            "5:21: unknown key 'quux'; known: from, to, subject, body, size, attach, bcc, notify, envelope_id,"
            " returned, tls, headers, via, retry",
        ),
        (step("send: {to: a@b, kind: wait}"), "5:5: unknown key 'kind' in 'send'"),
        (step("send: {to: a@b, size: 51 MB}"), "5:27: 'size' must be at most 50,000,000, not 51 MB"),
        (step("send: {to: a@b, size: big}"), f"5:27: 'big' {SIZE}"),
        (
            step('send: {to: a@b, subject: "a\\tb"}'),
            "5:30: 'a·b' is no subject: one line without control characters",
        ),
        (step("wait: 5"), f"5:11: '5' {DURATION}"),
        (step("wait: 20y"), f"5:11: '20y' {DURATION}"),
        (step("wait:"), f"5:5: '' {DURATION}"),
        (step("wait: 9999d"), "5:11: '9999d' is longer than ten years"),
        (step("empty: bob"), f"5:12: 'bob' {ADDRESS}"),
        ("title: T\nsteps: {}\nexpect: [{queued: {at: crepes.fr}}]\n", "2:8: 'steps' must be a list, not a mapping"),
    ]
)
def test_steps(text, said):
    assert problems(text) == [said]


CONNECTION = "connection: {from: crepes.fr, to: someschool.edu"
CLOSURES = (
    "closed by client, closed by crepes.fr, closed by server, closed by someschool.edu, half, normal, open, "
    "reset, reset by client, reset by crepes.fr, reset by server, reset by someschool.edu"
)


@check_all(
    [
        (
            expect("x"),
            f"5:5: an expectation has exactly one key, one of {', '.join(EXPECTATIONS)}",
        ),
        (expect("deliverd: {to: a@b}"), "5:5: unknown expectation 'deliverd' (did you mean 'delivered'?)"),
        (
            expect("delivered: bob@someschool.edu"),
            "5:5: 'delivered' needs a mapping of its parts in braces or below it",
        ),
        (
            expect("delivered: {to: bob@someschool.edu, count: 1}"),
            "5:41: unknown key 'count'; known: to, copies, within, from, subject, text, attached",
        ),
        (
            expect("delivered: {to: bob@someschool.edu, copies: -1}"),
            "5:49: 'copies' must be at least 0, not -1",
        ),
        (expect("delivered: {to: bob@someschool.edu, within: soon}"), f"5:49: 'soon' {DURATION}"),
        (expect("bounced: {to: alice@crepes.fr, status: 5}"), "5:44: 'status' must be text, not '5'"),
        (
            expect("bounced: {to: alice@crepes.fr, status: 5.x}"),
            "5:44: '5.x' is no enhanced status code; write e.g. 5.1.1, 5.1.* or 5.*",
        ),
        (expect("bounced: {to: alice@crepes.fr, for: x}"), f"5:41: 'x' {ADDRESS}"),
        (expect("attempts: {to: someschool.edu}"), "5:15: say how many, with 'count', 'at_least' or 'at_most'"),
        (expect("transactions: {to: someschool.edu}"), "5:19: say how many, with 'count', 'at_least' or 'at_most'"),
        (expect("attempts: {to: someschool.edu, at_least: 0}"), "5:46: 'at_least' must be at least 1, not 0"),
        (expect("reply: {from: someschool.edu, on: RCPT}"), "5:12: 'code' is missing in 'reply'"),
        (
            expect("reply: {from: someschool.edu, on: RCPT, code: 600}"),
            "5:51: '600' is no reply code; write 452, 452 4.2.2, 5.. for any refusal, or 5.. 5.1.*",
        ),
        (
            expect(CONNECTION + "}"),
            "5:17: 'connection' needs 'handshake', 'closure', 'at_least', 'at_most', 'pipelined' or 'said'",
        ),
        (
            expect(CONNECTION + ", closure: weird}"),
            f"5:17: unknown closure 'weird'; write one of {CLOSURES}",
        ),
        (
            expect(CONNECTION + ", handshake: ok}"),
            "5:66: 'ok' is not one of complete, refused, unanswered, unreachable, incomplete",
        ),
        (expect(CONNECTION + ", closure: normal, port: 0}"), "5:78: 'port' must be at least 1, not 0"),
    ]
)
def test_expectations(text, said):
    assert problems(text) == [said]


@check_all(
    [
        (hosts("-h.x: {domain: d}"), "7:9: '-h.x' is not a host name: letters, digits, hyphens and dots"),
        (hosts("'h h': {domain: d}"), "7:10: 'h h' is not a host name: letters, digits, hyphens and dots"),
        (hosts("'': {domain: d}"), "7:7: '' is not a host name: letters, digits, hyphens and dots"),
        (hosts("bücher.de: {domain: d}"), "7:14: 'bücher.de' is not a host name: letters, digits, hyphens and dots"),
        (
            hosts(f"{'h' * 64}: {{domain: d}}"),
            f"7:69: '{'h' * 60}' is not a host name: letters, digits, hyphens and dots",
        ),
        (hosts("h: {domain: a..b}"), "7:15: 'a..b' is not a domain name"),
        (hosts("h: {mailboxes: {'a b': }}"), "7:19: 'a b' is not the local part of an address"),
        (hosts("h: {mailboxes: [a@b]}"), "7:18: 'a@b' is not the local part of an address"),
        (hosts("h: {mailboxes: ['../x']}"), "7:18: '../x' is not the local part of an address"),
        (hosts("h: {mailboxes: ['']}"), "7:18: '' is not the local part of an address"),
        (
            hosts("ns2: {role: name-server}", "ns3: {role: name-server}"),
            "8:8: a lab has one name server, and ns2 is it",
        ),
        (hosts("ns.lab: {role: receiver}"), "7:3: no host is a name server; a lab has one"),
        (hosts("alice.crepes.fr: {server: crepe.fr}"), f"7:29: {LAB}"),
        (
            hosts("alice.crepes.fr: {server: someschool.edu}"),
            "7:29: someschool.edu takes mail on port 25 only; say 'port: 25' to deliver to it directly",
        ),
        (hosts("alice.crepes.fr: {server: ns.lab}"), "7:29: ns.lab is no mail server; its role is name-server"),
        (
            hosts("crepes.fr: {role: receiver}"),
            "7:3: crepes.fr takes mail on port 25 only; say 'port: 25' to deliver to it directly",
        ),
        (fault("{at: crepe.fr, on: RCPT, reply: 452}"), f"7:10: {LAB}"),
        (fault("{at: ns.lab, on: RCPT, reply: 452}"), "7:10: ns.lab is no mail server; its role is name-server"),
        (fault("{host: crepe.fr, is: silent}"), f"7:12: {LAB}"),
        (fault("{host: zzz, is: silent}"), "7:12: there is no host 'zzz'"),
        (
            fault("{zone: someshcool.edu, answer: NXDOMAIN}"),
            "7:12: nobody asks for 'someshcool.edu' (did you mean 'someschool.edu'?)",
        ),
        (fault("{zone: edu, answer: null-mx}"), "7:12: nobody asks for 'edu'"),
        (
            fault("{zone: someschool.edu, records: [A someshcool.edu]}"),
            "7:38: A needs an address or a host of the lab, not 'someshcool.edu' (did you mean 'someschool.edu'?)",
        ),
        (
            fault("{zone: someschool.edu, records: [AAAA someschool.edu]}"),
            "7:38: someschool.edu has no such address in this lab; say 'ip: both'",
        ),
        (fault("{between: [crepe.fr, someschool.edu], lose: 1}"), f"7:16: {LAB}"),
        (fault("{between: [someschool.edu, crepe.fr], lose: 1}"), f"7:32: {LAB}"),
        (
            fault("{between: [crepes.fr, crepes.fr], lose: 1}"),
            "7:15: no packet goes from a host to itself over the wire",
        ),
        (
            VALID + "faults: [{host: crepes.fr, is: silent}, {host: someschool.edu, is: silent}]\n",
            "6:41: write faults 1 and 2 on lines of their own: reports name faults by line",
        ),
        (
            step("send: {to: a@b, from: alcie@crepes.fr}"),
            "5:27: no user agent belongs to alcie@crepes.fr (did you mean 'alice@crepes.fr'?)",
        ),
        (step("send: {to: a@b, via: crepes.fr}"), "5:26: crepes.fr is no user agent; its role is relay"),
        (step("send: {to: a@b, via: crepe.fr}"), f"5:26: {LAB}"),
        (
            hosts("carol: {address: carol@crepes.fr, server: crepes.fr}"),
            "3:11: say 'from': the lab has 2 user agents",
        ),
        (
            step("empty: bob@someschol.edu"),
            "5:12: no host has the mailbox bob@someschol.edu (did you mean 'bob@someschool.edu'?)",
        ),
        (
            expect("delivered: {to: bob@someschol.edu}"),
            "5:21: no host has the mailbox bob@someschol.edu (did you mean 'bob@someschool.edu'?)",
        ),
        (
            expect("bounced: {to: alcie@crepes.fr}"),
            "5:19: no host has the mailbox alcie@crepes.fr (did you mean 'alice@crepes.fr'?)",
        ),
        (expect("queued: {at: someschool.edu}"), "5:18: someschool.edu is no relay; its role is receiver"),
        (expect("queued: {at: crepe.fr}"), f"5:18: {LAB}"),
        (expect("attempts: {to: crepe.fr, count: 1}"), f"5:20: {LAB}"),
        (expect("attempts: {to: ns.lab, count: 1}"), "5:20: ns.lab is no mail server; its role is name-server"),
        (
            expect("attempts: {to: someschool.edu, from: ns.lab, at_most: 3}"),
            "5:42: ns.lab is no sender of mail; its role is name-server",
        ),
        (expect("attempts: {to: someschool.edu, from: crepe.fr, count: 1}"), f"5:42: {LAB}"),
        (expect("reply: {from: crepe.fr, on: RCPT, code: 452}"), f"5:19: {LAB}"),
        (
            expect("reply: {from: ns.lab, on: RCPT, code: 452}"),
            "5:19: ns.lab is no mail server; its role is name-server",
        ),
        (expect("connection: {from: crepe.fr, to: someschool.edu, closure: normal}"), f"5:24: {LAB}"),
        (expect("connection: {from: crepes.fr, to: crepe.fr, closure: normal}"), f"5:39: {LAB}"),
    ]
)
def test_names_that_lead_nowhere_and_contradictions(text, said):
    assert problems(text) == [said]


def test_a_lab_has_at_most_200_hosts():
    many = [f"h{number}: {{mailboxes: []}}" for number in range(197)]
    assert problems(hosts(*many)) == ["7:3: more than 200 hosts do not fit into a lab"]
    assert len(parse(hosts(*many[:-1])).hosts) == 200


@pytest.mark.parametrize("spelling", ["is_", "from_", "kind"])
def test_names_of_the_model_are_no_keys(spelling):
    said = problems(fault(f"{{host: crepes.fr, is: silent, {spelling}: 5s}}"))
    assert len(said) == 1
    assert said[0].startswith(f"7:35: unknown key '{spelling}'")


def test_several_mistakes_of_shape_are_all_named_from_top_to_bottom():
    text = """\
titel: T
seed: x
hosts:
  crepes.fr: {retry: soon, mx: -1}
faults:
  - {host: crepes.fr, is: dead}
steps:
  - wait: 5
  - send: {}
expect:
  - deliverd: {}
"""
    assert problems(text) == [
        "1:1: 'title' is missing; a scenario has title, steps and expect",
        "1:1: unknown key 'titel' (did you mean 'title'?)",
        "2:7: 'seed' must be a whole number, not text",
        f"4:22: 'soon' {DURATION}",
        "4:32: 'mx' must be at least 0, not -1",
        "6:27: 'dead' is not one of silent, refused, unreachable, crashed, full-disk (did you mean 'silent'?)",
        f"8:11: '5' {DURATION}",
        "9:11: 'to' is missing in 'send'",
        "11:5: unknown expectation 'deliverd' (did you mean 'delivered'?)",
    ]


def test_several_mistakes_of_reference_are_all_named_from_top_to_bottom():
    text = """\
title: T
expect:
  - queued: {at: crepe.fr}
steps:
  - empty: bbo@someschool.edu
  - send: {to: a@b, from: x@y}
  - read: {mailbox: dave@someschool.edu, by: crepe.fr}
faults:
  - {host: crepe.fr, is: silent}
hosts:
  h: {domain: a..b}
"""
    assert problems(text) == [
        f"3:18: {LAB}",
        "5:12: no host has the mailbox bbo@someschool.edu (did you mean 'bob@someschool.edu'?)",
        "6:27: no user agent belongs to x@y",
        "7:21: no host has the mailbox dave@someschool.edu (did you mean 'bob@someschool.edu'?)",
        f"7:46: {LAB}",
        f"9:12: {LAB}",
        "11:15: 'a..b' is not a domain name",
    ]


STEPS = "say what happens, e.g. 'steps: [send: {to: bob@someschool.edu}]'"
EXPECT = "say what must hold at the end, e.g. 'expect: [delivered: {to: bob@someschool.edu}]'"


def test_an_empty_list_of_steps_and_of_expectations():
    assert problems("title: T\nsteps: []\nexpect:\n") == [
        "2:8: 'steps' is empty; it needs at least one entry",
        f"3:1: 'expect' must be a list, not nothing; {EXPECT}",
    ]


def test_only_a_title():
    assert problems("title: T\n") == [
        f"1:1: 'steps' is missing; {STEPS}",
        f"1:1: 'expect' is missing; {EXPECT}",
    ]


def test_the_error_shows_the_line_and_a_caret():
    with pytest.raises(ScenarioError) as caught:
        parse(VALID + "titel: x\n", "a/b.yaml")
    assert str(caught.value) == (
        "a/b.yaml:6:1: unknown key 'titel' (did you mean 'title'?)\n    6 | titel: x\n      | ^"
    )


def test_the_line_shown_is_the_line_meant_even_after_odd_line_ends():
    text = title('"a\u2028b"').replace("\n", "\r\n") + "zz: 1\n"
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    [problem] = caught.value.problems
    assert (problem.line, problem.source) == (6, "zz: 1")


def test_the_mistakes_of_all_files_are_named_together(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(VALID + "zz: 1\n")
    (tmp_path / "c.yaml").write_text(VALID)
    paths = discover([tmp_path]).files
    with pytest.raises(ScenarioError) as caught:
        load_all(paths)
    assert [(p.file, p.line) for p in caught.value.problems] == [(str(p), 6) for p in paths[:2]]
    assert [s.file for s in load_all(paths[2:])] == [str(tmp_path / "c.yaml")]


def test_folders_are_searched_through_and_files_named_twice_are_loaded_once(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.yaml", "a.yml", "sub/c.yaml", "notes.txt", "d.YAML"):
        (tmp_path / name).write_text(VALID)
    (tmp_path / "folder.yaml").mkdir()
    found = discover([tmp_path / "b.yaml", tmp_path, tmp_path / "b.yaml", "missing.yaml"]).files
    assert [str(path.relative_to(tmp_path)) if path.is_absolute() else str(path) for path in found] == [
        "b.yaml",
        "a.yml",
        "d.YAML",
        "sub/c.yaml",
        "missing.yaml",
    ]


def test_a_folder_without_scenarios(tmp_path):
    with pytest.raises(UsageError, match="holds no scenario: no file in it ends in .yaml or .yml$"):
        discover([tmp_path])


FOREIGN = {
    "docker-compose.yml": "services: {mail: {image: mail}}\n",
    "pipeline.yaml": "title: Build\nsteps: [make]\n",
    "broken.YAML": "{{ template }}: [\n",
}
MISTAKEN = {
    "without-title.yaml": "steps: []\nexpect: []\n",
    "without-steps.yml": "title: x\nexpect: []\n",
    "in-braces.yaml": '{"title": 1, "steps": 2, "expect": 3}',
    "gone.yaml": None,
}


def test_a_stranger_in_a_folder_is_left_alone_and_counted_and_a_mistake_stays_one(tmp_path):
    for name, text in {**FOREIGN, **MISTAKEN}.items():
        if text is None:
            (tmp_path / name).symlink_to("nowhere")
        else:
            (tmp_path / name).write_text(text)
    found = discover([tmp_path])
    assert {path.name for path in found.files} == MISTAKEN.keys()
    assert found.left_out == "3 YAML files are no scenarios"
    with pytest.raises(ScenarioError) as caught:
        load_all(found.files)
    assert {Path(problem.file).name for problem in caught.value.problems} == MISTAKEN.keys()


def test_a_stranger_that_was_named_is_a_mistake(tmp_path):
    compose = tmp_path / "docker-compose.yml"
    compose.write_text(FOREIGN["docker-compose.yml"])
    with pytest.raises(UsageError, match="holds no scenario: no YAML file in it is one$"):
        discover([tmp_path])
    found = discover([tmp_path / compose])
    assert (found.files, found.left_out) == ([compose], "")


def test_every_scenario_of_the_project_loads(project):
    folders = [project / "scenarios"]
    scenarios = load_all(discover(folders).files, Reach.given(folders))
    assert len(scenarios) >= 69
    for scenario in scenarios:
        for key in ("faults", "steps", "expect"):
            lines = (project / scenario.file_of(key)).read_text().splitlines()
            for part in getattr(scenario, key):
                assert lines[part.line - 1].lstrip().startswith("- ")
                assert part.describe() if hasattr(part, "describe") else True
        assert parse(scenario.text, scenario.file, scenario.case, scenario.reach) == scenario


def test_numbers_are_numbers_and_mailboxes_are_listed_once():
    text = VALID.replace("title:", "seed: true\nhosts: {someschool.edu: {mailboxes: [bob, bob]}}\ntitle:", 1)
    assert problems(text) == [
        "1:7: 'seed' must be a whole number, not true or false",
        "2:37: the mailbox 'bob' is listed 2 times",
    ]


def test_no_faults_yet_is_no_mistake():
    assert parse(VALID + "faults:\n").faults == ()

"""What a correct relay does, staged: each row is a scenario of its own (RFC 5321 unless said otherwise)."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

TWO_MX = """hosts:
  mx1.someschool.edu: {domain: someschool.edu, mx: 10, mailboxes: [bob]}
  mx2.someschool.edu: {domain: someschool.edu, mx: 20, mailboxes: [bob]}
"""

STORIES = {
    "a 421 greeting sends the relay to the next MX (§3.1)": f"""
{TWO_MX}
faults: [{{at: mx1.someschool.edu, on: connect, reply: 421 4.3.2 Too busy}}]
steps: [{{send: {{to: bob@someschool.edu}}}}]
expect:
  - reply: {{from: mx1.someschool.edu, on: connect, code: 421 4.3.2}}
  - reply: {{from: mx2.someschool.edu, on: message, code: 250}}
  - delivered: {{to: bob@someschool.edu, within: 5s}}
""",
    "a 554 greeting of the only MX is permanent (§3.1)": """
faults: [{at: someschool.edu, on: connect, reply: 554 5.3.2 No mail here}]
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - bounced: {to: alice@crepes.fr, status: 5.3.2}
  - attempts: {to: someschool.edu, count: 1}
""",
    "three recipients, three fates (§4.2.1)": """
hosts: {someschool.edu: {mailboxes: [bob, carol]}}
faults:
  - {at: someschool.edu, on: RCPT, recipient: carol@someschool.edu, reply: 450 4.2.0 Greylisted, times: 1}
steps:
  - send: {to: [bob@someschool.edu, carol@someschool.edu, nobody@someschool.edu]}
  - wait: 1h
expect:
  - delivered: {to: bob@someschool.edu, within: 5s}
  - delivered: {to: carol@someschool.edu, within: 31m}
  - bounced: {to: alice@crepes.fr, for: nobody@someschool.edu, status: 5.1.1}
  - attempts: {to: someschool.edu, count: 2}
""",
    "EHLO refused, HELO accepted (§3.2)": """
faults: [{at: someschool.edu, on: EHLO, reply: 502 5.5.1 What, times: 1}]
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - reply: {from: someschool.edu, on: HELO, code: 250}
  - delivered: {to: bob@someschool.edu, within: 5s}
""",
    "a server that knows HELO only (§3.2)": """
faults: [{at: someschool.edu, on: EHLO, reply: 502 5.5.1 Command not implemented}]
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - reply: {from: someschool.edu, on: EHLO, code: "502", count: 1}
  - connection: {from: crepes.fr, to: someschool.edu, said: [EHLO, HELO, MAIL, RCPT, DATA, message, QUIT]}
  - delivered: {to: bob@someschool.edu, within: 5s}
""",
    "a reply of several lines (§4.2.1)": """
faults:
  - at: someschool.edu
    on: message
    reply: [421-4.7.28 Unusual rate of mail, 421 4.7.28 See the guidelines]
    times: 1
steps: [{send: {to: bob@someschool.edu}}, {wait: 1h}]
expect:
  - reply: {from: someschool.edu, on: message, code: 421 4.7.28, count: 1}
  - connection: {from: crepes.fr, to: someschool.edu, nth: 1, closure: closed by server}
  - delivered: {to: bob@someschool.edu, copies: 1, within: 31m}
""",
    "a masked greeting, and an answer to EHLO that offers nothing": """
faults:
  - {at: someschool.edu, on: connect, reply: "220 ****************"}
  - {at: someschool.edu, on: EHLO, reply: "250-someschool.edu\\r\\n250 XXXXXXXA"}
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - reply: {from: someschool.edu, on: connect, code: "220", count: 1}
  - delivered: {to: bob@someschool.edu, copies: 1, within: 5s}
""",
    "replies that come whole, and late (§4.5.3.2)": """
faults:
  - {at: someschool.edu, on: connect, delay: 20s}
  - {at: someschool.edu, on: RCPT, delay: 4m}
  - {at: someschool.edu, on: message, delay: 9m}
steps: [{send: {to: bob@someschool.edu}}, {wait: 1h}]
expect:
  - connection: {from: crepes.fr, to: someschool.edu, closure: normal, at_least: 13m, at_most: 14m}
  - attempts: {to: someschool.edu, count: 1}
  - delivered: {to: bob@someschool.edu, copies: 1, within: 14m}
""",
    "POP3 and IMAP servers that answer late": """
faults:
  - {at: someschool.edu, on: POP3 PASS, delay: 20s}
  - {at: someschool.edu, on: POP3 QUIT, raw: "+OK \\xe9<CRLF>"}
  - {at: someschool.edu, on: IMAP LOGIN, delay: 30s}
steps:
  - send: {to: bob@someschool.edu}
  - read: {mailbox: bob@someschool.edu, via: pop3}
  - read: {mailbox: bob@someschool.edu, via: imap}
expect:
  - connection: {from: bob.someschool.edu, to: someschool.edu, port: 110, at_least: 20s, at_most: 30s}
  - connection: {from: bob.someschool.edu, to: someschool.edu, port: 143, at_least: 30s, at_most: 40s}
""",
    "a refusal in mid-message, and the connection is closed": """
faults: [{at: someschool.edu, on: message, octet: 5000, reply: 552 5.3.4 Message too big, then: close}]
steps: [{send: {to: bob@someschool.edu, size: 100 KB}}, {wait: 1m}]
expect:
  - bounced: {to: alice@crepes.fr, for: bob@someschool.edu, status: 5.3.4}
  - attempts: {to: someschool.edu, count: 1}
""",
    "a connection cut at RCPT counts as 451: try again, no bounce (§3.8)": """
faults: [{at: someschool.edu, on: RCPT, then: close, times: 1}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1h}]
expect:
  - connection: {from: crepes.fr, to: someschool.edu, nth: 1, closure: closed by server}
  - delivered: {to: bob@someschool.edu, within: 31m}
  - attempts: {to: someschool.edu, count: 2}
""",
    "a server that stalls at MAIL is given five minutes (§4.5.3.2.2)": """
faults: [{at: someschool.edu, on: MAIL, then: stall, times: 1}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 34m}]
expect:
  - attempts: {to: someschool.edu, count: 1}
  - queued: {at: crepes.fr, to: bob@someschool.edu}
""",
    "a server that stalls after the final dot is given ten minutes, then gets a duplicate (RFC 1047)": """
faults: [{at: someschool.edu, on: message, then: stall, times: 1}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 41m}]
expect:
  - attempts: {to: someschool.edu, count: 2}
  - delivered: {to: bob@someschool.edu, copies: 2}
""",
    "a server slow to answer QUIT does not cause a duplicate": """
faults: [{at: someschool.edu, on: QUIT, then: stall, times: 1}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 2h}]
expect:
  - delivered: {to: bob@someschool.edu, copies: 1}
  - attempts: {to: someschool.edu, count: 1}
""",
    "a relay that breaks off having heard 250 does not send again (§4.2.5)": """
faults: [{at: crepes.fr, as: client, on: message, then: reset}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1d}]
expect:
  - delivered: {to: bob@someschool.edu, copies: 1}
  - attempts: {to: someschool.edu, count: 1}
  - queued: {at: crepes.fr, count: 0}
""",
    "a relay that closes having heard 250 does not send again (§4.2.5)": """
faults: [{at: crepes.fr, as: client, on: message, then: close}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1d}]
expect:
  - delivered: {to: bob@someschool.edu, copies: 1}
  - attempts: {to: someschool.edu, count: 1}
""",
    "a relay that falls silent having heard 250 does not send again (§4.2.5)": """
faults: [{at: crepes.fr, as: client, on: message, then: stall}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1d}]
expect:
  - delivered: {to: bob@someschool.edu, copies: 1}
  - attempts: {to: someschool.edu, count: 1}
""",
    "a message refused after the final dot bounces and is not stored": """
faults: [{at: someschool.edu, on: message, reply: 554 5.6.0 Not like this, times: 1}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1d}]
expect:
  - delivered: {to: bob@someschool.edu, copies: 0}
  - bounced: {to: alice@crepes.fr, status: 5.6.0}
  - attempts: {to: someschool.edu, count: 1}
""",
    "a bounce that cannot be delivered is not bounced (§6.1)": """
hosts: {crepes.fr: {mailboxes: {alice: {quota: 10 KB, filled: 10 KB}}, give_up: 1d}}
steps: [{send: {to: nobody@someschool.edu}}, {wait: 2d}]
expect:
  - queued: {at: crepes.fr, count: 0}
  - attempts: {to: someschool.edu, count: 1}
""",
    "a mailbox full of gigabytes is as full as any other": """
hosts: {someschool.edu: {mailboxes: {bob: {quota: 50 GB, filled: 50 GB}}}}
steps: [{send: {to: bob@someschool.edu}}, {wait: 40m}, {empty: bob@someschool.edu}, {wait: 1h}]
expect:
  - reply: {from: someschool.edu, on: RCPT, code: 452 4.2.2, count: 2}
  - delivered: {to: bob@someschool.edu, within: 2h}
  - mailbox: {of: bob@someschool.edu, messages: 1}
""",
    "mail for the relay's own domain needs no connection": """
steps: [{send: {to: alice@crepes.fr}}]
expect:
  - delivered: {to: alice@crepes.fr, within: 5s}
  - attempts: {to: someschool.edu, count: 0}
""",
    "a silent host is given up after five minutes and tried again": """
faults: [{host: someschool.edu, is: silent, until: 30m}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1h}]
expect:
  - connection: {from: crepes.fr, to: someschool.edu, nth: 1, handshake: unanswered}
  - delivered: {to: bob@someschool.edu, within: 36m}
  - attempts: {to: someschool.edu, count: 2}
""",
    "a name server that does not answer for the MX defers the mail (§5.1)": """
faults: [{between: [ns.lab, crepes.fr], nth: 1, lose: 3}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1h}]
expect:
  - attempts: {to: someschool.edu, count: 1}
  - delivered: {to: bob@someschool.edu, within: 31m}
""",
    "a name server that does not answer for the MX's address defers the mail as well (§5.1)": """
faults: [{between: [ns.lab, crepes.fr], nth: 2, lose: 3}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 1h}]
expect:
  - attempts: {to: someschool.edu, count: 1}
  - delivered: {to: bob@someschool.edu, within: 31m}
""",
    "packets reset by the wire in mid-message: one whole message in the end (§3.8)": """
faults: [{between: [crepes.fr, someschool.edu], packets: data, nth: 6, reset: both}]
steps: [{send: {to: bob@someschool.edu, size: 10 KB}}, {wait: 1h}]
expect:
  - connection: {from: crepes.fr, to: someschool.edu, nth: 1, closure: reset}
  - delivered: {to: bob@someschool.edu, copies: 1}
""",
    "duplicated packets make no duplicate mail": """
faults: [{between: [crepes.fr, someschool.edu], packets: data, duplicate: 5}]
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - delivered: {to: bob@someschool.edu, copies: 1}
""",
    "a delayed packet delays the mail and loses nothing": """
faults: [{between: [someschool.edu, crepes.fr], packets: data, nth: 2, delay: 500ms}]
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - delivered: {to: bob@someschool.edu, within: 1m}
""",
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_it_does_what_the_rfc_says(story: str, tmp_path: Path) -> None:
    outcome = play("title: A story\n" + story, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)

"""Production files of a ready-made server: only its paths and names are others, and where mail lies is said beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.scenario.load import load
from tests.lab.test_programs import said
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

Have = Callable[[str], None]

POSTFIX = {
    "main.cf": """
compatibility_level = 3.6
myhostname = mx1.corp.example
myorigin = /etc/mailname
mydestination = $myhostname, corp.example, localhost
alias_maps = hash:/etc/aliases
virtual_alias_maps = hash:/etc/postfix/virtual
header_checks = regexp:/etc/postfix/header_checks
home_mailbox = Maildir/
queue_directory = /srv/postfix-queue
""",
    "master.cf": """
smtp      inet  n       -       y       -       -       smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       y       -       -       smtp
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
local     unix  -       n       n       -       -       local
anvil     unix  -       -       y       -       1       anvil
""",
    "virtual": "boss@corp.example carol@corp.example\n",
    "aliases": "info: carol\n",
    "header_checks": "/^Subject: secret/ REJECT for {domain} only\n",
}
EXIM = {
    "exim4.conf": """
primary_hostname = mx1.corp.example
spool_directory = /srv/exim \\
  -spool
log_file_path = /srv/exim-log/%slog
domainlist local_domains = corp.example
acl_smtp_rcpt = check
begin acl
check:
  deny   condition = ${if eq{$sender_address_local_part}{secret}}
         message = for {domain} only
  accept domains = +local_domains
         verify = recipient
  deny
begin routers
aliases:
  driver = redirect
  data = ${lookup{$local_part}lsearch{/etc/exim4/aliases}}
remote:
  driver = dnslookup
  domains = ! +local_domains
  transport = smtp
users:
  driver = accept
  check_local_user
  transport = home
begin transports
smtp:
  driver = smtp
home:
  driver = appendfile
  maildir_format
  directory = $home/Maildir
begin retry
* * F,1d,1h
""",
    "aliases": "boss: carol@corp.example\ninfo: carol@corp.example\n",
}
SERVERS = {
    "postfix": (POSTFIX, "maildir", "{subject: secret}"),
    "exim": (EXIM, '{form: maildir, at: "{directory}/home/{user}/Maildir"}', "{from: secret@crepes.fr}"),
}
LAB = """
title: In production it is $program
hosts:
  crepes.fr: {{mailboxes: [alice, secret]}}
  secret.crepes.fr: {{role: user-agent, address: secret@crepes.fr, server: crepes.fr}}
  mx.corp.example:
    program: {program}
    role: receiver
    domain: corp.example
    mailboxes: [carol]
    files: our-etc
    stores: {stores}
steps:
  - send: {{from: alice@crepes.fr, to: carol@corp.example}}
  - send: {{from: alice@crepes.fr, to: boss@corp.example}}
  - send: {{from: alice@crepes.fr, to: info@corp.example}}
  - send: {{to: carol@corp.example, {secret}}}
  - wait: 1m
  - run: {{on: mx.corp.example, command: mailq}}
expect:
  - mailbox: {{of: carol@corp.example, messages: 3}}
  - exited: {{command: mailq}}
  - running: mx.corp.example
"""


@pytest.mark.parametrize("program", SERVERS)
def test_it_does_as_they_say(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    files, stores, secret = SERVERS[program]
    (tmp_path / "our-etc").mkdir()
    for name, text in files.items():
        (tmp_path / "our-etc" / name).write_text(text)
    secret = secret.strip("{}") if "from" in secret else f"from: alice@crepes.fr, {secret.strip('{}')}"
    file = tmp_path / "production.yaml"
    file.write_text(LAB.format(program=program, stores=stores, secret=secret))
    outcome = play(load(file), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    replies = [
        line
        for connection in outcome.analysis.connections
        for one in connection.exchanges
        if one.reply
        for line in one.reply.lines
    ]
    assert any("for {domain} only" in line for line in replies), said(outcome)  # its braces are its own
    assert any("mx.corp.example ESMTP" in line for line in replies)  # the name is the lab's

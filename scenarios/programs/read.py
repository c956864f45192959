#!/usr/bin/env python3
"""Prints the newest message of a mailbox.

read.py imap|pop3 SERVER USER PASSWORD
"""

import imaplib
import poplib
import sys

protocol, server, user, password = sys.argv[1:]
if protocol == "pop3":
    mailbox = poplib.POP3(server)
    mailbox.user(user)
    mailbox.pass_(password)
    lines = mailbox.retr(len(mailbox.list()[1]))[1]
    mailbox.quit()
else:
    reader = imaplib.IMAP4(server)
    reader.login(user, password)
    newest = reader.select("INBOX", readonly=True)[1][0].decode()
    lines = reader.fetch(newest, "(BODY.PEEK[])")[1][0][1].splitlines()
    reader.logout()
for line in lines:
    print(line.decode())

"""Gives a relay one message for each thing that it does: submissions.py RELAY."""

from __future__ import annotations

import smtplib
import sys

OWN, THERE = "crepes.fr", "someschool.edu"
ALICE, BOB = f"alice@{OWN}", f"bob@{THERE}"
HEAD = "From: alice@crepes.fr\r\nAuthentication-Results: crepes.fr; none\r\nX-Spam-Flag: NO\r\n"
GIVEN = {
    "srs": (ALICE, [f"srs@{THERE}"]),
    "batv": (ALICE, [f"batv@{THERE}"]),
    "verp": (ALICE, [f"verp@{THERE}"]),
    "masquerading": ("alice@host.crepes.fr", [f"carol@{THERE}"]),
    "a-domain-below": (ALICE, [f"below@{THERE}"]),
    "an-alias": (ALICE, [f"team@{OWN}"]),
    "an-alias-and-one-of-it": (ALICE, [BOB, f"team@{OWN}"]),
    "forwarding": (ALICE, [f"dave@{OWN}"]),
    "a-detail": (ALICE, [f"alice+lunch@{OWN}"]),
    "words-for-others": (BOB, [f"nobody@{THERE}"]),
    "words-for-its-own": (ALICE, [f"nobody@{THERE}"]),
    "a-probe-that-is-put-off": (ALICE, [f"probed@{THERE}"]),
    "a-double-bounce": ("", [f"nobody@{THERE}"]),
    "nothing-in-it": (ALICE, [f"carol@{THERE}"]),
    "nothing-in-it-again": (ALICE, [f"carol@{THERE}"]),
}

with smtplib.SMTP(sys.argv[1], 587, "alice.crepes.fr") as server:
    for name, (sender, to) in GIVEN.items():
        text = "" if name.startswith("nothing") else f"About {name}\r\n"
        server.sendmail(sender, to, f"{HEAD}Message-ID: <{name}@crepes.fr>\r\nSubject: {name}\r\n\r\n{text}")

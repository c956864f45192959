"""Listings of queues as the servers' documentation prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.queue_listing import QueueEntry, read_listing

POSTFIX = """\
-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
4F5XzQ1Kc7z2xBq*     412 Sun Nov 29 01:13:45  alice@crepes.fr
                                         bob@someschool.edu

A2C3E1234!     1412 Sun Nov 29 01:14:00  MAILER-DAEMON
(host someschool.edu[127.0.0.5] said: 452 4.2.2 Mailbox full (in reply to RCPT TO command))
                                         Carol@someschool.edu
                                         dave@someschool.edu

-- 2 Kbytes in 2 Requests.
"""
SENDMAIL = """\
\t\t/var/spool/mqueue (1 request)
-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------
4AT1DkQs012345       11 Sun Nov 29 01:13 <alice@crepes.fr>
                 (Deferred: 452 4.2.2 <bob@someschool.edu>... Mailbox full)
\t\t\t\t\t <bob@someschool.edu>
\t\tTotal requests: 1
"""
EXIM = """\
25m  2.9K 0t5C6f-0000c8-00 <alice@crepes.fr>
          bob@someschool.edu
        D carol@someschool.edu

 4h   611 1pzK3x-000Abc-2D <> *** frozen ***
          dave@someschool.edu

"""
POSTQUEUE = (
    '{"queue_name": "deferred", "queue_id": "4F5X", "arrival_time": 1764378825, "message_size": 412, "sender": '
    '"alice@crepes.fr", "recipients": [{"address": "bob@someschool.edu", "delay_reason": "452 4.2.2 Mailbox full"}]}\n'
)
SMTPCTL = (
    "5b1fa4a8d32c7e51|local|mta|auth|alice@crepes.fr|bob@someschool.edu|bob@someschool.edu|1764378825|1764724425|"
    "1764378825|0|1|pending|373|Network error on destination MXs\n"
)
ALICE_TO_BOB = QueueEntry("alice@crepes.fr", ("bob@someschool.edu",))


@pytest.mark.parametrize(
    ("printed", "form", "entries"),
    [
        (POSTFIX, "mailq", (ALICE_TO_BOB, QueueEntry("", ("carol@someschool.edu", "dave@someschool.edu")))),
        (SENDMAIL, "mailq", (ALICE_TO_BOB,)),
        (EXIM, "exim", (ALICE_TO_BOB, QueueEntry("", ("dave@someschool.edu",)))),
        (POSTQUEUE, "postqueue", (ALICE_TO_BOB,)),
        (SMTPCTL, "smtpctl", (ALICE_TO_BOB,)),
        ("waiting: bob@someschool.edu (2nd try)\n", "text", (QueueEntry(None, ("bob@someschool.edu",)),)),
    ],
    ids=["postfix", "sendmail", "exim", "postqueue", "smtpctl", "any"],
)
def test_listings_tell_who_is_waited_for(printed: str, form: str, entries: tuple[QueueEntry, ...]) -> None:
    listing = read_listing(printed)
    assert (listing.form, listing.entries, listing.names_all) == (form, entries, True)


@pytest.mark.parametrize(
    "printed",
    ["", "\n", "Mail queue is empty\n", "/var/spool/mqueue is empty\n\t\tTotal requests: 0\n", "No messages\n"],
)
def test_an_empty_queue_holds_nobody(printed: str) -> None:
    listing = read_listing(printed)
    assert (listing.entries, listing.names_all) == ((), True)


@pytest.mark.parametrize("printed", ["Queue: 3 files\n", "4F5XzQ1Kc7 deferred\n", "{}\n[]\n"])
def test_text_that_names_nobody_says_nothing(printed: str) -> None:
    assert not read_listing(printed).names_all


@pytest.mark.parametrize("printed", [POSTFIX + "another line\n", EXIM + "oops\n", SMTPCTL + "5b1f\n"])
def test_a_listing_with_lines_nobody_understands_may_name_others(printed: str) -> None:
    assert read_listing(printed).entries
    assert not read_listing(printed).names_all


@given(st.text(max_size=400))
def test_whatever_is_printed_is_read(printed: str) -> None:
    for entry in read_listing(printed).entries:
        assert all(recipient == recipient.lower() for recipient in entry.recipients)


@given(st.lists(st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.[a-z]{2}", fullmatch=True), min_size=1, max_size=5))
def test_text_names_each_address_as_often_as_it_has_it(addresses: list[str]) -> None:
    listing = read_listing("".join(f"to <{address}>;\n" for address in addresses))
    assert [recipient for entry in listing.entries for recipient in entry.recipients] == addresses

"""Push and pull, told apart from packets alone."""

from __future__ import annotations

import pytest

from testbed.trace.directions import hops
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT

ALICE, RELAY = "alice.crepes.fr to crepes.fr", "crepes.fr to someschool.edu"
BOB, WEB = "bob.someschool.edu from", "mail.someschool.edu from someschool.edu by IMAP"


@pytest.mark.parametrize(
    ("capture", "pushed", "pulled"),
    [
        ("push-and-pull", (ALICE, RELAY), (f"{BOB} mail.someschool.edu by HTTP", WEB)),
        ("pop3-fetched-and-deleted", (ALICE, RELAY), (f"{BOB} someschool.edu by POP3",)),
        ("imap-idle", (ALICE, RELAY), (f"{BOB} someschool.edu by IMAP",)),
        ("delivered", (ALICE, RELAY), ()),
        ("unknown-user", (ALICE,), ()),
        ("pop3-login-refused-bob", (ALICE, RELAY), ()),
    ],
)
def test_who_pushed_and_who_pulled(capture: str, pushed: tuple[str, ...], pulled: tuple[str, ...]) -> None:
    found = hops(inspect(PROJECT / "captures" / f"{capture}.pcapng").connections)
    assert (found.pushed, found.pulled) == (pushed, pulled)
    assert bool(found.describe()) is bool(pulled)

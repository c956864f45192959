"""What becomes of each recipient after an attempt, and who is told (RFC 5321 §4.5.4.1, §6.1; RFC 3461 §4.1, §5.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path

import pytest

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.queue.notifications import Notifier
from testbed.hosts.queue.retry import RetrySchedule
from testbed.hosts.queue.settling import Settlement, Taker
from testbed.hosts.queue.store import Queue
from testbed.hosts.sending.results import DeliveryResult
from testbed.hosts.site import Site
from testbed.protocols.esmtp import RcptParameters
from tests.hosts.conftest import Logged

NS, MINUTE, HOUR, DAY = 10**9, 60, 3_600, 86_400
ARRIVED = 1_767_603_600.0
ALICE, BOB, CAROL = "alice@crepes.fr", "bob@someschool.edu", "carol@someschool.edu"
MX, MX_WITH_DSN, HERE = Taker("mx.someschool.edu"), Taker("mx.someschool.edu", tells=True), Taker()

TAKEN = DeliveryResult(250, "2.0.0", "taken")
FULL = DeliveryResult(452, "4.2.2", "Mailbox full")
UNKNOWN = DeliveryResult(550, "5.1.1", "User unknown")
SILENCE = DeliveryResult(0, "4.4.1", "no answer from the host")
NO_DOMAIN = DeliveryResult(0, "5.1.2", "the domain does not exist")


@dataclass
class Relay:
    """One with a message from Alice, asked for at ARRIVED, and what it told senders: the fields of each notice."""

    directory: Path
    sender: str = ALICE
    notify: str = ""
    warn_after_s: int | None = None
    recipients: tuple[str, ...] = (BOB,)
    told: list[dict[str, str]] = field(default_factory=list)
    owed_when_told: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = ARRIVED
        self.queue = Queue(self.directory / "queue.db")
        site = Site(
            name="relay.crepes.fr",
            addresses=("127.0.0.9",),
            directory=self.directory,
            nameserver="127.0.0.53",
            log=Logged(),
            now=lambda: self.now,
            dialogue=DialogueScript(()),
        )
        warn_after = None if self.warn_after_s is None else self.warn_after_s * NS
        schedule = RetrySchedule((30 * MINUTE * NS, HOUR * NS), 5 * DAY * NS, warn_after)
        self._settlement = Settlement(site, self.queue, schedule, Notifier(site, self._hear))
        wishes = RcptParameters(frozenset(self.notify.split(",") if self.notify else ()))
        envelope = Envelope(self.sender, tuple(EnvelopeRecipient(address, wishes) for address in self.recipients))
        content = b"Message-ID: <lunch@crepes.fr>\r\n\r\nLunch?\r\n"
        self.message = self.queue.add(envelope, content, "<lunch@crepes.fr>", ARRIVED)

    def attempt(self, taker: Taker = MX, /, *, age_s: float = 0, **results: DeliveryResult) -> None:
        """Settle an attempt that ends when the message is so old; results by the local parts of recipients."""
        self.now = ARRIVED + age_s
        found = {f"{name}@someschool.edu": result for name, result in results.items()}
        self._settlement.settle(self.message, self.queue.recipients(), found, taker, self.now)

    @property
    def owed(self) -> list[str]:
        return [recipient.address for recipient in self.queue.recipients()]

    def _hear(self, envelope: Envelope, content: bytes) -> None:
        assert envelope.sender == ""  # what tells of a message is told nobody of (RFC 3461 §6.1)
        _, status, *_ = BytesParser().parsebytes(content).get_payload()
        _, *blocks = status.get_payload()
        self.told += [{"to": envelope.addresses[0], **dict(block.items())} for block in blocks]
        self.owed_when_told.append(self.owed)


@dataclass(frozen=True)
class Fate:
    """``told`` is the action and the status of the notice, ``""`` for none."""

    result: DeliveryResult
    stays: bool
    told: str
    age_s: float = 0
    notify: str = ""
    taker: Taker = MX
    sender: str = ALICE
    warn_after_s: int | None = None


FATES = {
    "taken": Fate(TAKEN, False, ""),
    "taken, a receipt asked for, by a host without DSN": Fate(TAKEN, False, "relayed 2.0.0", notify="SUCCESS"),
    "taken, a receipt asked for, by a host with DSN": Fate(TAKEN, False, "", notify="SUCCESS", taker=MX_WITH_DSN),
    "taken here, a receipt asked for": Fate(TAKEN, False, "delivered 2.0.0", notify="SUCCESS", taker=HERE),
    "taken, only failures asked for": Fate(TAKEN, False, "", notify="FAILURE"),
    "a receipt for a notice": Fate(TAKEN, False, "", notify="SUCCESS", sender=""),
    "refused for now": Fate(FULL, True, ""),
    "nobody answered": Fate(SILENCE, True, ""),
    "refused for now, once too often": Fate(FULL, False, "failed 4.4.7", age_s=5 * DAY),
    "nobody answered, once too often": Fate(SILENCE, False, "failed 4.4.7", age_s=5 * DAY),
    "taken at the last moment": Fate(TAKEN, False, "", age_s=5 * DAY),
    "refused for good": Fate(UNKNOWN, False, "failed 5.1.1"),
    "no such domain": Fate(NO_DOMAIN, False, "failed 5.1.2"),
    "refused for good, nobody to be told": Fate(UNKNOWN, False, "", notify="NEVER"),
    "refused for good, only delays to be told": Fate(UNKNOWN, False, "", notify="DELAY"),
    "refused for good, failures to be told": Fate(UNKNOWN, False, "failed 5.1.1", notify="DELAY,FAILURE"),
    "a notice refused for good": Fate(UNKNOWN, False, "", sender=""),
    "a notice given up": Fate(FULL, False, "", age_s=5 * DAY, sender=""),
    "late, delays to be told, not yet": Fate(FULL, True, "", age_s=4 * HOUR - 1, notify="DELAY"),
    "late, delays to be told": Fate(FULL, True, "delayed 4.2.2", age_s=4 * HOUR, notify="DELAY"),
    "late, nothing said": Fate(FULL, True, "", age_s=4 * DAY),
    "late, nothing said, of a relay that warns": Fate(FULL, True, "delayed 4.2.2", age_s=HOUR, warn_after_s=HOUR),
    "late, of a relay that warns, nobody to be told": Fate(
        FULL, True, "", age_s=HOUR, notify="NEVER", warn_after_s=HOUR
    ),
    "a notice late": Fate(FULL, True, "", age_s=HOUR, sender="", warn_after_s=HOUR),
}


@pytest.mark.parametrize("fate", FATES.values(), ids=FATES)
def test_fate(fate: Fate, tmp_path: Path) -> None:
    relay = Relay(tmp_path, fate.sender, fate.notify, fate.warn_after_s)
    relay.attempt(fate.taker, age_s=fate.age_s, bob=fate.result)
    assert relay.owed == ([BOB] if fate.stays else [])
    assert [f"{notice['Action']} {notice['Status']}" for notice in relay.told] == ([fate.told] if fate.told else [])
    assert {notice["to"] for notice in relay.told} <= {ALICE}


def test_each_recipient_has_a_fate_of_its_own(tmp_path: Path) -> None:
    others = ("dave@someschool.edu", "erin@someschool.edu")
    relay = Relay(tmp_path, recipients=(BOB, CAROL, *others))
    relay.attempt(bob=TAKEN, carol=UNKNOWN, dave=FULL)  # Erin was not tried
    assert relay.owed == list(others)
    assert [(owed.address, owed.attempts) for owed in relay.queue.recipients()] == [(others[0], 1), (others[1], 0)]
    assert [notice["Final-Recipient"] for notice in relay.told] == [f"rfc822; {CAROL}"]


def test_those_who_fail_together_are_told_of_in_one_notice(tmp_path: Path) -> None:
    relay = Relay(tmp_path, recipients=(BOB, CAROL))
    relay.attempt(bob=UNKNOWN, carol=NO_DOMAIN)
    assert [notice["Status"] for notice in relay.told] == ["5.1.1", "5.1.2"]
    assert len(relay.owed_when_told) == 1


@pytest.mark.parametrize("result", [UNKNOWN, TAKEN], ids=["failure", "receipt"])
def test_a_notice_is_queued_before_the_queue_forgets_what_it_tells_of(result: DeliveryResult, tmp_path: Path) -> None:
    """Else a crash in between loses a message without a word."""
    relay = Relay(tmp_path, notify="SUCCESS,FAILURE")
    relay.attempt(bob=result)
    assert relay.owed_when_told == [[BOB]]
    assert relay.owed == []


def test_a_delay_is_told_once(tmp_path: Path) -> None:
    relay = Relay(tmp_path, warn_after_s=HOUR)
    for age_s in (HOUR, 2 * HOUR, 3 * HOUR):
        relay.attempt(age_s=age_s, bob=FULL)
    assert [notice["Action"] for notice in relay.told] == ["delayed"]
    relay.attempt(age_s=5 * DAY, bob=FULL)
    assert [notice["Action"] for notice in relay.told] == ["delayed", "failed"]


def test_a_delay_tells_until_when_it_is_tried(tmp_path: Path) -> None:
    relay = Relay(tmp_path, warn_after_s=HOUR)
    relay.attempt(age_s=HOUR, bob=FULL)
    [notice] = relay.told
    assert notice["Will-Retry-Until"] == "Sat, 10 Jan 2026 09:00:00 +0000"
    assert notice["Diagnostic-Code"] == "smtp; 452 4.2.2 Mailbox full"


@pytest.mark.parametrize(
    ("result", "fields"),
    [
        (FULL, {"Remote-MTA": "dns; mx.someschool.edu", "Diagnostic-Code": "smtp; 452 4.2.2 Mailbox full"}),
        (SILENCE, {}),
    ],
    ids=["a reply", "no reply"],
)
def test_only_a_reply_is_quoted_as_one(result: DeliveryResult, fields: dict[str, str], tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    relay.attempt(age_s=5 * DAY, bob=result)
    [notice] = relay.told
    assert {name: notice[name] for name in ("Remote-MTA", "Diagnostic-Code") if name in notice} == fields


@pytest.mark.parametrize(
    ("age_s", "earlier", "due_s"),
    [(0, 0, 30 * MINUTE), (30 * MINUTE, 1, 90 * MINUTE), (5 * DAY - MINUTE, 9, 5 * DAY)],
    ids=["first", "second", "the last one falls on the end"],
)
def test_the_next_attempt(age_s: float, earlier: int, due_s: float, tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    for _ in range(earlier):
        relay.attempt(bob=FULL)
    relay.attempt(age_s=age_s, bob=FULL)
    assert relay.queue.next_due() == ARRIVED + due_s

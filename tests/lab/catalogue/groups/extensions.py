"""What extensions of SMTP bring: sizes, numbers of recipients, character sets, groups of commands."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from testbed.hosts.envelope import Envelope
from testbed.hosts.sending import delivery, fitting
from testbed.hosts.sending.delivery import DeliverySession
from testbed.hosts.sending.fitting import Fitted, Offer
from testbed.hosts.sending.results import TOO_MANY, DeliveryResult, reply_result
from testbed.hosts.smtp.commands import Terms
from tests.lab.catalogue.breaks import bounces_what_could_wait, never_gives_up
from tests.lab.catalogue.group import Break

FINDINGS = {
    "address-beyond-ascii": "",
    "address-beyond-ascii-taken": "",
    "attachments-8BITMIME": "credentials-in-clear",
    "attachments-PIPELINING": "credentials-in-clear",
    "eight-bits-converted": "",
    "eight-bits-kept": "",
    "full-beside-room-452-4.2.2-Mailbox-full": "delivery-retried mailbox-full",
    "full-beside-room-452-4.3.1-Disk-full": "delivery-retried disk-full",
    "group-cut-MAIL-close": "delivery-retried server-hung-up",
    "group-cut-MAIL-stall": "delivery-retried no-reply",
    "group-cut-RCPT-close": "delivery-retried server-hung-up",
    "group-cut-RCPT-stall": "delivery-retried no-reply",
    "group-cut-DATA-close": "delivery-retried server-hung-up",
    "group-cut-DATA-stall": "delivery-retried no-reply",
    "header-beyond-ascii": "",
    "lone-dot": "lone-dot user-unknown",
    "over-quota-beside-room": "mailbox-full",
    "pipelined-group-550-5.1.1-Unknown": "user-unknown",
    "pipelined-group-450-4.2.1-Later": "refused-for-now",
    "pipelining-not-offered": "",
    "too-big-as-announced": "",
    "too-big-at-mail-552-5.3.4-Message-too-big": "message-too-big",
    "too-big-at-mail-552-5.2.3-Too-long-for-this-mailbox": "refused-for-good",
    "too-big-unannounced": "message-too-big",
    "too-many-recipients-552-552-Too-many-recipients": "delivery-retried too-many-recipients",
    "too-many-recipients-552-552-5.5.3-Too-many-recipients": "delivery-retried too-many-recipients",
    "too-many-recipients-True": "delivery-retried too-many-recipients",
    "too-many-recipients-False": "delivery-retried too-many-recipients",
}


def _sends_as_it_is(patch: pytest.MonkeyPatch) -> None:
    """A relay that does not look at what the next hop offers."""

    def fit(envelope: Envelope, content: bytes, offer: Offer) -> Fitted:
        return Fitted(replace(envelope, parameters=replace(envelope.parameters, size=len(content))), content, {})

    patch.setattr(delivery, "fit", fit)


def _leaves_the_rest(patch: pytest.MonkeyPatch) -> None:
    """A relay that has those who were too many wait for the next attempt."""
    patch.setattr(DeliveryResult, "too_many", property(lambda self: False))


def _takes_552_at_its_word(patch: pytest.MonkeyPatch) -> None:
    """A relay to which every 552 is final."""
    patch.setattr(delivery, "recipient_result", lambda code, text, *, first: reply_result(code, text))


def _takes_552_for_too_many(patch: pytest.MonkeyPatch) -> None:
    """A relay to which no 552 is final."""

    def result(code: int, text: str, *, first: bool) -> DeliveryResult:
        return DeliveryResult(code, TOO_MANY, text) if code == 552 else reply_result(code, text)

    patch.setattr(delivery, "recipient_result", result)


def _never_in_groups(patch: pytest.MonkeyPatch) -> None:
    """A relay that waits for every reply."""
    patch.setattr(DeliverySession, "_in_one_go", DeliverySession._step_by_step)


def _always_in_groups(patch: pytest.MonkeyPatch) -> None:
    """A relay that does not ask whether PIPELINING is offered."""
    patch.setattr(DeliverySession, "_step_by_step", DeliverySession._in_one_go)


def _drops_the_eighth_bit(patch: pytest.MonkeyPatch) -> None:
    """A relay that makes seven bits of eight by leaving one out."""
    patch.setattr(fitting, "to_seven_bit", lambda content: bytes(octet & 0x7F for octet in content))
    patch.setattr(Terms, "offered", property(lambda self: frozenset({"SIZE"})))


def _passes_the_text_on(patch: pytest.MonkeyPatch) -> None:
    """A relay that makes seven bits of a message by leaving out all but its text."""

    def text_alone(content: bytes) -> bytes:
        head, _, body = content.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n" + body.partition(b"Content-Disposition:")[0]

    patch.setattr(fitting, "to_seven_bit", text_alone)
    patch.setattr(Terms, "offered", property(lambda self: frozenset({"SIZE"})))


GUARDS: dict[str, Break] = {
    "address-beyond-ascii": never_gives_up,
    "address-beyond-ascii-taken": _sends_as_it_is,
    "attachments": _passes_the_text_on,
    "eight-bits-converted": _drops_the_eighth_bit,
    "eight-bits-kept": _drops_the_eighth_bit,
    "full-beside-room": bounces_what_could_wait,
    "group-cut": bounces_what_could_wait,
    "header-beyond-ascii": _sends_as_it_is,
    "lone-dot": _never_in_groups,
    "over-quota-beside-room": _takes_552_for_too_many,
    "pipelined-group": _never_in_groups,
    "pipelining-not-offered": _always_in_groups,
    "too-big-as-announced": _sends_as_it_is,
    "too-big-at-mail": never_gives_up,
    "too-big-unannounced": never_gives_up,
    "too-many-recipients": _leaves_the_rest,
    "too-many-recipients-552": _takes_552_at_its_word,
}

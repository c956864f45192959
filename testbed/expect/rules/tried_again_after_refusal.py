"""RFC 5321 §4.2.1: after a 5yz reply, the client should not repeat the request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Answer, Passage
from testbed.expect.rules.settings import meddled_with
from testbed.expect.rules.tries import Offer, tries
from testbed.expect.sealed import ends, sealed
from testbed.expect.verdict import Verdict
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_WHAT = "no mail is tried again after a permanent refusal (RFC 5321 §4.2.1)"
# Others are about the command: it may be said in another way, or to fewer recipients (RFC 5321 §4.5.3.1.10).
_FINAL = ("550", "551", "553", "554")


def tried_again_after_refusal(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A relay offers a recipient again, although each message it has taken for him was taken or refused for good."""
    hidden = ends(sealed(analysis))  # nobody knows what else they were given
    given: dict[Offer, int] = {}
    for passage in carried:
        if passage.answer is not Answer.REFUSED:
            offer = Offer(passage.server, passage.sender, passage.recipient)
            given[offer] = given.get(offer, 0) + 1
    for offer, made in tries(analysis, carried).items():
        if offer not in given or offer.client in hidden or meddled_with(scenario, offer.client):
            continue
        refusals = [at for at, one in enumerate(made) if one.status[:1] == "2" or one.status.startswith(_FINAL)]
        for at in refusals[given[offer] - 1 :]:
            before, again = made[at], made[at + 1 : at + 2]
            if not again or not before.status.startswith(_FINAL):
                continue
            why = f"{offer.client} tried {offer.recipient} again, although {before.server} had refused "
            why += f"with {before.status}"
            yield Verdict(_WHAT, False, why, (*before.frames, *again[0].frames))
            break

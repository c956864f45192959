"""The chapter on authentication is sharp: each way to break a check turns some of its cases red."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.catalogue import breaks_of_checks as breaks
from tests.lab.catalogue.test_catalogue import SCENARIOS
from tests.lab.test_scenarios import play

pytestmark = pytest.mark.lab

# Of each break the files whose cases could show it.
SHOWN_BY: dict[Callable[[pytest.MonkeyPatch], None], tuple[str, ...]] = {
    breaks.heeds_no_result: ("spf-fails",),
    breaks.counts_no_lookups: ("spf-taken", "spf-refused", "broken-spf"),
    breaks.ignores_void_lookups: ("spf-taken", "spf-refused", "broken-spf"),
    breaks.takes_the_first_spf_record: ("spf-taken", "spf-refused", "broken-spf"),
    breaks.passes_over_missing_includes: ("spf-taken", "spf-refused", "broken-spf"),
    breaks.follows_no_redirect: ("spf-taken", "spf-refused"),
    breaks.expands_no_macros: ("spf-taken", "spf-refused"),
    breaks.believes_unconfirmed_names: ("spf-taken", "spf-refused"),
    breaks.believes_every_signature: ("signature-flaws", "signed-in-transit"),
    breaks.believes_every_body: ("signed-in-transit",),
    breaks.covers_the_whole_body_whatever_l_says: ("signature-flaws",),
    breaks.takes_any_length: ("signature-flaws",),
    breaks.believes_sha1: ("signature-flaws",),
    breaks.takes_short_keys: ("signature-flaws", "key-published"),
    breaks.never_lets_a_signature_expire: ("signature-flaws",),
    breaks.lets_anybody_sign_for: ("signature-flaws", "composition"),
    breaks.aligns_strictly: ("aligned", "newsletter"),
    breaks.takes_the_first_author: ("two-authors", "composition", "shown-name"),
    breaks.knows_no_testing: ("dmarc-policy",),
    breaks.believes_every_chain: ("ways-of-forwarding", "list-and-dmarc"),
    breaks.trusts_no_sealer: ("ways-of-forwarding", "list-and-dmarc"),
    breaks.believes_every_block_list: ("block-list",),
    breaks.believes_no_block_list: ("block-list",),
    breaks.takes_everybody_for_bulk: ("bulk-sender", "unauthenticated"),
}


@pytest.mark.parametrize("break_it", SHOWN_BY, ids=lambda one: one.__name__)
def test_a_case_shows_it(
    break_it: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [one for one in SCENARIOS.values() if Path(one.file).stem in SHOWN_BY[break_it]]
    break_it(monkeypatch)
    assert any(play(case, tmp_path).result is Result.FAILED for case in cases), break_it.__doc__

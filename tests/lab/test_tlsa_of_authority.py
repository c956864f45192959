"""TLSA records of usage 2 in a capture: the chain a server showed, against the authority they name (RFC 7672)."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: An authority in a TLSA record
hosts:
  ns.lab: {dnssec: true}
  crepes.fr: {tls: dane}
  someschool.edu: {starttls: true, dane: {usage: 2, selector: SELECTOR}}
faults: [{tls: someschool.edu, is: FLAW}]
steps:
  - send: {to: bob@someschool.edu}
expect:
  - queued: {at: crepes.fr, to: bob@someschool.edu}
"""


@pytest.mark.parametrize(
    ("flaw", "selector", "said"),
    [
        ("self-signed", 1, "the certificate of someschool.edu matches none of its TLSA records"),
        ("wrong-name", 0, "is not what its TLSA records demand (usage 2): the certificate is for"),
        ("expired", 1, "is not what its TLSA records demand (usage 2): the certificate expired on"),
    ],
)
def test_a_chain_that_is_not_the_authority_s(flaw: str, selector: int, said: str, tmp_path: Path) -> None:
    """Neither its name nor its date, nor who signed it, may be another; a chain that fits is in the catalogue."""
    outcome = play(SCENARIO.replace("FLAW", flaw).replace("SELECTOR", str(selector)), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    [finding] = [one for one in outcome.analysis.findings if one.code == "tlsa-mismatch"]
    assert said in finding.text
